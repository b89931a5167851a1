"""Specs that the schema lets in by its types; its rules may still refuse a few of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as some

from flagos_operator.api.crd import definition

SPEC = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
MOST_FIELDS = 4  # of those that may be left out, in each object

Schema = Mapping[str, Any]


def objects(schema: Schema, *, always: tuple[str, ...] = ()) -> some.SearchStrategy[Any]:
    fields, required = schema.get("properties", {}), {*schema.get("required", ()), *always}
    optional = sorted(set(fields) - required)
    some_of_them = (
        some.lists(some.sampled_from(optional), max_size=MOST_FIELDS, unique=True)
        if optional
        else some.just([])
    )

    @some.composite
    def drawn(draw: some.DrawFn) -> dict[str, Any]:
        names = sorted({*required, *draw(some_of_them)})
        return {name: draw(values(fields[name])) for name in names}

    return drawn()


def values(schema: Schema) -> some.SearchStrategy[Any]:
    if "enum" in schema:
        return some.sampled_from(schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return some.one_of(some.integers(0, 99), some.sampled_from(["1Gi", "50%", "500m"]))
    if schema.get("properties"):
        return objects(schema)
    return _BY_TYPE[schema.get("type", "object")](schema)


def _maps(schema: Schema) -> some.SearchStrategy[Any]:
    inner = schema.get("additionalProperties")
    value = values(inner) if isinstance(inner, Mapping) else some.text(max_size=9)
    return some.dictionaries(some.text(min_size=1, max_size=9), value, max_size=2)


def _lists(schema: Schema) -> some.SearchStrategy[Any]:
    least, most = schema.get("minItems", 0), min(schema.get("maxItems", 3), 3)
    return some.lists(values(schema["items"]), min_size=least, max_size=most)


def _words(schema: Schema) -> some.SearchStrategy[Any]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", 253)
    if pattern := schema.get("pattern"):
        matching = some.from_regex(pattern.replace("$", r"\Z"))
        return matching.filter(lambda found: least <= len(found) <= most)
    return some.text(min_size=least, max_size=min(most, max(least, 20)))


_BY_TYPE: dict[str, Callable[[Schema], some.SearchStrategy[Any]]] = {
    "array": _lists,
    "boolean": lambda _: some.booleans(),
    "integer": lambda of: some.integers(of.get("minimum", -(2**31)), of.get("maximum", 2**31 - 1)),
    "number": lambda of: some.floats(of.get("minimum", 0), of.get("maximum", 1e6)),
    "object": _maps,
    "string": _words,
}
_SOURCE = SPEC["properties"]["source"]["properties"]
_PLACE = some.one_of(
    *(
        values(_SOURCE[name]).map(lambda value, name=name: {"source": {name: value}})
        for name in ("modelscope", "huggingface", "persistentVolumeClaim", "hostPath")
    )
)
_CHIP = some.sampled_from([{"chip": "cpu"}, {"chip": "nvidia"}, {}])
# Exactly one source, as a rule asks for, and mostly a chip that there is: the rest is any.
SPECS = some.builds(
    lambda spec, place, chip: spec | place | chip,
    objects(SPEC, always=("chip", "image")),
    _PLACE,
    _CHIP,
)
