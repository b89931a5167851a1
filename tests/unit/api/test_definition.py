"""The definition that the API server gets: current, closed, bounded, described."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from flagos_operator.__main__ import main
from flagos_operator.api import crd
from tests.unit.api.cases import EVERY_FIELD, Body, paths, used

ROOT = Path(__file__).parents[3]
GENERATED = ROOT / "crds" / "flagosmodels.yaml"
OPEN = "x-kubernetes-preserve-unknown-fields"

VERSION = crd.definition()["spec"]["versions"][0]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]
SPEC = SCHEMA["properties"]["spec"]
STATUS = SCHEMA["properties"]["status"]


def nodes(schema: Body, *, at: str) -> Iterator[tuple[str, Body]]:
    yield at, schema
    for name, field in schema.get("properties", {}).items():
        yield from nodes(field, at=f"{at}.{name}")
    for part, suffix in (("items", "[]"), ("additionalProperties", "{}")):
        if part in schema:
            yield from nodes(schema[part], at=f"{at}{suffix}")


def test_the_file_in_the_repository_is_current():
    assert GENERATED.read_text() == crd.as_yaml(), f"run: flagos-operator crd > {GENERATED}"


def test_the_reference_is_current():
    text = crd.as_reference()
    assert (ROOT / "docs" / "api.md").read_text() == text, "run: flagos-operator crd --docs"


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]):
    assert main(["crd"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == crd.definition()


def test_the_command_tells_a_file_that_is_behind(tmp_path: Path, capsys):
    behind = tmp_path / "old.yaml"
    behind.write_text("kind: Old\n")
    assert main(["crd", "--check", str(behind)]) == 1
    assert "old.yaml differs from the models" in capsys.readouterr().err
    assert main(["crd", "--check", str(GENERATED)]) == 0


def test_the_command_prints_the_reference(capsys):
    assert main(["crd", "--docs"]) == 0
    assert "## spec.server" in capsys.readouterr().out


def bounded(node: Body) -> bool:
    match node.get("type"):
        case "string":
            return "enum" in node or "maxLength" in node
        case "array":
            return "maxItems" in node
        case "integer" | "number":
            return {"minimum", "maximum"} <= node.keys()
        case "object" if "properties" not in node:
            return "maxProperties" in node
    return True


def test_everything_is_bounded():
    """The API server prices CEL by the largest object that the schema allows."""
    assert [at for at, node in nodes(SPEC, at="spec") if not bounded(node)] == []


def test_the_schema_is_structural():
    for at, node in [*nodes(SPEC, at="spec"), *nodes(STATUS, at="status")]:
        assert not node.keys() & {"$ref", "anyOf", "allOf", "oneOf", "title", "nullable"}, at
        assert "type" in node or "x-kubernetes-int-or-string" in node, at


def test_every_field_is_described_in_sentences():
    for at, node in [*nodes(SPEC, at="spec"), *nodes(STATUS, at="status")]:
        if not at.endswith(("[]", "{}")):
            assert re.fullmatch(r"[A-Z].*\.", node["description"]), at


def test_objects_are_closed_but_those_that_go_through():
    open_ones = {re.sub(r"^spec\.", "", at) for at, node in nodes(SPEC, at="spec") if OPEN in node}
    assert {at for at in open_ones if not at.endswith("valueFrom")} == {
        *("fetch.env[]", "fetch.securityContext"),
        *("server.env[]", "server.envFrom[]", "server.securityContext", "server.volumeMounts[]"),
        *("pod.tolerations[]", "pod.affinity", "pod.topologySpreadConstraints[]"),
        *("pod.securityContext", "pod.dnsConfig", "pod.hostAliases[]", "pod.resourceClaims[]"),
        *("pod.volumes[]", "pod.initContainers[]", "pod.containers[]"),
    }


def test_only_replicas_has_a_default():
    assert [at for at, node in nodes(SPEC, at="spec") if "default" in node] == ["spec.replicas"]


def test_an_older_definition_can_hold_a_newer_status():
    for at, node in nodes(STATUS, at="status"):
        assert not node.keys() & {"enum", "pattern", "maxLength", "maxItems", "maximum"}, at


LISTS = {
    "map by name": [
        *("imagePullSecrets", "fetch.env", "server.env", "fetch.resources.claims"),
        *("server.resources.claims", "pod.resourceClaims", "pod.volumes"),
        *("pod.initContainers", "pod.containers"),
    ],
    "map by mountPath": ["server.volumeMounts"],
    "set": [
        *("source.include", "source.exclude", "weights.volumeClaimTemplate.accessModes"),
        *("flagos.operators.allow", "flagos.operators.deny", "flagos.operators.denyMore"),
    ],
}


def test_lists_merge_by_what_identifies_an_item():
    found: dict[str, set[str]] = {}
    for at, node in nodes(SPEC, at="spec"):
        if node.get("type") == "array":
            keys = node.get("x-kubernetes-list-map-keys", [])
            kind = " by ".join([node["x-kubernetes-list-type"], *keys])
            found.setdefault(kind, set()).add(at.removeprefix("spec."))
    del found["atomic"]
    assert found == {kind: set(fields) for kind, fields in LISTS.items()}


def test_the_example_of_every_field_has_every_field():
    """It is what the tests on a real API server spoil one field at a time."""
    given = {path for body in EVERY_FIELD for path in used(body["spec"])}
    assert set(paths(SPEC)) - given == set()


def test_rules_say_what_to_do():
    """With at most a line of words: kubectl prints them behind the field."""
    for at, node in nodes(SPEC, at="spec"):
        for rule in node.get("x-kubernetes-validations", ()):
            assert len(rule["message"]) < 200, at
            assert re.search(
                r"\b(set|remove|choose|keep|has a field|write|is for)\b", rule["message"]
            ), f"{at}: {rule['message']}"


def test_the_columns_show_the_whole_way_to_ready():
    shown = [column["name"] for column in VERSION["additionalPrinterColumns"]]
    assert shown == [
        *("Phase", "Ready", "Chip", "Stack", "Progress", "Reason"),
        *("URL", "Image", "Weights"),
        "Age",
    ]
    wide = [c["name"] for c in VERSION["additionalPrinterColumns"] if c.get("priority")]
    assert wide == ["URL", "Image", "Weights"]


def test_the_schema_has_a_name_that_changes_with_it():
    definition = crd.definition()
    assert definition["metadata"]["annotations"][crd.SCHEMA_ANNOTATION] == crd.digest(SCHEMA)
    assert crd.digest(SCHEMA) != crd.digest(SCHEMA | {"description": "other"})
