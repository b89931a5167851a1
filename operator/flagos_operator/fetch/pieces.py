"""Which bytes of a file are here: its pieces, and the journal that lies beside its part.

A file arrives in pieces, by several streams at once, at their places in one sparse file. The
journal counts the bytes of each piece. A count is written after its bytes, so that it is true
however the process ends. It is not after a power cut, where a disk may keep the one without the
other: then the checksum of the whole file fails, and it comes again.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PIECE = 64 << 20
SMALLEST = 1 << 16  # of less, the journal of a large file would be a large file
MAGIC = b"flagos/1"
HEAD = struct.Struct("<8sQQ128s")  # magic, size of the file, size of a piece, ETag
COUNT = struct.Struct("<Q")  # within one page: no reader ever sees half of one


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The bytes [start, stop) of a file."""

    index: int
    start: int
    stop: int


def cut(size: int, *, piece: int) -> tuple[Piece, ...]:
    starts = range(0, size, piece)
    return tuple(
        Piece(index=index, start=start, stop=min(start + piece, size))
        for index, start in enumerate(starts)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a journal says; `etag` is the version that the hub gave the content, if it did."""

    size: int
    piece: int
    have: tuple[int, ...]
    etag: str = ""

    @property
    def arrived(self) -> int:
        return sum(self.have)

    @property
    def furthest(self) -> int:
        """Where the last byte that is claimed ends: no part can be shorter."""
        return max((start + length for start, length in self.extents), default=0)

    @property
    def extents(self) -> tuple[tuple[int, int], ...]:
        """Start and length of each run of bytes that is here."""
        rows = enumerate(self.have)
        return tuple((index * self.piece, have) for index, have in rows if have)

    def pack(self) -> bytes:
        head = HEAD.pack(MAGIC, self.size, self.piece, self.etag.encode())
        return head + b"".join(map(COUNT.pack, self.have))


def fresh(*, size: int, piece: int) -> Counts:
    """Of a file of which nothing is here."""
    piece = max(1, piece)
    return Counts(size=size, piece=piece, have=(0,) * -(-size // piece))


def unpack(raw: bytes) -> Counts | None:
    """None for what is torn, of another version, or claims what cannot be."""
    if len(raw) < HEAD.size:
        return None
    magic, size, piece, etag = HEAD.unpack_from(raw)
    body = raw[HEAD.size :]
    if magic != MAGIC or piece < 1 or len(body) != COUNT.size * -(-size // piece):
        return None
    have = tuple(count for (count,) in COUNT.iter_unpack(body))
    longest = (each.stop - each.start for each in cut(size, piece=piece))
    if any(count > most for count, most in zip(have, longest, strict=True)):
        return None
    text = etag.rstrip(b"\0").decode("ascii", errors="replace")
    return Counts(size=size, piece=piece, have=have, etag=text)


def data_in(folder: Path) -> Path:
    return folder / "data"


def journal_in(folder: Path) -> Path:
    return folder / "journal"


def counts_in(folder: Path, *, size: int) -> Counts | None:
    """What is here of a file of this size; None when nothing of it can be used."""
    try:
        counts = unpack(journal_in(folder).read_bytes())
        length = data_in(folder).stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None
    if counts is None or counts.size != size or length < counts.furthest:
        return None
    return counts


class Journal:
    """The counts on the disk and in memory, of a file that is being written."""

    def __init__(self, path: Path, *, counts: Counts) -> None:
        self.counts = counts
        self.have = list(counts.have)
        self.arrived = counts.arrived
        self._first_gap = 0
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        packed = counts.pack()
        if os.pread(self._handle, len(packed) + 1, 0) != packed:
            self._write_all()

    def add(self, index: int, length: int) -> None:
        """Of a piece that only one stream writes; the bytes are in the file already."""
        self.have[index] += length
        self.arrived += length
        os.pwrite(self._handle, COUNT.pack(self.have[index]), HEAD.size + COUNT.size * index)

    def frontier(self) -> int:
        """How many bytes are here from the beginning on without a gap."""
        index, piece, size = self._first_gap, self.counts.piece, self.counts.size
        while index < len(self.have) and index * piece + self.have[index] == min(
            (index + 1) * piece, size
        ):
            index += 1
        self._first_gap = index
        return size if index == len(self.have) else index * piece + self.have[index]

    def start_over(self, *, etag: str) -> None:
        self.counts = replace(self.counts, have=(0,) * len(self.have), etag=etag)
        self.have = list(self.counts.have)
        self.arrived = self._first_gap = 0
        self._write_all()

    def _write_all(self) -> None:
        packed = self.counts.pack()
        os.pwrite(self._handle, packed, 0)
        os.ftruncate(self._handle, len(packed))

    def close(self) -> None:
        os.close(self._handle)
