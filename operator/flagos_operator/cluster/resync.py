"""The truth, asked for: lists every kind, corrects the store and says who has news.

A watch starts from a list, the first time and whenever it broke for longer than the API server
remembers; what was deleted before that list is never told. This finds it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flagos_operator.cluster.kinds import KINDS, Key, Kind
from flagos_operator.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flagos_operator.cluster.client import Client
    from flagos_operator.cluster.store import Store
    from flagos_operator.metrics import Metrics

log = logging.getLogger(__name__)

_RETRY_FIRST, _RETRY_MOST = 1.0, 30.0
_SETTLED_AT_LAST = 30.0


@dataclass(slots=True, kw_only=True)
class Resync:
    client: Client
    store: Store
    metrics: Metrics
    namespaces: Sequence[str]  # ("",) is the whole cluster
    interval: float
    dice: Callable[[], float]
    wall: Callable[[], float]
    enqueue: Callable[[Key], None]
    settled: float = 1.0  # watches begin together: one list answers all that ask within this
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    _asks: int = 0
    _answered: int = 0
    _now: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Once at the start, before anybody works; then every interval, or when asked."""
        failures = 0
        while True:
            self._now.clear()
            asks = self._asks
            if await self._try():
                failures, self._answered = 0, asks
            else:
                failures += 1
            if await self._asked(within=self._pause(failures)):
                await self._settle()

    def soon(self) -> None:
        """Events may have been missed: do not wait for the next turn."""
        self._asks += 1
        self._now.set()

    @property
    def owed(self) -> bool:
        """Somebody asked for a list that has not come yet."""
        return self._asks > self._answered

    async def once(self) -> set[Key]:
        self.store.forget_graves()
        news: set[Key] = set()
        for kind in KINDS:
            for namespace in self.namespaces:
                news |= await self._list(kind, namespace)
            self.metrics.seen_at.labels(kind=kind.name).set(self.wall())
        return news

    async def _try(self) -> bool:
        try:
            news = await self.once()
        except OperatorError as error:
            log.warning("cannot list: %s: %s", type(error).__name__, error)
            return False
        # At the start everything is news, but also what has none deserves one look.
        for key in news if self.synced.is_set() else self.store.keys():
            self.enqueue(key)
        self.synced.set()
        return True

    async def _list(self, kind: Kind, namespace: str) -> set[Key]:
        seen: set[Key] = set()
        news: set[Key] = set()
        version = 0
        async for chunk in self.client.list(kind, namespace=namespace):
            version = int(chunk["metadata"].get("resourceVersion") or 0)
            for body in chunk.get("items") or ():
                meta = body["metadata"]
                seen.add(Key(meta.get("namespace", ""), meta["name"]))
                news |= self.store.put(kind, body)
        ghosts, bereaved = self.store.sweep(kind, seen=seen, version=version, namespace=namespace)
        self.metrics.ghosts.labels(kind=kind.name).inc(ghosts)
        return news | bereaved

    def _pause(self, failures: int) -> float:
        spread = 0.8 + 0.4 * self.dice()
        if failures:
            return min(_RETRY_FIRST * 2.0 ** (failures - 1), _RETRY_MOST, self.interval) * spread
        return self.interval * spread

    async def _asked(self, *, within: float) -> bool:
        try:
            async with asyncio.timeout(within):
                return await self._now.wait()
        except TimeoutError:
            return False

    async def _settle(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLED_AT_LAST):
                while await self._asked(within=self.settled):
                    self._now.clear()
