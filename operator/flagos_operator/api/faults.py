"""Turns what pydantic found into what a user reads: the field in API spelling, and the cure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from flagos_operator.api import forms
from flagos_operator.api.rules import Raw, Rule
from flagos_operator.api.shape import Shape

TYPE = "must be of type "
SHOWN = 5  # a status message has room for some; the rest comes after these are cured

# Worded like the API server's own messages, so that one search finds both.
WORDS: Mapping[str, str] = {
    "string_type": "must be of type string",
    "int_type": "must be of type integer",
    "int_or_string": "must be of type integer or string",
    "int_from_float": "must be of type integer",
    "float_type": "must be of type number",
    "finite_number": "must be of type number",
    "bool_type": "must be of type boolean",
    "dict_type": "must be of type object",
    "model_type": "must be of type object",
    "list_type": "must be of type array",
    "tuple_type": "must be of type array",
    "string_pattern_mismatch": "should match '{pattern}'",
    "string_too_short": "should be at least {min_length} chars long",
    "string_too_long": "may not be more than {max_length} bytes",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "greater_than": "should be greater than {gt:g}",
    "greater_than_equal": "should be greater than or equal to {ge}",
    "less_than_equal": "should be less than or equal to {le}",
    "literal_error": "supported values: {expected}",
    "missing": "Required value: set it",
}


def path(parts: Sequence[int | str]) -> str:
    """As in `spec.server.env[0].name`."""
    steps = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return "spec" + "".join(steps)


def structural(error: ValidationError, *, shape: type[Shape]) -> list[str]:
    """What is wrong in itself. A field missing at the top is left to the rule that asks for it."""
    details = error.errors(include_url=False)
    return [
        f"{path(found['loc'])}: {words(found, shape=shape)}"
        for found in details
        if found["type"] != "missing" or len(found["loc"]) > 1
    ]


def shortened(messages: Sequence[str]) -> str:
    more = len(messages) - SHOWN
    return "; ".join(messages[:SHOWN]) + (f"; and {more} more" if more > 0 else "")


def words(found: ErrorDetails, *, shape: type[Shape]) -> str:
    if found["type"] == "extra_forbidden":
        return unknown(found["loc"], shape=shape)
    template = WORDS.get(found["type"])
    said = template.format(**found.get("ctx", {})) if template else found["msg"]
    how = form(found) if said.startswith(TYPE) else ""
    return f"{said}: {how}" if how else said


def form(found: ErrorDetails) -> str:
    """Of an item of a list nothing is said of the list."""
    kind = WORDS.get(found["type"], "").removeprefix(TYPE)
    return forms.meant(kind, field=str(found["loc"][-1]), given=found["input"])


def unknown(parts: Sequence[int | str], *, shape: type[Shape]) -> str:
    """An older definition may have let it in; a newer one may know it. Here it means nothing."""
    holder = shape_at(parts[:-1], shape=shape)
    known = [field.alias or name for name, field in holder.model_fields.items()] if holder else []
    close = get_close_matches(str(parts[-1]), known, n=1)
    return f"unknown field: did you mean {close[0]}?" if close else "unknown field: remove it"


def shape_at(parts: Sequence[int | str], *, shape: type[Shape]) -> type[Shape] | None:
    for part in parts:
        if isinstance(part, int):
            continue  # of a list: its items are what was found already
        inner = shapes_of(shape).get(part)
        if inner is None:
            return None
        shape = inner
    return shape


def shapes_of(shape: type[Shape]) -> dict[str, type[Shape]]:
    """The fields that hold another object of the API, or a list of such, by their spelling."""
    found = {}
    for name, field in shape.model_fields.items():
        options = (field.annotation, *getattr(field.annotation, "__args__", ()))
        for option in options:
            if isinstance(option, type) and issubclass(option, Shape):
                found[field.alias or name] = option
    return found


def broken(raw: Raw, *, shape: type[Shape], at: Sequence[int | str] = ()) -> Iterator[str]:
    """Every rule that a well-typed object breaks, outermost first."""
    for rule in shape.rules:
        if isinstance(rule, Rule) and not rule.holds(raw):
            where = path([*at, rule.field] if rule.field else at)
            yield f"{where}: {rule.message}"
    for name, inner in shapes_of(shape).items():
        value: Any = raw.get(name)
        if isinstance(value, Mapping):
            yield from broken(value, shape=inner, at=[*at, name])
        elif isinstance(value, list):
            for place, item in enumerate(value):
                yield from broken(item, shape=inner, at=[*at, name, place])
