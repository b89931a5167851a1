"""One log that grows: what to ask of it next, so that nearly nothing is read twice.

The kubelet counts `sinceTime` in whole seconds, so the last second is asked for again until it is
surely over. Nothing here talks to anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HEAD = 64 * 1024
READ, LINES = 16 * 1024, 100
# Of one run of a container; what is left once most of it is spent has to last for hours.
ALLOWANCE = 256 * 1024
AMPLE = 160 * 1024
SURELY_OVER = 2.0  # seconds after its last line a second has no more lines to come
MOST_CATCHING_UP = 4  # reads; a log whose end they do not reach has new lines all the time
SCANT_READ, SCANT_LINES, SCANT_PACE = 1024, 5, 30.0

Distil = Callable[[str, str], str]
Query = Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class Following:
    distil: Distil
    kept: str = ""
    spent: int = 0
    ended: bool = False  # nothing more is wanted of it
    failures: int = 0
    current: bool = False  # it was read to its end once: till then its last line is an old one
    _reads: int = 0
    _news_at: float = 0.0
    _quiet: bool = False  # nothing more can come of the second that the last line is of
    _stuck: int = 0  # times in a row that a read was cut off before it came to anything new

    @property
    def scant(self) -> bool:
        return self.spent >= AMPLE

    @property
    def exhausted(self) -> bool:
        return self.spent + SCANT_READ > ALLOWANCE

    @property
    def silent(self) -> bool:
        return self.current and not self.spent

    def pace(self, wished: float) -> float:
        return max(wished, SCANT_PACE) if self.scant else wished

    def query(self) -> Query:
        limit, lines = (SCANT_READ, SCANT_LINES) if self.scant else (READ, LINES)
        since = self._since()
        if since is None:
            return {"limitBytes": str(min(HEAD, ALLOWANCE - self.spent))}
        return {
            "sinceTime": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tailLines": str(max(1, lines >> (2 * self._stuck))),
            "limitBytes": str(limit),
        }

    def take(self, text: str, *, asked: Query, now: float) -> None:
        size = len(text.encode())
        self.spent += size
        before, self.kept = self.kept, self.distil(self.kept, text)
        if new := _last_stamp(self.kept) != _last_stamp(before):
            self._news_at = now
        self._quiet = bool(self.kept) and now - self._news_at >= SURELY_OVER
        cut_off = size >= int(asked["limitBytes"])
        self._reads += 1
        self.current = self.current or not cut_off or self._reads >= MOST_CATCHING_UP
        self._stuck = 0 if new or not cut_off else self._stuck + 1

    def _since(self) -> datetime | None:
        try:
            last = datetime.fromisoformat(_last_stamp(self.kept)).astimezone(UTC)
        except ValueError:
            return None
        return last + timedelta(seconds=1) if self._quiet and not self._stuck else last


def _last_stamp(kept: str) -> str:
    """The kept text ends with the last line of the log, and a line begins with its time."""
    return kept.rpartition("\n")[2].partition(" ")[0]
