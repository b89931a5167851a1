"""The chips that are known: the shipped table with a user's own laid over it.

A key of a user's chip replaces the shipped one, maps and environment by key, the lists of
operators as a whole; null removes it.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any, TypeGuard

from pydantic import ValidationError

from flagos_operator.api.chip import Chip
from flagos_operator.api.faults import broken, shortened, structural
from flagos_operator.api.outcome import Invalid

Chips = Mapping[str, Chip]
Table = Mapping[str, Mapping[str, Any]]
WHOLE = {"operators"}  # one list or another; of both the schema would refuse the chip
NAMED_BY = {"env": "name", "volumes": "name", "volumeMounts": "mountPath"}


def load_chips(own: Mapping[str, Any] | None = None) -> Chips | Invalid:
    return merge_chips(shipped(), own or {})


def shipped() -> Table:
    text = resources.files("flagos_operator.catalog").joinpath("chips.toml").read_text("utf-8")
    return tomllib.loads(text)


def merge_chips(table: Table, own: Mapping[str, Any]) -> Chips | Invalid:
    chips = {}
    for name in sorted({*table, *own}):
        fields = own.get(name) or {}
        if not isinstance(fields, Mapping):
            return invalid(
                f"chips.{name}", "spec: write fields, e.g. {resourceName: vendor.example/gpu}"
            )
        chip = chip_of(name, laid_over(table.get(name, {}), fields))
        if isinstance(chip, Invalid):
            return chip
        chips[name] = chip
    return chips


def laid_over(shipped: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(shipped)
    for field, value in own.items():
        if value is None:
            result.pop(field, None)
        elif field in WHOLE:
            result[field] = value
        else:
            result[field] = joined(shipped.get(field), value, key=NAMED_BY.get(field))
    return result


def before_lists(name: str, chip: Chip) -> Chip | None:
    """The chip as it was shipped before chips brought lists of operators.

    None where it has the list that it had, which is none, or one of somebody's own.
    """
    if not chip.flagos.operators.model_fields_set:
        return None
    brought = chip_of(name, shipped().get(name, {}))
    if isinstance(brought, Invalid) or brought.flagos.operators != chip.flagos.operators:
        return None
    fields = chip.model_dump(mode="json", by_alias=True, exclude_unset=True)
    fields["flagos"].pop("operators")
    older = chip_of(name, fields)
    return None if isinstance(older, Invalid) else older


def joined(shipped: object, own: object, *, key: str | None) -> object:
    if isinstance(shipped, Mapping) and isinstance(own, Mapping):
        return laid_over(shipped, own)
    if key and isinstance(shipped, list) and named(own, key):
        return list({item[key]: item for item in (*shipped, *own)}.values())
    return own


def named(items: object, key: str) -> TypeGuard[list[dict[str, Any]]]:
    """Whether a list can be joined; if not, the schema says what is wrong with it."""
    return isinstance(items, list) and all(isinstance(one, dict) and key in one for one in items)


def chip_of(name: str, fields: Mapping[str, Any], *, at: str = "") -> Chip | Invalid:
    """`at` is where a reader finds the fields."""
    at = at or f"chips.{name}"
    try:
        # From JSON, where a list is what a tuple is made from and a number is not a string.
        chip = Chip.model_validate_json(json.dumps(fields))
    except ValidationError as error:
        return invalid(at, shortened(structural(error, shape=Chip)))
    faults = list(broken(fields, shape=Chip))
    return invalid(at, shortened(faults)) if faults else chip


def invalid(at: str, faults: str) -> Invalid:
    """The paths that the API's words give start at a model's spec; these start at the chips."""
    return Invalid(reason="InvalidChip", message=re.sub(r"\bspec\b", at, faults))
