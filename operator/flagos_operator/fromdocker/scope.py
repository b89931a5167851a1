"""A shell while a card is followed: where it is, and what is set in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flagos_operator.fromdocker.card import Variable

if TYPE_CHECKING:
    from flagos_operator.fromdocker.docker import Run
    from flagos_operator.fromdocker.shell import Arg


@dataclass(slots=True, kw_only=True)
class Scope:
    """A shell: on the host, or in a container."""

    run: Run | None = None
    variables: dict[str, str] = field(default_factory=dict)
    env: dict[str, Variable] = field(default_factory=dict)
    before: list[str] = field(default_factory=list)
    workdir: str = ""

    def copy(self) -> Scope:
        return Scope(
            run=self.run,
            variables=dict(self.variables),
            env=dict(self.env),
            before=list(self.before),
            workdir=self.workdir,
        )

    def assign(self, name: str, value: Arg, *, exported: bool) -> None:
        if value.unknown:
            self.variables.pop(name, None)
        else:
            self.variables[name] = value.text
        if exported or name in self.env:
            self.env[name] = Variable(
                name=name, value=value, line=value.line, sourced=self.has_sourced
            )

    @property
    def has_sourced(self) -> bool:
        return any(not line.startswith(("export ", "ulimit ")) for line in self.before)
