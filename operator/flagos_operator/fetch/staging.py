"""The waiting room of a download: what is already there, and what of it still counts."""

from __future__ import annotations

import errno
import json
import os
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flagos_operator.fetch import pieces, volume
from flagos_operator.fetch.reasons import FetchError, Reason

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from flagos_operator.fetch.listing import Listing, RemoteFile
    from flagos_operator.fetch.volume import Staging, Volume

COPY_BLOCK = 1 << 20
# A kernel, a file system or two of them that cannot.
NO_COPY_RANGE = (errno.ENOSYS, errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.EPERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A file that has been verified; `sha256` is ours even where the hub tells none."""

    file: RemoteFile
    sha256: str


def prepare(staging: Staging, listing: Listing) -> dict[str, str]:
    """Keeps what fits this listing and removes the rest; returns sha256 by path."""
    staging.tree.mkdir(parents=True, exist_ok=True)
    staging.parts.mkdir(parents=True, exist_ok=True)
    known = _read_checked(staging)
    keys = {file.key: file for file in listing.files}
    _remove_all(staging.parts.parent, but={staging.parts.name})
    _remove_all(staging.parts, but=keys)
    kept = {
        file.path: known[file.key]
        for file in listing.files
        if file.key in known and _lies(staging.tree / file.path, size=file.size)
    }
    _prune(staging.tree, keep=kept)
    # Notes of what was just removed must not vouch for what comes to lie under its name.
    notes = [_note(file, kept[file.path]) for file in listing.files if file.path in kept]
    volume.write_whole(staging.manifest, "".join(notes))
    os.utime(staging.root)
    return kept


def entered(staging: Staging, *, after_silence: bool) -> Staging:
    """The staging to go on in.

    A holder that only slept still has its files open, and knows their paths. So they are continued
    in copies under a path that it does not know, and its own paths end.
    """
    if not after_silence or not staging.parts.is_dir():
        return staging
    new = replace(staging, generation=staging.generation + 1)
    new.parts.mkdir(parents=True)
    for old in staging.parts.iterdir():
        copy = new.parts / old.name
        try:
            _copy(old, copy)
        except OSError:
            # Not worth a failure: what cannot be copied is fetched again.
            shutil.rmtree(copy, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(staging.parts, ignore_errors=True)
    return new


def _copy(old: Path, new: Path) -> None:
    """The journal first: what it says is then true of the bytes that are read after it."""
    new.mkdir()
    shutil.copyfile(pieces.journal_in(old), pieces.journal_in(new))
    counts = pieces.unpack(pieces.journal_in(new).read_bytes())
    with pieces.data_in(old).open("rb") as source, pieces.data_in(new).open("wb") as target:
        for start, length in counts.extents if counts else ():
            _copy_range(source.fileno(), target.fileno(), at=start, length=length)


def _copy_range(source: int, target: int, *, at: int, length: int) -> None:
    """Within the volume where it can: then nothing is moved, or only inside a file server."""
    stop = at + length
    while at < stop:
        try:
            done = os.copy_file_range(source, target, stop - at, at, at)
        except OSError as error:
            if error.errno not in NO_COPY_RANGE:
                raise
            block = os.pread(source, min(COPY_BLOCK, stop - at), at)
            done = os.pwrite(target, block, at)
        if not done:
            raise OSError(errno.EIO, "shorter than its journal says")
        at += done


def begun(staging: Staging) -> frozenset[str]:
    """The keys of files of which something may be here."""
    try:
        return frozenset(folder.name for folder in staging.parts.iterdir())
    except FileNotFoundError:
        return frozenset()


def arrived(staging: Staging, files: Iterable[RemoteFile]) -> int:
    """How many bytes of these files wait in parts; their sizes on disk tell nothing."""
    keys = begun(staging)
    found = (
        pieces.counts_in(staging.parts / file.key, size=file.size)
        for file in files
        if file.key in keys
    )
    return sum(counts.arrived for counts in found if counts is not None)


def keep(staging: Staging, checked: Checked) -> None:
    """Moves a verified file to its name; the note of its checksum goes first."""
    folder = staging.parts / checked.file.key
    data = pieces.data_in(folder)
    volume.sync_file(data)
    target = staging.tree / checked.file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    with staging.manifest.open("a", encoding="utf-8") as notes:
        notes.write(_note(checked.file, checked.sha256))
        notes.flush()
        os.fsync(notes.fileno())
    data.replace(target)
    shutil.rmtree(folder, ignore_errors=True)


def check_room(staging: Staging, listing: Listing, *, have: dict[str, str], on: Volume) -> None:
    """Refuses a download that cannot fit, before its first byte."""
    missing = [file for file in listing.files if file.path not in have]
    needed = sum(file.size for file in missing) - arrived(staging, missing)
    free = on.free()
    if needed > free:
        raise FetchError(
            Reason.INSUFFICIENT_STORAGE,
            f"{needed} bytes are needed and {free} are free on the volume at {on.root}: "
            f"enlarge it by {needed - free} bytes or narrow spec.source.include",
        )


def _remove_all(room: Path, *, but: Container[str]) -> None:
    for path in room.iterdir():
        if path.name in but:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _note(file: RemoteFile, sha256: str) -> str:
    return json.dumps({"key": file.key, "sha256": sha256, "file": asdict(file)}) + "\n"


def _read_checked(staging: Staging) -> dict[str, str]:
    """sha256 by key; a line torn by a crash is that of a file that was not moved yet."""
    found: dict[str, str] = {}
    try:
        lines = staging.manifest.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return found
    for line in lines:
        try:
            note = json.loads(line)
            found[note["key"]] = note["sha256"]
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _lies(path: Path, *, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except (FileNotFoundError, NotADirectoryError):
        return False


def _prune(tree: Path, *, keep: dict[str, str]) -> None:
    for folder, _, names in os.walk(tree, topdown=False):
        for name in names:
            path = Path(folder) / name
            if path.relative_to(tree).as_posix() not in keep:
                path.unlink()
        if Path(folder) != tree and not any(Path(folder).iterdir()):
            Path(folder).rmdir()
