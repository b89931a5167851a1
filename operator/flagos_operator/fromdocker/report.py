"""What became of each thing that the card said, and what it did not say."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WIDTH = 98
SHOWN = 4  # of many alike: sixteen device nodes are one line
LONG = 90


class UnclearError(Exception):
    """The text cannot be read, or can be read in two ways, or says what no model can."""


class IncompleteError(Exception):
    """The text is clear, and something that a model needs is not in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One decision. Line 0 is the command line's own word."""

    line: int
    what: str
    why: str

    @property
    def place(self) -> str:
        return f"line {self.line}: " if self.line else ""


@dataclass(slots=True, kw_only=True)
class Report:
    notes: dict[Note, None] = field(default_factory=dict)  # a set that keeps its order
    missing: list[str] = field(default_factory=list)

    def say(self, what: str, why: str, *, line: int = 0) -> None:
        self.notes[Note(line=line, what=shortened(what), why=why)] = None

    def miss(self, what: str) -> None:
        if what not in self.missing:
            self.missing.append(what)

    def lines(self) -> list[str]:
        """Notes in the order of the text, those that were decided alike in one."""
        ordered = sorted(self.notes, key=lambda note: note.line)
        return [told(list(alike)) for _, alike in groupby(ordered, key=lambda note: note.why)]


def told(alike: list[Note]) -> str:
    whats = list(dict.fromkeys(note.what for note in alike))
    more = f" and {len(whats) - SHOWN} more" if len(whats) > SHOWN else ""
    return f"{alike[0].place}{', '.join(whats[:SHOWN])}{more}: {alike[0].why}"


def shortened(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LONG else f"{flat[: LONG - 3]}..."


def comment(lines: Iterable[str]) -> str:
    """The notes as YAML comments; what a card says cannot end one."""
    return "".join(f"# {part}\n" for line in lines for part in folded(line))


def folded(line: str) -> Iterator[str]:
    indent, current = "", ""
    for word in "".join(c if c.isprintable() else " " for c in line).split():
        if current and len(current) + len(word) + 1 > WIDTH - 2:
            yield current
            indent, current = "  ", ""
        current = f"{current} {word}" if current else f"{indent}{word}"
    if current:
        yield current
