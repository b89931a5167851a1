"""A known cause of a failed start: what a log says, the reason it has and its cure.

Rules are made for the kind, not for one chip: vendors print CUDA's words under names of their own.
Every quantity that can grow is bounded, so that no line, however made, takes long to search.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from flagos_operator.status.reasons import Kind, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """`cure` may take up groups of the pattern; `heals`: it may be over without the user.

    `above` is how many lines before the one that matches belong to it; with `then` the error
    that follows does. `near`: what must stand in one of the lines before. `unless`: what must be
    nowhere in the log. `early`: it counts also for a server that became ready after it.
    `follows`: it is what other processes say of one that has gone.
    """

    pattern: re.Pattern[str]
    reason: Reason
    cure: str
    heals: bool = False
    above: int = 0
    then: bool = False
    near: re.Pattern[str] | None = None
    unless: re.Pattern[str] | None = None
    early: bool = False
    follows: bool = False

    @property
    def needs_user(self) -> bool | None:
        """None: it may be either, and is judged by how often it happens."""
        if self.heals:
            return False
        return True if self.reason.kind is Kind.BLOCKED else None


def cause(  # noqa: PLR0913 - a row of a table
    pattern: str,
    reason: Reason,
    cure: str,
    *,
    heals: bool = False,
    above: int = 0,
    then: bool = False,
    near: str = "",
    unless: str = "",
    early: bool = False,
    follows: bool = False,
) -> Cause:
    return Cause(
        pattern=re.compile(pattern, re.MULTILINE),
        reason=reason,
        cure=cure,
        heals=heals,
        above=above,
        then=then,
        near=re.compile(near) if near else None,
        unless=re.compile(unless) if unless else None,
        early=early,
        follows=follows,
    )


CHECK_FILES = (
    "spec.weights.verify: Always tells which file it is, and fetches it again unless it was "
    "brought by hand"
)
LENGTH = r"set spec.server.maxModelLen to at most \g<length>"
# Of a log alone it is not known what limits the cache; where the model is, its own limit is told.
WHERE_SET = ", or --kv-cache-memory-bytes in spec.server.args where that is set"
# Of a stack with FlagGems: the mode leaves its operators out.
ALL_ALIKE = "try spec.flagos.mode: PluginOnly"
OR_WITHOUT = ", or spec.flagos.mode: PluginOnly"
MORE_MEMORY = "raise spec.server.resources.limits.memory"
