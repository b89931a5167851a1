"""Checksums, of files that lie and of files that arrive."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, BinaryIO

from flagos_operator.fetch.patience import Trouble
from flagos_operator.fetch.reasons import Reason

if TYPE_CHECKING:
    from pathlib import Path

    from flagos_operator.fetch.listing import RemoteFile

BLOCK = 4 << 20
MISMATCH_ATTEMPTS = 3


def sha256_of(path: Path) -> str:
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Digests:
    """sha256 for our record, and the one that the hub has told."""

    def __init__(self, file: RemoteFile) -> None:
        self.sha256 = hashlib.sha256()
        self._git = None
        if file.algorithm == "git-sha1":
            self._git = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)

    def update(self, block: bytes) -> None:
        self.sha256.update(block)
        if self._git is not None:
            self._git.update(block)

    def told(self, file: RemoteFile) -> str:
        """What the hub's own checksum should be compared with."""
        if file.algorithm == "none":
            return file.checksum
        return self._git.hexdigest() if self._git is not None else self.sha256.hexdigest()


class HashedFile:
    """A part file that hashes what is written to it, and never grows past its size."""

    def __init__(self, part: BinaryIO, *, file: RemoteFile) -> None:
        self._part = part
        self._file = file
        self.digests = Digests(file)
        self.length = 0

    def reread(self) -> int:
        """Hashes what an earlier run has left; returns how much that is."""
        self._part.seek(0)
        while block := self._part.read(BLOCK):
            self.digests.update(block)
            self.length += len(block)
        return self.length

    def write(self, block: bytes) -> int:
        if self.length + len(block) > self._file.size:
            raise wrong_size(self._file, found=self.length + len(block))
        self._write_all(block)
        self.digests.update(block)
        self.length += len(block)
        return len(block)

    def _write_all(self, block: bytes) -> None:
        """A file without a buffer may take less than it is given, as on a volume almost full."""
        rest = memoryview(block)
        while rest:
            rest = rest[self._part.write(rest) :]

    def tell(self) -> int:
        return self.length

    def seek(self, offset: int) -> int:
        """Only back to the start: the hub has answered a range with the whole file."""
        if offset != 0:
            raise ValueError(f"cannot hash from {offset}")
        self.digests = Digests(self._file)
        self.length = 0
        return self._part.seek(0)

    def truncate(self) -> int:
        return self._part.truncate()

    def check(self) -> str:
        """The sha256, if size and checksum are as listed."""
        if self.length != self._file.size:
            raise wrong_size(self._file, found=self.length)
        if (found := self.digests.told(self._file)) != self._file.checksum:
            raise mismatch(self._file, found=found)
        return self.digests.sha256.hexdigest()


def mismatch(file: RemoteFile, *, found: str) -> Trouble:
    return Trouble(
        Reason.CHECKSUM_MISMATCH,
        f"{file.path} arrived with {file.algorithm} {found[:16]}... where the hub lists "
        f"{file.checksum[:16]}...: the hub or a proxy on the way serves wrong bytes",
        limit=MISMATCH_ATTEMPTS,
    )


def wrong_size(file: RemoteFile, *, found: int) -> Trouble:
    return Trouble(
        Reason.CHECKSUM_MISMATCH,
        f"{file.path} arrived with {found} bytes or more where the hub lists {file.size}",
        limit=MISMATCH_ATTEMPTS,
    )
