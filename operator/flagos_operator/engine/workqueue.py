"""Keys that need a look: each at most once, none twice at a time, none forgotten.

    queued  waits in a lane for a worker; adding it again changes nothing
    active  a worker is inside; adding it again makes it dirty
    dirty   will be queued once more, exactly once, when its worker is done
    timed   will be queued later; of two timers the earlier one stays

What somebody asked for goes before what the cluster tells, and that before what a relist finds:
of a thousand new models each has its objects before the first is looked at again. Every eighth
turn is for the key that has waited longest, so nothing waits for ever.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
FAIR = 8


class Lane(IntEnum):
    """Why a key is queued; the lower goes first."""

    ASKED = 0  # somebody made or edited it
    TOLD = 1
    ROUTINE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Seconds to wait after the n-th failure in a row: 1, 2, 4 ... 300, each +-20 %.

    Without the spread, keys that failed together would come back together for ever.
    """

    first: float = 1.0
    most: float = 300.0
    spread: float = 0.2

    def delay(self, failures: int, *, most: float, dice: float) -> float:
        doubled = self.first * 2.0 ** min(failures - 1, 32)
        return min(doubled, self.most, most) * (1 + self.spread * (2 * dice - 1))


class WorkQueue(Generic[K]):
    def __init__(
        self,
        *,
        clock: Callable[[], float],
        dice: Callable[[], float],
        backoff: Backoff | None = None,
        waited: Callable[[float], object] = lambda _: None,
    ) -> None:
        self._clock = clock
        self._dice = dice
        self._backoff = backoff or Backoff()
        self._waited = waited
        # Of each lane the keys, and since when they wait.
        self._lanes: tuple[OrderedDict[K, float], ...] = tuple(OrderedDict() for _ in Lane)
        self._turns = 0
        self._active: dict[K, float] = {}
        self._dirty: dict[K, Lane] = {}
        self._failures: dict[K, int] = {}
        self._timers: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._sequence = 0
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._alarm: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return sum(len(lane) for lane in self._lanes)

    def add(self, key: K, *, lane: Lane = Lane.TOLD) -> None:
        if key in self._active:
            self._dirty[key] = min(lane, self._dirty.get(key, lane))
        else:
            self._enqueue(key, lane=lane)

    def add_after(self, key: K, seconds: float) -> None:
        when = self._clock() + seconds
        if when < self._timers.get(key, float("inf")):
            self._timers[key] = when
            self._sequence += 1
            heapq.heappush(self._heap, (when, self._sequence, key))
            self._set_alarm()

    def pop(self) -> K | None:
        """Take the next key, if one is ready; give it back with done() or failed()."""
        self._ring()
        lane = self._next_lane()
        if lane is None:
            return None
        key, since = lane.popitem(last=False)
        now = self._clock()
        self._active[key] = now
        # The pass that starts now sees everything that the timer was for.
        self._timers.pop(key, None)
        self._waited(now - since)
        return key

    async def get(self) -> K:
        while (key := self.pop()) is None:
            await self._news()
        return key

    def done(self, key: K, *, after: float | None = None) -> None:
        self._failures.pop(key, None)
        if after is not None:
            self.add_after(key, after)
        self._release(key)

    def failed(self, key: K, *, at_least: float = 0.0, at_most: float = float("inf")) -> float:
        """Retry later: `at_least` is what the API server asked for. Returns the delay."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = self._backoff.delay(failures, most=at_most, dice=self._dice())
        if at_least:
            delay = max(delay, at_least * (1 + self._backoff.spread * self._dice()))
        self.add_after(key, delay)
        self._release(key)
        return delay

    def failures(self, key: K) -> int:
        return self._failures.get(key, 0)

    def retrying(self) -> int:
        """Keys whose last pass failed: each has a timer, or is under way again."""
        return len(self._failures)

    def longest_pass(self) -> float:
        """Seconds since the start of the oldest pass that still runs."""
        return self._clock() - min(self._active.values(), default=self._clock())

    def _next_lane(self) -> OrderedDict[K, float] | None:
        waiting = [lane for lane in self._lanes if lane]
        if not waiting:
            return None
        self._turns += 1
        if self._turns % FAIR:
            return waiting[0]
        return min(waiting, key=lambda lane: next(iter(lane.values())))

    def _release(self, key: K) -> None:
        del self._active[key]
        if key in self._dirty:
            self._enqueue(key, lane=self._dirty.pop(key))

    def _enqueue(self, key: K, *, lane: Lane) -> None:
        """In one lane only; what moves to a better one keeps its time."""
        if any(key in better for better in self._lanes[: lane + 1]):
            return
        waits = [worse.pop(key) for worse in self._lanes[lane + 1 :] if key in worse]
        self._lanes[lane][key] = min(waits, default=self._clock())
        self._wake()

    def _ring(self) -> None:
        """Queue every key whose time has come."""
        now = self._clock()
        while self._heap and self._heap[0][0] <= now:
            when, _, key = heapq.heappop(self._heap)
            if self._timers.get(key) == when:
                del self._timers[key]
                self.add(key)

    async def _news(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._set_alarm()
        try:
            await waiter
        except asyncio.CancelledError:
            # It may have been woken in the same moment: pass the news on.
            if waiter.done() and not waiter.cancelled():
                self._wake()
            raise

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _set_alarm(self) -> None:
        """Ring when the earliest timer is due; with nobody waiting, pop() rings soon enough."""
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None
        if self._waiters and self._heap:
            delay = max(0.0, self._heap[0][0] - self._clock())
            self._alarm = asyncio.get_running_loop().call_later(delay, self._on_alarm)

    def _on_alarm(self) -> None:
        self._alarm = None
        self._ring()
        self._set_alarm()
