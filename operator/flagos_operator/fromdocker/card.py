"""What a card's commands say together: containers, servers, downloads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flagos_operator.fromdocker.docker import Run
    from flagos_operator.fromdocker.pasted import Pasted
    from flagos_operator.fromdocker.shell import Arg


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One variable of a container's environment, or of a shell in it."""

    name: str
    value: Arg
    line: int
    sourced: bool = False  # set after a file was sourced, which may have set it too


@dataclass(frozen=True, slots=True, kw_only=True)
class Serve:
    """One line that starts a server, and what it finds when it starts."""

    line: int
    argv: tuple[Arg, ...]
    env: tuple[Variable, ...]
    before: tuple[str, ...]
    workdir: str
    run: Run | None
    dropped: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        return " ".join(arg.source or arg.text for arg in self.argv)


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """One line that fetches a repository."""

    line: int
    hub: str
    repo: str
    directory: Arg | None
    revision: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    inside: bool = False  # typed in the container, whose paths its directory then has

    def same(self, other: Download) -> bool:
        mine = (self.hub, self.repo, self.revision, self.include, self.exclude)
        theirs = (other.hub, other.repo, other.revision, other.include, other.exclude)
        return mine == theirs and self.path == other.path

    @property
    def path(self) -> str:
        return self.directory.text if self.directory else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something else that was done in a container."""

    line: int
    run: Run
    source: str


@dataclass(slots=True, kw_only=True)
class Card:
    runs: list[Run] = field(default_factory=list)
    serves: list[Serve] = field(default_factory=list)
    scripts: list[Serve] = field(default_factory=list)
    programs: list[Serve] = field(default_factory=list)  # that serve nothing
    downloads: list[Download] = field(default_factory=list)
    pulls: list[Arg] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    asked: list[tuple[int, int]] = field(default_factory=list)  # line and port of a request
    clusters: list[tuple[int, str]] = field(default_factory=list)
    foreign: str = ""  # what else than commands it seems to be
    pasted: list[Pasted] = field(default_factory=list)
