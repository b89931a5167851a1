"""What stands behind a reason and what helps against it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Remedy:
    cause: str
    cure: str
