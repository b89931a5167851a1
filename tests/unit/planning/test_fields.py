"""The table of fields: nobody's word is missing in it, and none is cut in its middle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from flagos_operator.api.faults import shapes_of
from flagos_operator.api.shape import Shape
from flagos_operator.api.spec import FlagOSModelSpec
from flagos_operator.planning.layers import SHOWN
from flagos_operator.planning.words import cut
from tests.unit.api.cases import EVERY_FIELD
from tests.unit.desired.build import model
from tests.unit.planning.test_offline import fields, in_json, nothing_around, written

Capture = pytest.CaptureFixture[str]
__all__ = ["nothing_around"]
# Told beside the table: which row serves the model, and why.
BESIDE = {"release", "model", "nodes"}
OWN = [body for body in EVERY_FIELD if body["spec"].keys() - BESIDE]


def said(
    spec: Mapping[str, Any], shape: type[Shape] = FlagOSModelSpec, at: str = ""
) -> Iterator[str]:
    for name, value in spec.items():
        inner = shapes_of(shape).get(name)
        if inner and isinstance(value, Mapping):
            yield from said(value, inner, f"{at}{name}.")
        else:
            yield f"{at}{name}"


def is_told(path: str, paths: set[str]) -> bool:
    """In a row of its own, or in that of what it is a part of; `source` shows only where it is."""
    if path == "server.env":
        return any(each.startswith("env ") for each in paths)
    parts = path.split(".")
    rows = {".".join(parts[:end]) for end in range(1, len(parts) + 1)} & paths
    return bool(rows - {"source"}) or path.startswith(tuple(SHOWN))


@pytest.mark.parametrize("body", OWN, ids=lambda each: each["metadata"]["name"])
def test_no_field_of_the_api_is_missing(
    body: dict[str, Any], tmp_path: Path, capsys: Capture
) -> None:
    versions = {"vllmPluginFL": "0.3.0", **body["spec"].get("versions", {})}
    spec = {name: value for name, value in body["spec"].items() if name not in BESIDE}
    told = fields(
        in_json(
            capsys,
            *("--offline", "-f"),
            written(tmp_path, {**body, "spec": {**spec, "versions": versions}}),
        )
    )
    missing = [path for path in said(spec) if not is_told(path, set(told))]
    assert told
    assert missing == []


def test_parts_of_a_source_that_its_row_does_not_show_have_their_own(
    tmp_path: Path, capsys: Capture
) -> None:
    hub = {"repo": "a/b", "revision": "v1", "endpoint": "https://hub.example.com"}
    body = model(source={"modelscope": hub, "exclude": ["*.bin"]})
    found = fields(in_json(capsys, "--offline", "-f", written(tmp_path, body)))
    assert found["source"] == ("model", "modelscope:a/b")
    assert found["source.modelscope.revision"] == ("model", "v1")
    assert found["source.modelscope.endpoint"] == ("model", "https://hub.example.com")
    assert found["source.exclude"] == ("model", "[*.bin]")
    assert found["weights.directory"] == ("operator", "a/b/v1")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("short", "short"),
        ("a\n  b", "a b"),
        ("word " * 30, "word " * 19 + "..."),
        ("r.example/" + "x" * 150, "r.example/" + "x" * 150),
    ],
)
def test_a_long_value_ends_at_a_word_and_a_long_word_is_whole(text: str, shown: str) -> None:
    assert cut(text) == shown
