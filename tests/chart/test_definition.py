"""The FlagOSModel definition: comes and grows with the chart, stays when the chart goes."""

from __future__ import annotations

import yaml

from tests.chart.rendering import CHART, ROOT, of_kind, render, the

GENERATED = ROOT / "crds" / "flagosmodels.yaml"
COPY = CHART / "files" / "flagosmodels.yaml"
KEEP = "helm.sh/resource-policy"


def test_the_charts_copy_is_the_generated_definition() -> None:
    assert COPY.read_text() == GENERATED.read_text(), "run: make generate"


def test_the_definition_is_a_template_since_helm_never_upgrades_a_crds_folder() -> None:
    """KServe #5539: definitions stayed old on an upgrade."""
    assert not (CHART / "crds").exists()
    assert (
        the(render(), "CustomResourceDefinition")["metadata"]["name"] == "flagosmodels.flagos.io"
    )


def test_the_definition_outlives_the_release() -> None:
    """KServe #5539: definitions, and all models with them, went with the release."""
    assert the(render(), "CustomResourceDefinition")["metadata"]["annotations"][KEEP] == "keep"


def test_helm_changes_nothing_else_in_it() -> None:
    rendered = the(render(), "CustomResourceDefinition")
    del rendered["metadata"]["annotations"][KEEP]
    if not rendered["metadata"]["annotations"]:
        del rendered["metadata"]["annotations"]
    assert rendered == yaml.safe_load(GENERATED.read_text())


def test_it_can_be_left_to_somebody_else() -> None:
    assert not of_kind(render({"crds": {"install": False}}), "CustomResourceDefinition")


def test_no_object_of_its_kind_is_in_the_chart() -> None:
    """Helm checks all kinds before it makes the first object: a first install would fail."""
    assert not of_kind(render(), "FlagOSModel")
