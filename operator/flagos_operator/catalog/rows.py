"""A row of the catalogue as text: what is compared, kept beside a model and shared in memory."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flagos_operator.api.chip import Chip


@dataclass(frozen=True, slots=True)
class Row:
    """`text` is JSON in one spelling: equal rows have equal texts, and are kept once."""

    name: str
    text: str

    @property
    def fields(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What one model is made from besides its own spec."""

    chip: Row
    release: Row | None = None


def row(name: str, fields: Mapping[str, Any]) -> Row:
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Row(sys.intern(name), sys.intern(text))


def chip_row(name: str, chip: Chip) -> Row:
    """Without `source`: where a fact comes from changes no pod."""
    said = chip.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"source"})
    return row(name, said)
