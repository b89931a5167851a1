"""From pydantic's JSON schema to what Kubernetes calls a structural schema: closed, no $ref."""

from __future__ import annotations

from typing import Any

from flagos_operator.api.shape import Shape

Schema = dict[str, Any]

# In the order in which a person reads a field.
KEPT = (
    "description",
    "type",
    "format",
    "default",
    "enum",
    "pattern",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
)


def structural_schema(shape: type[Shape]) -> Schema:
    whole = shape.model_json_schema(by_alias=True)
    return node(whole, definitions=whole.get("$defs", {}))


def node(found: Schema, *, definitions: Schema) -> Schema:
    plain = resolved(found, definitions=definitions)
    return {key: plain[key] for key in KEPT if key in plain} | inner(plain, definitions)


def resolved(found: Schema, *, definitions: Schema) -> Schema:
    """Without references, without `or null`: the API has no null. The nearest words win."""
    if "$ref" in found:
        target = definitions[found["$ref"].rsplit("/", 1)[1]]
        return resolved(target, definitions=definitions) | described(found)
    if "anyOf" in found:
        (only,) = (option for option in found["anyOf"] if option.get("type") != "null")
        return resolved(only, definitions=definitions) | described(found)
    return with_lower_bound(defaulted(listed(found)))


def with_lower_bound(found: Schema) -> Schema:
    """Kubernetes has the exclusive bound of OpenAPI 3.0: a word about `minimum`."""
    if "exclusiveMinimum" not in found:
        return found
    return {**found, "minimum": found["exclusiveMinimum"], "exclusiveMinimum": True}


def described(found: Schema) -> Schema:
    return {key: found[key] for key in ("description",) if key in found}


def defaulted(found: Schema) -> Schema:
    """Only a number may be a default: whatever layers over a chip must be known to be unset."""
    kept = type(found.get("default")) is int
    return found if kept else {key: value for key, value in found.items() if key != "default"}


def listed(found: Schema) -> Schema:
    """A choice of words is a string with an enum, and a list is atomic unless it says else."""
    if found.get("type") == "array":
        return {"x-kubernetes-list-type": "atomic", **found}
    if found.get("additionalProperties") is True:
        return {**found, "x-kubernetes-preserve-unknown-fields": True}
    return found


def inner(plain: Schema, definitions: Schema) -> Schema:
    parts: Schema = {}
    if "properties" in plain:
        fields = plain["properties"].items()
        parts["properties"] = {k: node(v, definitions=definitions) for k, v in fields}
    if isinstance(plain.get("additionalProperties"), dict):
        values = plain["additionalProperties"]
        parts["additionalProperties"] = node(values, definitions=definitions)
    if "items" in plain:
        parts["items"] = node(plain["items"], definitions=definitions)
    return parts
