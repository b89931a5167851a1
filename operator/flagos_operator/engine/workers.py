"""Workers: take a key, run the pass, say how it ended. A pass that fails never ends its worker."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from flagos_operator.errors import PATIENCE, OperatorError

if TYPE_CHECKING:
    from flagos_operator.engine.workqueue import WorkQueue
    from flagos_operator.metrics import Metrics

K = TypeVar("K", bound=Hashable)
log = logging.getLogger(__name__)

PASS_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """When to look at the key again without being told to; None: when something changes."""

    after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers(Generic[K]):
    queue: WorkQueue[K]
    handle: Callable[[K], Awaitable[Next]]
    metrics: Metrics
    clock: Callable[[], float]

    async def run(self, *, count: int) -> None:
        """Run until cancelled; afterwards no task of this is left."""
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(self._work(), name=f"worker-{number}")

    async def _work(self) -> None:
        while True:
            key = await self.queue.get()
            started = self.clock()
            result = await self._pass(key)
            self.metrics.reconciles.labels(result=result).inc()
            self.metrics.reconcile_seconds.observe(self.clock() - started)

    async def _pass(self, key: K) -> str:
        try:
            async with asyncio.timeout(PASS_TIMEOUT):
                outcome = await self.handle(key)
        except OperatorError as error:
            self._retry(key, error)
            return type(error).__name__
        except TimeoutError:
            delay = self.queue.failed(key)
            log.warning("%s: gave up after %.0f s, again in %.1f s", key, PASS_TIMEOUT, delay)
            return "Timeout"
        except Exception:
            # A defect of ours: it must not take the other models down with it.
            log.exception("%s: unexpected error", key)
            self.queue.failed(key)
            return "Bug"
        self.queue.done(key, after=outcome.after)
        return "Done"

    def _retry(self, key: K, error: OperatorError) -> None:
        patience = min(error.patience, PATIENCE)
        delay = self.queue.failed(key, at_least=error.retry_after, at_most=patience)
        # The first miss is often a race that the next pass settles: not worth a person's eye.
        level = logging.WARNING if self.queue.failures(key) > 1 else logging.INFO
        log.log(level, "%s: %s: %s; again in %.1f s", key, type(error).__name__, error, delay)
