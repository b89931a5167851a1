"""The waiting room of a download: what is already there, and what of it still counts."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flagos_operator.fetch import volume
from flagos_operator.fetch.progress import bytes_below
from flagos_operator.fetch.reasons import FetchError, Reason

if TYPE_CHECKING:
    from flagos_operator.fetch.listing import Listing, RemoteFile
    from flagos_operator.fetch.volume import Staging, Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A file that has been verified; `sha256` is ours even where the hub tells none."""

    file: RemoteFile
    sha256: str


def prepare(staging: Staging, listing: Listing) -> dict[str, str]:
    """Keeps what fits this listing and removes the rest; returns sha256 by path."""
    staging.tree.mkdir(parents=True, exist_ok=True)
    staging.parts.mkdir(exist_ok=True)
    known = _read_checked(staging)
    keys = {file.key: file for file in listing.files}
    for folder in staging.parts.iterdir():
        if folder.name not in keys:
            shutil.rmtree(folder, ignore_errors=True)
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


def adopt_copies(staging: Staging) -> None:
    """Continues parts in copies: a holder that only slept still has the originals open."""
    for folder, _, names in os.walk(staging.parts):
        for name in names:
            part = Path(folder) / name
            copy = part.with_name(f"{name}.copy")
            shutil.copyfile(part, copy)
            copy.replace(part)


def keep(staging: Staging, checked: Checked, *, arrived: Path) -> None:
    """Moves a verified file to its name; the note of its checksum goes first."""
    volume.sync_file(arrived)
    target = staging.tree / checked.file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    with staging.manifest.open("a", encoding="utf-8") as notes:
        notes.write(_note(checked.file, checked.sha256))
        notes.flush()
        os.fsync(notes.fileno())
    arrived.replace(target)
    shutil.rmtree(staging.parts / checked.file.key, ignore_errors=True)


def check_room(staging: Staging, listing: Listing, *, have: dict[str, str], on: Volume) -> None:
    """Refuses a download that cannot fit, before its first byte."""
    left = sum(file.size for file in listing.files if file.path not in have)
    needed = max(0, left - bytes_below(staging.parts))
    free = on.free()
    if needed > free:
        raise FetchError(
            Reason.INSUFFICIENT_STORAGE,
            f"{needed} bytes are needed and {free} are free on the volume at {on.root}: "
            f"enlarge it by {needed - free} bytes or narrow source.include",
        )


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
