"""How long to go on asking a hub that is busy, broken or silent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from flagos_operator.fetch.reasons import FetchError, Reason

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Trouble(Exception):
    """Something went wrong that may pass; `reason` is what it becomes if it does not."""

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        retry_after: float | None = None,
        limit: int = 1000,
        crawls: bool = False,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        self.limit = limit
        self.crawls = crawls  # bytes came, so few that they are no sign of hope


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """`attempts` in a row without a single new byte; waits double from `first` to `longest`."""

    attempts: int = 8
    first: float = 1.0
    longest: float = 60.0
    # A hub that asks for more than this is not waited for here: the kubelet comes back later.
    longest_asked: float = 600.0

    def wait(self, trouble: Trouble, *, failures: int, random: float) -> float:
        """Seconds until the next attempt; raises when there is none.

        `random` in [0, 1) spreads the replicas that a hub has turned away all at once.
        """
        if failures >= min(self.attempts, trouble.limit):
            raise FetchError(
                trouble.reason,
                f"{trouble.message} (tried {'once' if failures == 1 else f'{failures} times'})",
                retry_after=trouble.retry_after,
            )
        if trouble.retry_after is None:
            ceiling = min(self.longest, self.first * 2.0 ** (failures - 1))
            return ceiling * (0.5 + random / 2)
        if trouble.retry_after > self.longest_asked:
            asked = f"the hub asks to wait {trouble.retry_after:.0f} s"
            raise FetchError(
                trouble.reason, f"{trouble.message}: {asked}", retry_after=trouble.retry_after
            )
        return trouble.retry_after + random * max(self.first, trouble.retry_after / 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Persistence:
    """Patience with the clock, chance and voice that it needs in real life."""

    patience: Patience
    sleep: Callable[[float], None]
    random: Callable[[], float]
    say: Callable[[str], None]

    def insist(
        self,
        attempt: Callable[[], T],
        *,
        progress: Callable[[], int],
        pausing: Callable[[Trouble, float], None] = lambda _trouble, _pause: None,
    ) -> T:
        """Calls `attempt` until it succeeds; bytes won since the last failure restore patience.

        `pausing` is told of each pause before it begins.
        """
        failures, reached = 0, progress()
        while True:
            try:
                return attempt()
            except Trouble as trouble:
                now = progress()
                failures = 1 if now > reached and not trouble.crawls else failures + 1
                reached = max(reached, now)
                pause = self.patience.wait(trouble, failures=failures, random=self.random())
                self.say(f"{trouble.message}; trying again in {pause:.1f} s")
                pausing(trouble, pause)
                self.sleep(pause)
