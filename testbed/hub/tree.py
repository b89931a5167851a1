"""The repositories on disk: ROOT/<owner>/<name>/ and, per revision, ROOT/<owner>/<name>@<rev>/."""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CHUNK = 1 << 20
REPO = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file as a hub lists it; `place` is None for a file that only a lying hub knows."""

    path: str
    size: int
    sha256: str
    git_oid: str
    place: Path | None = None


NOTHING: dict[str, Any] = {"size": 1, "sha256": "0" * 64, "git_oid": "0" * 40}


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    repo: str
    commit: str
    entries: tuple[Entry, ...]

    def find(self, path: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.path == path), None)

    def told(self, lies: Iterable[Mapping[str, Any]]) -> tuple[Entry, ...]:
        """The listing with what a lying hub adds or changes; the files stay as they are."""
        entries = {entry.path: entry for entry in self.entries}
        for lie in lies:
            base = entries.get(lie["path"], Entry(**NOTHING, path=lie["path"]))
            entries[base.path] = replace(base, **lie)
        return tuple(entries.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What is not there: `repo` or `revision`."""

    what: str


class Tree:
    """Reads the tree anew for each question, but hashes a file only when it has changed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[Path, tuple[tuple[int, int], Entry]] = {}
        self._lock = threading.Lock()

    def snapshot(self, repo: str, *, revision: str, default: str) -> Snapshot | Missing:
        if not REPO.fullmatch(repo) or not (self._root / repo).is_dir():
            return Missing(what="repo")
        if revision == default:
            return self._read(repo, self._root / repo)
        named = self._root / f"{repo}@{revision}"
        if re.fullmatch(r"[\w.-]+", revision) and named.is_dir():
            return self._read(repo, named)
        return self._by_commit(repo, commit=revision)

    def revisions(self, repo: str) -> tuple[str, ...]:
        """The names, besides the default branch, under which a repo can be asked for."""
        found = (self._root / repo).parent.glob(f"{Path(repo).name}@*")
        return tuple(sorted(folder.name.partition("@")[2] for folder in found))

    def _by_commit(self, repo: str, *, commit: str) -> Snapshot | Missing:
        for folder in (repo, *(f"{repo}@{name}" for name in self.revisions(repo))):
            snapshot = self._read(repo, self._root / folder)
            if snapshot.commit == commit:
                return snapshot
        return Missing(what="revision")

    def _read(self, repo: str, folder: Path) -> Snapshot:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        entries = tuple(self._entry(path, folder=folder) for path in files)
        listing = "".join(f"{entry.path} {entry.sha256}\n" for entry in entries)
        commit = hashlib.sha256(listing.encode()).hexdigest()[:40]
        return Snapshot(repo=repo, commit=commit, entries=entries)

    def _entry(self, place: Path, *, folder: Path) -> Entry:
        stat = place.stat()
        state = (stat.st_size, stat.st_mtime_ns)
        with self._lock:
            known = self._known.get(place)
            if known is None or known[0] != state:
                known = (state, _hash(place, size=stat.st_size, folder=folder))
                self._known[place] = known
        return known[1]


def _hash(place: Path, *, size: int, folder: Path) -> Entry:
    sha256 = hashlib.sha256()
    git = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with place.open("rb") as file:
        while block := file.read(CHUNK):
            sha256.update(block)
            git.update(block)
    return Entry(
        path=place.relative_to(folder).as_posix(),
        size=size,
        sha256=sha256.hexdigest(),
        git_oid=git.hexdigest(),
        place=place,
    )
