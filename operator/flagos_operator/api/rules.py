"""What a schema cannot say field by field: one rule, said once, for the API server and for us."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule about one object. `cel` and `holds` say the same; a test asks the API server too.

    `holds` gets the object as the user wrote it, so that it reads like the CEL beside it.
    """

    cel: str
    message: str
    holds: Callable[[Raw], bool]
    field: str | None = None  # where the error points, relative to the object


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A rule about an edit: `holds` gets the object before and after it. Only the server asks."""

    cel: str
    message: str
    holds: Callable[[Raw, Raw], bool]
    field: str | None = None
