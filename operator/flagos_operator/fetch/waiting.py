"""Waiting for whoever downloads to the same volume, but not for ever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flagos_operator.fetch.lease import Lock, Seen, process_alive, provably_dead
from flagos_operator.fetch.reasons import FetchError, Reason

if TYPE_CHECKING:
    from collections.abc import Callable

LOOKS = 60  # in the time after which a silent holder is taken for dead


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """How the lock was come by.

    `after_silence`: taken from a holder that was only silent and might still write: what it has
    begun must not be appended to in place.
    """

    after_silence: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    lock: Lock
    stale_after: float
    longest: float
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    say: Callable[[str], None]
    say_every: float = 30.0

    def wait(self, *, served: Callable[[], bool]) -> Turn | None:
        """Our turn, or None when meanwhile another has done our work."""
        started = self.clock()
        silence, told = Silence(since=started), started - self.say_every
        after_silence = False
        while not self.lock.take():
            if served():
                return None
            seen = self.lock.look()
            if seen is None:
                continue
            now = self.clock()
            silence = silence.observe(seen, now=now)
            dead = provably_dead(seen.holder, me=self.lock.me, alive=process_alive)
            if dead or now - silence.since >= self.stale_after:
                self.say(f"taking over the volume from {_who(seen)}, which is gone")
                after_silence = after_silence or not dead
                self.lock.clear(seen)
                continue
            if now - started >= self.longest:
                raise self._tired(seen)
            if now - told >= self.say_every:
                self.say(f"waiting: {_who(seen)} is writing to this volume")
                told = now
            self.sleep(self.stale_after / LOOKS)
        return Turn(after_silence=after_silence)

    def _tired(self, seen: Seen) -> FetchError:
        return FetchError(
            Reason.LOCK_HELD,
            f"{_who(seen)} has held the volume for more than {self.longest:.0f} s and is alive: "
            "wait for it, or give this model a volume of its own",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Since when, on our clock, the holder has given no sign of life."""

    since: float
    beat: tuple[int, int] | None = None

    def observe(self, seen: Seen, *, now: float) -> Silence:
        return self if seen.beat == self.beat else Silence(since=now, beat=seen.beat)


def _who(seen: Seen) -> str:
    if seen.holder is None:
        return "an unnamed holder"
    what = f" ({seen.holder.what})" if seen.holder.what else ""
    return f"{seen.holder.name}{what}"
