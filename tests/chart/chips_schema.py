"""Writes what values.schema.json says of `chips`: `python -m tests.chart.chips_schema`.

So that helm refuses a mistake by name before it ends the operator that works.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from flagos_operator.api.chip import Chip
from flagos_operator.api.schema import structural_schema

SCHEMA = Path(__file__).parents[2] / "charts" / "flagos-operator" / "values.schema.json"
Schema = dict[str, Any]
# How api.shape.Written says it in CEL; helm knows no CEL, and has to show the pattern.
FORM = re.compile(r"self\.matches\(r'(.*)'\)")


def chips() -> Schema:
    return {
        "description": "Own chips, or changes to built-in ones, by name.",
        "type": "object",
        "propertyNames": {"pattern": "^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$"},
        "additionalProperties": or_null(values(structural_schema(Chip))),
    }


def values(schema: Schema) -> Schema:
    """What a values file may hold: closed, and null takes a field away."""
    kept = {key: value for key, value in schema.items() if not key.startswith("x-kubernetes-")}
    for rule in schema.get("x-kubernetes-validations", ()):
        if found := FORM.fullmatch(rule["rule"]):
            kept["pattern"] = found[1]
    if schema.get("x-kubernetes-int-or-string"):
        kept["type"] = ["integer", "string"]
    if "properties" in schema:
        kept["properties"] = {k: or_null(values(v)) for k, v in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            kept["additionalProperties"] = False
    elif isinstance(schema.get("additionalProperties"), dict):
        kept["additionalProperties"] = or_null(values(schema["additionalProperties"]))
    if "items" in schema:
        kept["items"] = values(schema["items"])
    return kept


def or_null(schema: Schema) -> Schema:
    types = schema.get("type")
    if types is None:
        return schema
    listed = types if isinstance(types, list) else [types]
    words = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, **words, "type": [*listed, "null"]}


def written(whole: Schema) -> str:
    properties = {**whole["properties"], "chips": chips()}
    return json.dumps({**whole, "properties": properties}, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(written(json.loads(SCHEMA.read_text())))
