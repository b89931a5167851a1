"""The files of a repo as its hub lists them, and which of them are wanted."""

from __future__ import annotations

import fnmatch
import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

from flagos_operator.fetch.reasons import FetchError, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

Algorithm = Literal["sha256", "git-sha1", "none"]
MAX_PATH = 1024


def chosen(include: Iterable[str], exclude: Iterable[str]) -> str:
    """Which files of a repo are meant, behind its name; empty for all."""
    lists = (("only", ", ".join(include)), ("without", ", ".join(exclude)))
    words = "; ".join(f"{word} {names}" for word, names in lists if names)
    return f" ({words})" if words else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """One file; of a small one Hugging Face tells git's digest and no sha256."""

    path: str
    size: int
    algorithm: Algorithm
    checksum: str

    @property
    def key(self) -> str:
        """The same name and content give the same key: parts of it can be continued."""
        words = f"{self.path}\0{self.size}\0{self.algorithm}\0{self.checksum}"
        return hashlib.sha256(words.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """`commit` is None where the hub has no name for the state of a whole repo (ModelScope)."""

    files: tuple[RemoteFile, ...]
    commit: str | None = None

    @property
    def total(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def digest(self) -> str:
        lines = "".join(f"{file.key}\n" for file in self.files)
        return hashlib.sha256(lines.encode()).hexdigest()


def wanted(listing: Listing, *, include: Iterable[str], exclude: Iterable[str]) -> Listing:
    """The listing without what the patterns leave out, in the order of its paths."""
    include, exclude = tuple(include), tuple(exclude)
    files = [
        file
        for file in listing.files
        if (not include or _matches(file.path, include)) and not _matches(file.path, exclude)
    ]
    if not files:
        raise FetchError(
            Reason.INVALID_SOURCE,
            f"no file is left of the {len(listing.files)} in the repo: "
            "check spec.source.include and spec.source.exclude",
        )
    return Listing(files=tuple(sorted(files, key=lambda file: file.path)), commit=listing.commit)


def check_paths(files: Iterable[RemoteFile]) -> None:
    """Refuses a list that would write outside its directory, or one name over another."""
    seen: set[str] = set()
    for file in files:
        if (fault := _fault(file)) is not None:
            shown = file.path[:120]
            raise FetchError(
                Reason.INVALID_SOURCE, f"the hub lists {shown!r}, which {fault}: nothing fetched"
            )
        if file.path in seen:
            raise FetchError(Reason.INVALID_SOURCE, f"the hub lists {file.path!r} twice")
        seen.add(file.path)
    _check_nesting(seen)


def _fault(file: RemoteFile) -> str | None:
    path = file.path
    parts = path.split("/")
    checks = (
        (not path or path.startswith("/"), "is no relative path"),
        ("\\" in path or not path.isprintable(), "holds a character that no file should"),
        (any(part in ("", ".", "..") for part in parts), "leaves its directory"),
        (len(path.encode()) > MAX_PATH, "is too long"),
        (parts[0] in (".flagos", ".flagos.json"), "is the name of our own record"),
        (file.size < 0, "has a negative size"),
    )
    return next((words for wrong, words in checks if wrong), None)


def _check_nesting(paths: set[str]) -> None:
    for path in paths:
        for parent in PurePosixPath(path).parents:
            if str(parent) in paths:
                raise FetchError(
                    Reason.INVALID_SOURCE,
                    f"the hub lists {str(parent)!r} as a file and as a directory",
                )


def _matches(path: str, patterns: Iterable[str]) -> bool:
    # As both hubs' own tools read them: `*` crosses directories, `dir/` means all below it.
    return any(
        fnmatch.fnmatchcase(path, f"{pattern}*" if pattern.endswith("/") else pattern)
        for pattern in patterns
    )
