"""The volume: where things lie on it, how much room it has, and how files become durable."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flagos_operator.fetch.reasons import FetchError, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

STATE = ".flagos"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
UNWRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ESTALE, errno.EIO, errno.ENOTDIR}
UNWRITABLE |= {errno.ELOOP, errno.ENOTSUP, errno.ENOSYS}
OLD_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Staging:
    """Where one request's files wait until all are there.

    `generation` grows when parts are taken over from a holder that may wake up again.
    """

    root: Path
    generation: int = 0

    @property
    def manifest(self) -> Path:
        return self.root / "manifest.json"

    @property
    def tree(self) -> Path:
        """Verified files under their own names: what is here is never fetched again."""
        return self.root / "tree"

    @property
    def parts(self) -> Path:
        """What is in flight, by key of the file, so that a restart continues it."""
        return self.root / "parts" / str(self.generation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    root: Path

    @property
    def state(self) -> Path:
        return self.root / STATE

    @property
    def lock(self) -> Path:
        return self.state / "lock"

    def staging(self, key: str) -> Staging:
        root = self.state / "partial" / key
        known = (path.name for path in (root / "parts").glob("*"))
        return Staging(
            root=root, generation=max(map(int, filter(str.isdecimal, known)), default=0)
        )

    def free(self) -> int:
        """Of the volume, also where its root is still to be made."""
        place = next(each for each in (self.root, *self.root.parents) if each.exists())
        stat = os.statvfs(place)
        return stat.f_bavail * stat.f_frsize

    def prepare(self) -> None:
        """Makes our own corner of the volume; /proc and its like have no room for one."""
        try:
            self._make_corner()
        except OSError as error:
            raise explain(error, place=self.root) or unwritable(error, place=self.root) from error

    def _make_corner(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        for folder in (self.state, self.state / "partial"):
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
                # Models that run as different users share a volume by its group (fsGroup).
                folder.chmod(folder.stat().st_mode | 0o070)

    def sweep(self, *, keep: str, now: float) -> None:
        """Removes what no one has touched for a week; the lock must be held."""

        def old(path: Path) -> bool:
            return now - path.stat().st_mtime > OLD_SECONDS

        for folder in (self.state / "partial").iterdir():
            if folder.name != keep and old(folder):
                shutil.rmtree(folder, ignore_errors=True)
        for draft in self.state.glob(f"{self.lock.name}.*"):
            with contextlib.suppress(FileNotFoundError):
                if old(draft):
                    draft.unlink()


def volume_of(destination: Path) -> Volume:
    """The mounted volume that holds the destination, or else the destination's parent.

    The lock has to be the same file for all who share a volume, so it lies at its root. By hand
    on a host that root may be `/` or belong to someone else; then the parent has to do.
    """
    for folder in destination.parents:
        if (folder / STATE).is_dir():
            return Volume(root=folder)
        mounted = folder.is_mount() and not folder.is_symlink() and folder != Path(folder.anchor)
        if mounted and os.access(folder, os.W_OK):
            return Volume(root=folder)
        if mounted:
            break  # what lies above is another volume: nothing could be moved from there
    return Volume(root=destination.parent)


@contextlib.contextmanager
def storage_errors(place: Path) -> Iterator[None]:
    """Turns what the kernel says about a volume into a reason."""
    try:
        yield
    except OSError as error:
        if (failure := explain(error, place=place)) is None:
            raise
        raise failure from error


def is_full(error: BaseException) -> bool:
    """The disk's own word, though a client took it for trouble with its connection."""
    return isinstance(error, OSError) and error.errno in FULL


def explain(error: OSError, *, place: Path) -> FetchError | None:
    if is_full(error):
        free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
        return FetchError(
            Reason.INSUFFICIENT_STORAGE,
            f"the volume at {place} ran full while writing ({free} bytes free): "
            "enlarge it or remove what is not needed",
        )
    if error.errno == errno.ENAMETOOLONG:
        words = f"a name in {error.filename or place} is too long for the volume: shorten it"
        return FetchError(Reason.INVALID_SOURCE, words)
    return unwritable(error, place=place) if error.errno in UNWRITABLE else None


def unwritable(error: OSError, *, place: Path) -> FetchError:
    return FetchError(
        Reason.VOLUME_NOT_WRITABLE,
        f"cannot write to {error.filename or place}: {error.strerror}; check that it lies on a "
        f"volume for files that is not read-only, and that user {os.getuid()} may write to it",
    )


def sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_directory(path: Path) -> None:
    # Not every file system lets a directory be synced; those that do not order renames anyway.
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_whole(path: Path, text: str) -> None:
    """All of the text or nothing, also after a power cut."""
    draft = path.with_name(f"{path.name}.new")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.chmod(0o644)
    draft.replace(path)
    sync_directory(path.parent)


def make_readable(tree: Path) -> None:
    """a+rX: the server may run as another user, to whom vLLM would call the file missing."""
    for folder, _, names in os.walk(tree):
        Path(folder).chmod(Path(folder).stat().st_mode | 0o555)
        for name in names:
            path = Path(folder) / name
            path.chmod(path.stat().st_mode | 0o444)
