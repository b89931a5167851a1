"""Which piece a stream should fetch next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flagos_operator.fetch.pieces import Piece

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flagos_operator.fetch.listing import RemoteFile

ALL = -1  # the index of a piece that is the file, for a hub without ranges


@dataclass(slots=True, kw_only=True)
class Row:
    """A file, as far as it is of interest to streams; `pieces` is None until it is opened."""

    file: RemoteFile
    pieces: list[Piece] | None = None
    streams: int = 0
    ranges: bool = True
    failures: int = 0  # of its checksum
    since: float = 0.0  # when it was opened, and what was here then
    had: int = 0

    @property
    def left(self) -> int:
        if self.pieces is None:
            return self.file.size
        return sum(piece.stop - piece.start for piece in self.pieces)


@dataclass(slots=True, kw_only=True)
class Board:
    """Not safe for threads by itself: the crew holds its lock."""

    unopened: list[Row] = field(default_factory=list)
    opened: list[Row] = field(default_factory=list)

    @classmethod
    def of(cls, files: Iterable[RemoteFile]) -> Board:
        """The largest first: a last big file would have the line to itself."""
        ordered = sorted(files, key=lambda file: -file.size)
        return cls(unopened=[Row(file=file) for file in ordered])

    def reopen(self, keys: Iterable[str]) -> tuple[Row, ...]:
        """The files of which an earlier run has left something."""
        known = set(keys)
        self.opened = [row for row in self.unopened if row.file.key in known]
        self.unopened = [row for row in self.unopened if row.file.key not in known]
        return tuple(self.opened)

    def next_row(self, *, takes_long: Callable[[Row], bool] = lambda _: True) -> Row | None:
        """The file with the fewest streams: hashing is one thread's work in each file.

        Of those the one that is begun, then the largest. None if there is nothing to do now.
        """
        begun = [
            row
            for row in self.opened
            if row.pieces and (not row.streams or (row.ranges and takes_long(row)))
        ]
        best = min(begun, key=lambda row: (row.streams, -row.left), default=None)
        if self.unopened and (best is None or best.streams > 0):
            best = self.unopened.pop(0)
            self.opened.append(best)
        return best

    def close(self, row: Row) -> None:
        self.opened.remove(row)

    @property
    def done(self) -> bool:
        return not self.unopened and not self.opened


def take(row: Row) -> Piece:
    """The first piece, so that the hash can follow; all of them where only one stream may."""
    row.streams += 1
    if row.ranges or row.pieces is None:
        return (row.pieces or []).pop(0)
    row.pieces.clear()
    return Piece(index=ALL, start=0, stop=row.file.size)
