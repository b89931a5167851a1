"""One file on its way: bytes at their places, a journal beside them, and a hash that follows."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from flagos_operator.fetch import pieces
from flagos_operator.fetch.hashing import BLOCK, Digests, mismatch, wrong_size
from flagos_operator.fetch.pace import Stopped
from flagos_operator.fetch.pieces import Journal, Piece

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flagos_operator.fetch.listing import RemoteFile

STRETCH = 16 << 20
LAG = 4 << 20  # so much that streams have passed over is worth being read back


class Part:
    """Several streams write, each its own piece.

    The hash follows the bytes that are here without a gap. Whoever writes just there hashes what
    it holds in memory; what was passed over meanwhile is read back by `follow`.
    """

    def __init__(
        self,
        file: RemoteFile,
        *,
        folder: Path,
        piece: int,
        lagging: Callable[[Part], None] = lambda _: None,
    ) -> None:
        self.file = file
        self._lagging = lagging
        self._stopped = False
        self.link: str | None = None  # where the hub led the last stream
        folder.mkdir(exist_ok=True)
        self._handle = os.open(pieces.data_in(folder), os.O_RDWR | os.O_CREAT, 0o644)
        self._journal = Journal(pieces.journal_in(folder), counts=_counts(file, folder, piece))
        self._pieces = pieces.cut(file.size, piece=self._journal.counts.piece)
        self._books = threading.Lock()
        self._hash = threading.Lock()
        self._digests = Digests(file)
        self.hashed = 0

    @property
    def arrived(self) -> int:
        return self._journal.arrived

    @property
    def etag(self) -> str:
        return self._journal.counts.etag

    @property
    def behind(self) -> int:
        """Bytes that could be hashed and are not."""
        return self._journal.frontier() - self.hashed

    def missing(self) -> tuple[Piece, ...]:
        have = self._journal.have
        return tuple(each for each in self._pieces if each.start + have[each.index] < each.stop)

    def reached(self, piece: Piece) -> int:
        """Where a stream has to go on; for all of the file, where the first gap is."""
        with self._books:
            if piece.index < 0:
                return self._journal.frontier()
            return piece.start + self._journal.have[piece.index]

    def write(self, block: bytes, *, at: int) -> None:
        """Bytes that are here already are passed over; a gap before them cannot be."""
        if self._stopped:
            raise Stopped
        view = memoryview(block)
        while view:
            piece = self._pieces[at // self._journal.counts.piece]
            here = view[: piece.stop - at]
            known = piece.start + self._journal.have[piece.index] - at
            if known < len(here):
                self._place(here[known:], at=at + known, piece=piece)
            view, at = view[len(here) :], at + len(here)

    def _place(self, block: memoryview, *, at: int, piece: Piece) -> None:
        write_all(self._handle, block, at=at)
        with self._books:
            self._journal.add(piece.index, len(block))
        start_writing_back(self._handle, at=at, length=len(block))
        if self._hash.acquire(blocking=False):
            try:
                if at == self.hashed:
                    self._take(block)
            finally:
                self._hash.release()
        if self.behind > LAG:
            self._lagging(self)

    def follow(self) -> None:
        """Hashes what is here and was passed over; also what an earlier run has left."""
        with self._hash:
            while (left := self.behind) > 0:
                if self._stopped:
                    raise Stopped
                block = os.pread(self._handle, min(BLOCK, left), self.hashed)
                if not block:
                    raise wrong_size(self.file, found=self.hashed)
                self._take(block)

    def _take(self, block: bytes | memoryview) -> None:
        self._digests.update(block)
        self.hashed += len(block)

    def check(self) -> str:
        """The sha256, if size and checksum are as listed."""
        self.follow()
        if self.hashed != self.file.size:
            raise wrong_size(self.file, found=self.hashed)
        os.ftruncate(
            self._handle, self.file.size
        )  # a journal that was torn forgets what lay there
        if (found := self._digests.told(self.file)) != self.file.checksum:
            raise mismatch(self.file, found=found)
        return self._digests.sha256.hexdigest()

    def start_over(self, *, etag: str = "") -> None:
        """Wrong bytes are not a beginning; no stream may be at work."""
        with self._books, self._hash:
            self._journal.start_over(etag=etag)
            os.ftruncate(self._handle, 0)
            self._digests, self.hashed = Digests(self.file), 0

    def stop(self) -> None:
        """From another thread: nothing more is to be written or hashed."""
        self._stopped = True

    def close(self) -> None:
        self._journal.close()
        os.close(self._handle)


def write_all(handle: int, block: memoryview, *, at: int) -> None:
    """A volume that is almost full may take less than it is given."""
    while block:
        written = os.pwrite(handle, block, at)
        block, at = block[written:], at + written


def start_writing_back(handle: int, *, at: int, length: int) -> None:
    """Lets the disk work while bytes arrive, so that syncing the file at its end is short.

    Python has no sync_file_range; on Linux this advice begins to write what is dirty, and drops
    only what is not. No other system is any worse off by it.
    """
    past = (at + length) // STRETCH
    if past > at // STRETCH:
        os.posix_fadvise(handle, (past - 1) * STRETCH, STRETCH, os.POSIX_FADV_DONTNEED)


def _counts(file: RemoteFile, folder: Path, piece: int) -> pieces.Counts:
    counts = pieces.counts_in(folder, size=file.size)
    if file.algorithm != "none":
        return counts or pieces.fresh(size=file.size, piece=piece)
    # Nothing can tell whether two pieces are of one content, but for the hub's word for it.
    whole = pieces.fresh(size=file.size, piece=file.size)
    return counts if counts and counts.etag and len(counts.have) <= 1 else whole
