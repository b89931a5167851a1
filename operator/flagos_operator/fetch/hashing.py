"""Checksums, of files that lie and of files that arrive."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from flagos_operator.fetch.patience import Trouble
from flagos_operator.fetch.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flagos_operator.fetch.listing import RemoteFile

BLOCK = 1 << 20
MISMATCH_ATTEMPTS = 3


def sha256_of(path: Path, *, passed: Callable[[int], None] = lambda _: None) -> str:
    """`passed` is told of each block's bytes, while a large file takes its time."""
    digest = hashlib.sha256()
    block = bytearray(BLOCK)
    view = memoryview(block)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(block):
            digest.update(view[:count])
            passed(count)
    return digest.hexdigest()


class Digests:
    """sha256 for our record, and the one that the hub has told."""

    def __init__(self, file: RemoteFile) -> None:
        self.sha256 = hashlib.sha256()
        self._git = None
        if file.algorithm == "git-sha1":
            self._git = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)

    def update(self, block: bytes | memoryview) -> None:
        self.sha256.update(block)
        if self._git is not None:
            self._git.update(block)

    def told(self, file: RemoteFile) -> str:
        """What the hub's own checksum should be compared with."""
        if file.algorithm == "none":
            return file.checksum
        return self._git.hexdigest() if self._git is not None else self.sha256.hexdigest()


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
