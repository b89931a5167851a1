"""What the lines of a download say: how far it is, whom it waits for, what goes wrong.

The lines are a contract with `fetch`, whose image may be older than this operator: what is not
understood is passed over. They may hold words of a hub, so nothing in them is trusted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from flagos_operator.status.text import UNITS

LISTING, DOWNLOADING, VERIFYING, WAITING = "Listing", "Downloading", "Verifying", "Waiting"
LONGEST = 400  # of the words of somebody else

_COUNTED = re.compile(
    r"(?P<phase>downloading|verifying): .*?\((?P<percent>\d{1,3})%\)"
    r"(?:, (?P<rate>\d{1,9}(?:\.\d+)?) (?P<unit>[KMGT]?i?B)/s)?"
    r"(?:, (?:(?P<h>\d{1,6}) h ?)?(?:(?P<min>\d{1,6}) min ?)?(?:(?P<s>\d{1,6}) s )?left)?"
    r"(?: \[(?P<done>\d{1,18})/(?P<total>\d{1,18})\])?$"
)
_PLAIN = re.compile(r"(?P<phase>listing|waiting|verifying): (?P<words>.+)$")
_TROUBLE = re.compile(r"(?P<words>.+); trying again in (?P<seconds>\d{1,6}(?:\.\d+)?) s$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """`message` is there while it waits for somebody, or while something goes wrong."""

    phase: str
    message: str = ""
    percent: int | None = None
    done: int | None = None
    total: int | None = None
    rate: int | None = None  # bytes per second
    left: int | None = None  # seconds

    @property
    def in_trouble(self) -> bool:
        return bool(self.message) and self.phase != WAITING


@lru_cache(maxsize=4096)
def told(text: str) -> Told | None:
    """The last that is said; what goes wrong counts until something has moved on since."""
    last: Told | None = None
    trouble = ""
    for line in text.splitlines():
        if match := _TROUBLE.match(line):
            trouble = _trouble(match)
            last = last or Told(phase=LISTING)
        elif found := _told(line):
            moved = last is None or _place(found) != _place(last)
            trouble = "" if moved else trouble
            last = _onward(found, last)
    return replace(last, message=trouble) if last and trouble else last


def says_something(text: str) -> bool:
    return told(text) is not None


def _told(line: str) -> Told | None:
    if match := _COUNTED.match(line):
        return _counted(match)
    if match := _PLAIN.match(line):
        phase = match["phase"].capitalize()
        return Told(phase=phase, message=_clean(match["words"]) if phase == WAITING else "")
    return None


def _counted(match: re.Match[str]) -> Told:
    done, total = (int(match[name]) if match[name] else None for name in ("done", "total"))
    percent = min(int(match["percent"]), 100)
    if done is not None and total:
        done = min(done, total)
        percent = 100 * done // total
    return Told(
        phase=match["phase"].capitalize(),
        percent=percent,
        done=done,
        total=total,
        rate=_rate(match),
        left=_left(match),
    )


def _rate(match: re.Match[str]) -> int | None:
    unit = match["unit"]
    if not unit or unit not in UNITS:
        return None
    return int(float(match["rate"]) * float(1024 ** UNITS.index(unit)))


def _left(match: re.Match[str]) -> int | None:
    parts = [match["h"], match["min"], match["s"]]
    if not any(parts):
        return None
    hours, minutes, seconds = (int(part or 0) for part in parts)
    return hours * 3600 + minutes * 60 + seconds


def _trouble(match: re.Match[str]) -> str:
    seconds = max(1, round(float(match["seconds"])))
    return f"{_clean(match['words'])}; trying again in {seconds} s"


def _place(found: Told) -> tuple[object, ...]:
    return found.phase, found.done, found.total, found.percent


def _onward(found: Told, before: Told | None) -> Told:
    """A piece that arrived damaged is taken off the count, and the reader need not know."""
    return further(found, before) if before else found


def further(found: Told, before: Told) -> Told:
    """`found`, but not behind what was said before about the same."""
    other_total = found.total and before.total and found.total != before.total
    if found.phase != before.phase or other_total or _far(found) >= _far(before):
        return found
    return replace(found, percent=before.percent, done=before.done)


def _far(told: Told) -> tuple[int, int]:
    return told.percent or 0, told.done or 0


def _clean(words: str) -> str:
    seen = "".join(each if each.isprintable() else " " for each in words)
    return seen if len(seen) <= LONGEST else seen[: LONGEST - 3] + "..."
