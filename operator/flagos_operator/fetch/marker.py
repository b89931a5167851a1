"""The record in a directory of weights that says: this is complete, and what it is."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from flagos_operator.fetch.listing import chosen

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from flagos_operator.fetch.request import Request

NAME = ".flagos.json"
VERSION = 1
MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """`mtime` in nanoseconds and `size` are the stamp by which a change is noticed cheaply."""

    path: str
    size: int
    sha256: str
    mtime: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The mirror that has brought the copy, where the hub that was asked for could not."""

    source: str
    repo: str
    revision: str
    commit: str | None
    endpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """`source` to `endpoint` are what was asked for, whoever served it."""

    source: str
    repo: str
    revision: str
    commit: str | None
    endpoint: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    files: tuple[StoredFile, ...]
    mirror: Origin | None = None

    @property
    def total(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def digest(self) -> str:
        """Of names and contents alone: two hubs that serve the same files give the same."""
        return manifest_digest(self.files)

    def fits(self, request: Request) -> bool:
        return (
            self.source == request.source
            and self.repo == request.repo
            and request.revision in (self.revision, self.commit)
            and set(self.include) == set(request.include)
            and set(self.exclude) == set(request.exclude)
        )

    @property
    def title(self) -> str:
        files = chosen(self.include, self.exclude)
        return f"{self.source} {self.repo} at {self.revision}{files}"


def manifest_digest(files: Iterable[StoredFile]) -> str:
    lines = sorted(f"{file.sha256} {file.size} {file.path}\n" for file in files)
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def dumps(marker: Marker) -> str:
    said = asdict(marker)
    if marker.mirror is None:
        del said["mirror"]
    return json.dumps(
        {"version": VERSION, **said, "totalBytes": marker.total, "digest": marker.digest},
        indent=1,
    )


def loads(text: str) -> Marker | None:
    """None for anything that is not whole: half a record is no record."""
    try:
        raw = json.loads(text)
        marker = _from(raw)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return marker if raw["digest"] == marker.digest and raw["version"] == VERSION else None


def read(directory: Path) -> Marker | None:
    try:
        with (directory / NAME).open(encoding="utf-8") as file:
            text = file.read(MAX_BYTES)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, UnicodeDecodeError):
        return None
    return loads(text)


def _from(raw: dict[str, Any]) -> Marker:
    names = ("source", "repo", "revision", "commit", "endpoint")
    return Marker(
        **{name: raw[name] for name in names},
        include=tuple(raw["include"]),
        exclude=tuple(raw["exclude"]),
        files=tuple(StoredFile(**file) for file in raw["files"]),
        mirror=Origin(**raw["mirror"]) if raw.get("mirror") else None,
    )
