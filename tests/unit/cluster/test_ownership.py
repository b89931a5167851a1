"""A manifest without the fields that a refused apply names."""

from __future__ import annotations

from typing import Any

import pytest

from flagos_operator.cluster.ownership import without

MANIFEST: dict[str, Any] = {
    "kind": "FlagOSChip",
    "metadata": {"name": "x", "annotations": {"flagos.io/shipped": "1"}},
    "spec": {
        "resourceName": "a.b/c",
        "nodeSelector": {"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"},
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        "args": ["--x"],
        "flagos": {"mode": "FlagOS"},
    },
}


@pytest.mark.parametrize(
    ("path", "field", "left"),
    [
        (".spec.resourceName", "resourceName", None),
        (".spec.args", "args", None),
        (".spec.flagos.mode", "flagos", None),
        (".spec.nodeSelector.kubernetes.io/arch", "nodeSelector", {"kubernetes.io/os": "linux"}),
        ('.spec.env[name="A"].value', "env", [{"name": "A"}, {"name": "B", "value": "2"}]),
        ('.spec.env[name="A"]', "env", [{"name": "B", "value": "2"}]),
    ],
)
def test_what_others_own_goes(path: str, field: str, left: object) -> None:
    spec = without(MANIFEST, [path])["spec"]
    assert spec.get(field) == left
    assert {n: v for n, v in spec.items() if n != field} == {
        n: v for n, v in MANIFEST["spec"].items() if n != field
    }


@pytest.mark.parametrize(
    "path", [".metadata.name", ".spec.unknown", ".spec", "", '.spec.env[name="C"].value']
)
def test_what_names_the_object_and_what_is_not_said_stays(path: str) -> None:
    assert without(MANIFEST, [path]) == MANIFEST


def test_all_paths_of_a_refusal_count_at_once() -> None:
    paths = ['.spec.env[name="A"].value', '.spec.env[name="B"].value', ".spec.args"]
    spec = without(MANIFEST, paths)["spec"]
    assert spec["env"] == [{"name": "A"}, {"name": "B"}]
    assert "args" not in spec


def test_the_manifest_itself_is_left_as_it_is() -> None:
    without(MANIFEST, [".spec.flagos.mode"])
    assert MANIFEST["spec"]["flagos"] == {"mode": "FlagOS"}
