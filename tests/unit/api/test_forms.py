"""Who wrote another type reads how to write what is meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from flagos_operator.api.crd import spec_schema
from flagos_operator.api.outcome import Invalid
from flagos_operator.api.spec import parse
from tests.unit.api.cases import a_model


def words(body: dict[str, Any]) -> str:
    found = parse(body)
    assert isinstance(found, Invalid)
    return found.message


@pytest.mark.parametrize(
    ("spec", "form"),
    [
        ({"devices": "2"}, "spec.devices: must be of type integer: write 2 without quotes"),
        (
            {"devices": "all"},
            "spec.devices: must be of type integer: write a whole number, e.g. 1",
        ),
        (
            {"devices": 0.5},
            "spec.devices: must be of type integer: write a whole number, e.g. 1",
        ),
        (
            {"versions": {"flagTree": 0.4}},
            "must be of type string: put it in quotes, YAML reads it as something else",
        ),
        ({"image": ["a"]}, "spec.image: must be of type string: write one word or one text"),
        (
            {"server": {"trustRemoteCode": "yes"}},
            "must be of type boolean: write true or false, without quotes",
        ),
        (
            {"server": {"gpuMemoryUtilization": "0.9"}},
            "must be of type number: write 0.9 without quotes",
        ),
        (
            {"server": {"args": "--dtype bfloat16"}},
            "must be of type array: write e.g. [--dtype, bfloat16]",
        ),
        (
            {"server": {"env": {"A": "1"}}},
            'must be of type array: write e.g. [{name: A, value: "1"}]',
        ),
        (
            {"source": "owner/name"},
            "spec.source: must be of type object: write e.g. {modelscope: {repo: owner/name}}",
        ),
        (
            {"server": {"resources": {"limits": {"cpu": 0.5}}}},
            "must be of type integer or string: write e.g. 8, 500m or 64Gi",
        ),
    ],
)
def test_another_type_is_told_with_how_to_write_it(spec: dict[str, Any], form: str) -> None:
    assert form in words(a_model(**spec))


TYPED: dict[str, type] = {"object": dict, "array": list}


def places(schema: Mapping[str, Any], at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in schema.get("properties", {}).items():
        if field.get("type") in TYPED:
            yield (*at, name)
        yield from places(field, (*at, name))


@pytest.mark.parametrize("place", [*places(spec_schema())], ids=".".join)
def test_the_form_of_every_object_and_list_is_one(place: tuple[str, ...]) -> None:
    spec: Any = 7
    for name in reversed(place):
        spec = {name: spec}
    _, _, rest = words(a_model(**spec)).partition(f"{'.'.join(place)}: must be of type ")
    kind, _, example = rest.partition(": write e.g. ")
    assert isinstance(yaml.safe_load(example.split("; ")[0]), TYPED[kind])
