"""The objects under tests/data, and what each should be answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Body = dict[str, Any]

DATA = Path(__file__).parents[2] / "data"


def documents(name: str) -> list[Body]:
    return list(yaml.safe_load_all((DATA / name).read_text()))


def named(body: Body) -> str:
    name: str = body["metadata"]["name"]
    return name


def expected(body: Body) -> str | None:
    """A part of the words that refuse the object; None: it is accepted."""
    words: str | None = body["metadata"].get("annotations", {}).get("expect")
    return words


CASES = documents("api-cases.yaml")
RELEASES = documents("flagrelease.yaml")
EVERY_FIELD = documents("every-field.yaml")


def a_model(**spec: Any) -> Body:
    smallest = {"chip": "cpu", "image": "vllm:1", "source": {"modelscope": {"repo": "a/b"}}}
    return {
        "apiVersion": "flagos.io/v1alpha1",
        "kind": "FlagOSModel",
        "metadata": {"name": "a-model"},
        "spec": smallest | spec,
    }


def paths(schema: Body, *, at: str = "") -> Iterator[str]:
    """Every field that a schema names, as in .server.env[].name."""
    for name, field in schema.get("properties", {}).items():
        yield f"{at}.{name}"
        yield from paths(field, at=f"{at}.{name}")
        yield from paths(field.get("items", {}), at=f"{at}.{name}[]")


def used(value: object, *, at: str = "") -> Iterator[str]:
    """Every field that an object gives, in the same words."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield f"{at}.{name}"
            yield from used(item, at=f"{at}.{name}")
    if isinstance(value, list):
        for item in value:
            yield from used(item, at=f"{at}[]")
