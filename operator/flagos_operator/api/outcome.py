"""What a wrong object is turned into: a value, never an exception."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalid:
    """A spec that cannot be served: `reason` is a status reason, `message` names the cure.

    `needs_user` overrules what the reason says in general: whether it passes without an edit.
    """

    reason: str
    message: str
    needs_user: bool | None = None
