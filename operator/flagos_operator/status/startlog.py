"""The log of a server that starts, boiled down while it grows: what tells how far it is.

Lines begin with the time that the kubelet puts before them. Few are kept: the first of each step,
the last of a bar, those that others ask for, and the last of all.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

from flagos_operator.status.reached import (
    CONFIGURATION,
    EAGER,
    SIZED,
    STARTING,
    WITHOUT_GRAPHS,
    begun,
)
from flagos_operator.status.startwords import far
from flagos_operator.status.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

LONGEST = 300  # letters of a line that are kept
FIRST_OF_A_KIND, LAST_OF_A_KIND = 4, 4  # lines that others ask for, by pattern
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?")
# A process says nothing after its name, where what it writes has an empty line.
_SAYS = re.compile(r"(?:\([\w.= ]{1,40} pid=\d+\) ?)?\s*\S(?!\S* pid=\d+\)\s*$)")

Patterns = tuple[re.Pattern[str], ...]


@dataclass(frozen=True, slots=True)
class Line:
    at: datetime
    nanos: int
    stamp: str
    text: str

    @property
    def moment(self) -> tuple[datetime, int]:
        return self.at, self.nanos

    def __str__(self) -> str:
        return f"{self.stamp} {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """When a step began."""

    step: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What a log tells of a start. `far`: how far its last step is, in words, if it says so."""

    marks: tuple[Mark, ...]
    far: str
    last: Line | None
    words: str  # of the last line that has any


def distil(kept: str, new: str, *, patterns: Patterns = ()) -> str:
    """`kept` and what follows it; the last line is always the last of the log."""
    before = list(lines(kept))
    known = before[-1].moment if before else (datetime.min.replace(tzinfo=UTC), 0)
    after = [each for each in lines(new) if each.moment > known]
    return "\n".join(map(str, _telling([*before, *after], patterns)))


@lru_cache(maxsize=1024)
def story(kept: str) -> Story:
    told = list(lines(kept))
    steps = [(told[each.number - 1], each.name) for each in begun(each.text for each in told)]
    now = steps[-1][1] if steps else STARTING
    said = (far(each.text) for each in reversed(told))
    return Story(
        marks=tuple(Mark(step=name, at=line.at) for line, name in steps),
        far=next((each.words for each in said if each and each.step == now), ""),
        last=told[-1] if told else None,
        words=next((each.text.strip() for each in reversed(told) if _SAYS.match(each.text)), ""),
    )


def turns(kept: str) -> tuple[str, ...]:
    """The steps that have begun: a new one is told at once."""
    return tuple(each.step for each in story(kept).marks)


def lines(text: str) -> Iterator[Line]:
    """A line without a time goes with the one before it, and tells nothing by itself."""
    for raw in plain(text).split("\n"):
        found = _TIME.match(raw)
        if found and (at := _moment(found)):
            yield _line(found, at, raw[found.end() :])


def _moment(found: re.Match[str]) -> datetime | None:
    try:
        at = datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00"))
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _line(found: re.Match[str], at: datetime, text: str) -> Line:
    """Of what was written over and over the last state counts."""
    states = [each for each in text.split("\r") if each.strip()]
    nanos = int((found[2] or "").ljust(9, "0"))
    stamp = f"{at:%Y-%m-%dT%H:%M:%S}.{nanos:09}Z"  # a node may write in its own time zone
    return Line(at, nanos, stamp, _cut("".join(states[-1:])))


def _telling(told: Sequence[Line], patterns: Patterns) -> Iterator[Line]:
    chosen = {each.number - 1 for each in begun(each.text for each in told)}
    chosen.update(_first(WITHOUT_GRAPHS, told), _first(EAGER, told), _first(SIZED, told))
    chosen.update(_last(told, far), _last(told, _SAYS.match))
    chosen.update(range(len(told))[-1:])
    chosen.update(chain.from_iterable(_some(pattern, told) for pattern in patterns))
    return (told[at] for at in sorted(chosen))


def _first(pattern: re.Pattern[str], told: Sequence[Line]) -> Iterable[int]:
    found = (at for at, each in enumerate(told) if pattern.search(each.text))
    return [at for at, _ in zip(found, range(1), strict=False)]


def _last(told: Sequence[Line], says: Callable[[str], object]) -> Iterable[int]:
    found = (at for at in reversed(range(len(told))) if says(told[at].text))
    return [at for at, _ in zip(found, range(1), strict=False)]


def _some(pattern: re.Pattern[str], told: Sequence[Line]) -> Iterable[int]:
    """The first few that differ, and the last few."""
    by_text: dict[str, int] = defaultdict(int)
    found = [at for at, each in enumerate(told) if pattern.search(each.text)]
    for at in reversed(found):
        by_text[told[at].text] = at
    return [*sorted(by_text.values())[:FIRST_OF_A_KIND], *found[-LAST_OF_A_KIND:]]


def _cut(text: str) -> str:
    """Of a line that lists the whole configuration, the part that matters here."""
    if len(text) <= LONGEST:
        return text
    found = EAGER.search(text, 0, CONFIGURATION) or WITHOUT_GRAPHS.search(text, 0, CONFIGURATION)
    if found is None or found.end() <= LONGEST:
        return text[:LONGEST]
    return f"{text[: LONGEST - 100]} ... {found.group()}"
