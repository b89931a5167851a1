"""The definitions: come and grow with the chart, stay when the chart goes."""

from __future__ import annotations

import pytest
import yaml

from flagos_operator.api.definitions import DEFINITIONS
from tests.chart.rendering import CHART, ROOT, Manifest, of_kind, render

KEEP = "helm.sh/resource-policy"
EACH = pytest.mark.parametrize("plural", DEFINITIONS)


def definition(plural: str) -> Manifest:
    found = of_kind(render(), "CustomResourceDefinition")
    return next(each for each in found if each["metadata"]["name"] == f"{plural}.flagos.io")


def generated(plural: str) -> str:
    return (ROOT / "crds" / f"{plural}.yaml").read_text()


@EACH
def test_the_charts_copy_is_the_generated_definition(plural: str) -> None:
    copy = (CHART / "files" / f"{plural}.yaml").read_text()
    assert copy == generated(plural), "run: make generate"


def test_the_definitions_are_templates_since_helm_never_upgrades_a_crds_folder() -> None:
    """KServe #5539: definitions stayed old on an upgrade."""
    assert not (CHART / "crds").exists()
    found = [each["metadata"]["name"] for each in of_kind(render(), "CustomResourceDefinition")]
    assert found == [f"{plural}.flagos.io" for plural in DEFINITIONS]


@EACH
def test_a_definition_outlives_the_release(plural: str) -> None:
    """KServe #5539: definitions, and all models with them, went with the release."""
    assert definition(plural)["metadata"]["annotations"][KEEP] == "keep"


@EACH
def test_helm_changes_nothing_else_in_it(plural: str) -> None:
    rendered = yaml.safe_load(yaml.safe_dump(definition(plural)))
    del rendered["metadata"]["annotations"][KEEP]
    assert rendered == yaml.safe_load(generated(plural))


def test_they_can_be_left_to_somebody_else() -> None:
    assert not of_kind(render({"crds": {"install": False}}), "CustomResourceDefinition")


def test_no_object_of_these_kinds_is_in_the_chart() -> None:
    """Helm checks all kinds before it makes the first object: a first install would fail."""
    kinds = {each.kind for each in DEFINITIONS.values()}
    assert not kinds & {body["kind"] for body in render()}
