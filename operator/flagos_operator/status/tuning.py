"""Kernels that are tuned while a server starts or serves, where its log has a word for it.

Triton and FlagGems tell each of them with TRITON_PRINT_AUTOTUNING=1, in thousands of lines: so
they are added up, and one line of our own stands for all that were read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from flagos_operator.status.reached import UP
from flagos_operator.status.text import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterable

# Stock Triton, FlagTree and FlagGems' libentry, which puts its keys before the configuration.
TUNED = re.compile(
    r"Triton autotuning for function (?P<kernel>[\w.<>]{1,60})[\w.<>]{0,200} finished after "
    r"(?P<seconds>\d{1,7}(?:\.\d{1,9})?) ?s\b"
)
TUNES = re.compile(r"\bAutotuning kernel (?P<kernel>[\w.<>]{1,60})[\w.<>]{0,200} with config\b")
READY = re.compile(UP)
STAMP = re.compile(r"^(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?P<rest>\.\d{1,9})?Z ")
SUMMARY = re.compile(
    r"^(?:\S{20,35}Z )?flagos-operator tuning: (?P<before>\d+) kernels in (?P<seconds>[\d.]+) s "
    r"before Ready, (?P<after>\d+) in (?P<later>[\d.]+) s after; last (?P<last>\S+) at "
    r"(?P<at>\S+), covered to (?P<until>\S+), ready (?P<ready>\S+)$"
)
NONE = "-"
LOOKED_AT = 400
# Between two kernels a server may serve for a while; later than this it is no longer news.
RECENT = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Seconds are those of the clock, so that ranks that tune at once do not count twice.

    Without times in the log they are the sum of what it says. `last` and `at`: the kernel that
    was tuned of late; `ready`: when the server first answered.
    """

    before: int = 0
    seconds: float = 0.0
    after: int = 0
    later: float = 0.0
    last: str = ""
    at: datetime | None = None
    until: datetime | None = None
    ready: datetime | None = None
    served: bool = False


def tuned(kept: str, lines: Iterable[str]) -> str:
    """The line that stands for `kept`, an earlier one or "", and for those that came after it.

    `lines` are all new ones of one run, in their order: of a start, the line that ends it counts.
    Empty while there is nothing to tell.
    """
    found = tuning(kept)
    for line in lines:
        found = _with(found, line[:LOOKED_AT])
    return as_line(found) if found.last or found.served else ""


def is_summary(line: str) -> bool:
    return bool(SUMMARY.search(line))


@lru_cache(maxsize=1024)  # one pass over a model asks several times
def tuning(text: str) -> Tuning:
    """What a log, or what was kept of it, tells; a summary in it stands for lines before it."""
    found = Tuning()
    for line in text.split("\n"):
        found = _with(found, line[:LOOKED_AT])
    return found


def as_line(found: Tuning) -> str:
    """Dated, so that it has its place among the other lines of a log."""
    when = found.at or found.ready
    ready = "undated" if found.served and found.ready is None else _stamp(found.ready)
    told = (
        f"flagos-operator tuning: {found.before} kernels in {found.seconds:.2f} s before Ready, "
        f"{found.after} in {found.later:.2f} s after; last {found.last or NONE} at "
        f"{_stamp(found.at)}, covered to {_stamp(found.until)}, ready {ready}"
    )
    return f"{_stamp(when)} {told}" if when else told


def news_until(found: Tuning) -> datetime | None:
    """Until when a server that answers counts as tuning; None: it was not seen to."""
    if found.at is None or found.ready is None or found.at <= found.ready:
        return None
    return found.at + RECENT


def _with(found: Tuning, line: str) -> Tuning:
    if "utotuning" in line:
        return _with_kernel(found, CONTROL.sub("", line))
    if READY.search(line) and not found.served:
        return replace(found, served=True, ready=_time(line))
    return _read(match, found) if (match := SUMMARY.search(line)) else found


def _with_kernel(found: Tuning, line: str) -> Tuning:
    when = _time(line)
    if when and found.until and when <= found.until:
        return found  # it is counted already
    if match := TUNED.search(line):
        spent = _uncovered(found, float(match["seconds"]), when=when)
        return _added(found, match["kernel"], spent, when=when)
    if match := TUNES.search(line):
        return replace(found, last=match["kernel"], at=when or found.at)
    return found


def _added(found: Tuning, kernel: str, spent: float, *, when: datetime | None) -> Tuning:
    told = replace(found, last=kernel, at=when or found.at, until=when or found.until)
    if found.served:
        return replace(told, after=found.after + 1, later=found.later + spent)
    return replace(told, before=found.before + 1, seconds=found.seconds + spent)


def _uncovered(found: Tuning, seconds: float, *, when: datetime | None) -> float:
    """What of the time before `when` was not counted already."""
    if when is None or found.until is None:
        return seconds
    return max(0.0, min(seconds, (when - found.until).total_seconds()))


def _time(line: str) -> datetime | None:
    match = STAMP.match(line)
    if match is None:
        return None
    try:
        whole = datetime.fromisoformat(match["time"]).replace(tzinfo=UTC)
    except ValueError:
        return None
    return whole + timedelta(seconds=float(match["rest"] or 0))


def _read(match: re.Match[str], found: Tuning) -> Tuning:
    return Tuning(
        before=int(match["before"]),
        seconds=float(match["seconds"]),
        after=int(match["after"]),
        later=float(match["later"]),
        last="" if match["last"] == NONE else match["last"],
        at=_time(f"{match['at']} "),
        until=_time(f"{match['until']} "),
        ready=_time(f"{match['ready']} ") or found.ready,
        served=found.served or match["ready"] != NONE,
    )


def _stamp(when: datetime | None) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if when else NONE
