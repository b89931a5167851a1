"""The definitions of chips and releases: current, closed, bounded, described."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from flagos_operator.__main__ import main
from flagos_operator.api import crd
from flagos_operator.api.definitions import DEFINITIONS, MODEL, Definition
from tests.unit.api.test_definition import bounded, nodes

ROOT = Path(__file__).parents[3]
KINDS = tuple(each for each in DEFINITIONS.values() if each is not MODEL)
EACH = pytest.mark.parametrize("kind", KINDS, ids=lambda each: each.kind)


def spec(kind: Definition) -> dict:
    return crd.spec_schema(kind)


@EACH
def test_the_file_in_the_repository_is_current(kind: Definition):
    assert (ROOT / "crds" / f"{kind.plural}.yaml").read_text() == crd.as_yaml(kind)


@EACH
def test_the_command_prints_it(kind: Definition, capsys: pytest.CaptureFixture[str]):
    assert main(["crd", kind.plural]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == crd.definition(kind)


@EACH
def test_it_is_of_the_whole_cluster_and_has_no_status(kind: Definition):
    found = crd.definition(kind)["spec"]
    assert found["scope"] == "Cluster"
    assert "categories" not in found["names"], "kubectl get flagos is for models"
    (version,) = found["versions"]
    assert "subresources" not in version
    assert "status" not in version["schema"]["openAPIV3Schema"]["properties"]


@EACH
def test_everything_is_bounded(kind: Definition):
    assert [at for at, node in nodes(spec(kind), at="spec") if not bounded(node)] == []


@EACH
def test_nothing_has_a_default_so_that_what_is_not_said_is_seen(kind: Definition):
    assert [at for at, node in nodes(spec(kind), at="spec") if "default" in node] == []


@EACH
def test_every_field_is_described_in_sentences(kind: Definition):
    for at, node in nodes(spec(kind), at="spec"):
        if not at.endswith(("[]", "{}")):
            assert re.fullmatch(r"[A-Z].*\.", node["description"]), at


@EACH
def test_rules_say_what_to_do(kind: Definition):
    for at, node in nodes(spec(kind), at="spec"):
        for rule in node.get("x-kubernetes-validations", ()):
            assert re.search(
                r"\b(set|remove|choose|keep|has a field|write|is for)\b", rule["message"]
            ), f"{at}: {rule['message']}"


@pytest.mark.parametrize(
    ("plural", "shown", "wide"),
    [
        ("flagoschips", ["Resource", "Devices/Resource", "Memory", "Age"], []),
        ("flagosreleases", ["Model", "Chip", "Tier", "Verdict", "Image", "Age"], ["Image"]),
    ],
)
def test_the_columns_tell_rows_apart(plural: str, shown: list[str], wide: list[str]):
    columns = crd.definition(DEFINITIONS[plural])["spec"]["versions"][0][
        "additionalPrinterColumns"
    ]
    assert [column["name"] for column in columns] == shown
    assert [column["name"] for column in columns if column.get("priority")] == wide


@pytest.mark.parametrize("name", ["a.b", "Nvidia", "-a", "a" * 64])
def test_a_chip_has_a_name_that_a_model_can_say(name: str):
    (rule,) = (DEFINITIONS["flagoschips"].name,)
    assert rule is not None
    assert not rule.holds({"metadata": {"name": name}})
    assert rule.holds({"metadata": {"name": "my-chip"}})


def test_the_reference_tells_of_all_kinds_and_nothing_twice():
    text = crd.as_reference()
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    assert len(headings) == len(set(headings))
    for kind in DEFINITIONS.values():
        assert f"# {kind.kind}" in text


def test_every_link_of_the_reference_leads_somewhere():
    text = crd.as_reference()
    anchors = {
        re.sub(r"[^a-z0-9-]", "", heading.lower().replace(" ", "-"))
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) - anchors == set()
