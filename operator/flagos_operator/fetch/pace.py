"""How fast a stream has to be, and when a host wants to be left alone."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flagos_operator.fetch.patience import Trouble
from flagos_operator.fetch.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The least that a stream has to bring; one that brings less is asked for anew."""

    bytes_per_second: float = 1024
    over: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """How many, in which pieces, and how slow they may be.

    `alone`: of a file that is here in so many seconds, one stream is enough; a second one would
    only make the hash read back what it passed over.
    """

    count: int
    piece: int
    alone: float
    floor: Floor


class Pace:
    """Watches one answer; silence is not its business, but the socket's own timeout's."""

    def __init__(self, floor: Floor, *, since: float, host: str) -> None:
        self._floor = floor
        self._since = since
        self._host = host
        self._bytes = 0

    def note(self, count: int, *, now: float) -> None:
        self._bytes += count
        if now - self._since < self._floor.over:
            return
        if self._bytes < self._floor.bytes_per_second * (now - self._since):
            raise Trouble(
                Reason.SOURCE_UNREACHABLE,
                f"{self._host} sent {self._bytes} bytes in {now - self._since:.0f} s: it crawls",
                crawls=True,
            )
        self._since, self._bytes = now, 0


class Stopped(Exception):
    """Another stream has failed for good: there is nothing left to do."""


class Gate:
    """What one stream is told, `429`, holds for all streams to that host."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self.stopped = threading.Event()

    def hold(self, host: str, seconds: float) -> None:
        until = self._clock() + seconds
        self._until[host] = max(until, self._until.get(host, until))

    def enter(self, host: str) -> None:
        """Returns when the host may be asked again."""
        while (left := self._until.get(host, 0.0) - self._clock()) > 0:
            self.sleep(left)
        if self.stopped.is_set():
            raise Stopped

    def sleep(self, seconds: float) -> None:
        if self.stopped.wait(seconds):
            raise Stopped
