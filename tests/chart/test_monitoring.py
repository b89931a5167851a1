"""Alerts and dashboard: absent by default, whole when asked for, and explained."""

from __future__ import annotations

import json

import pytest

from tests.chart.rendering import ROOT, Manifest, of_kind, refusal, render, the

ON = {"metrics": {"alerts": {"enabled": True}, "dashboard": {"enabled": True}}}


def alerts(values: Manifest) -> list[Manifest]:
    (group,) = the(render(values), "PrometheusRule")["spec"]["groups"]
    found: list[Manifest] = group["rules"]
    return found


def test_neither_comes_unasked() -> None:
    manifests = render()
    assert not of_kind(manifests, "PrometheusRule")
    assert not [each for each in of_kind(manifests, "ConfigMap") if "dashboard" in str(each)]


def test_each_alert_is_explained_to_who_is_on_call() -> None:
    manual = (ROOT / "docs" / "operations.md").read_text()
    for alert in alerts(ON):
        assert f"### {alert['alert']}" in manual
        assert alert["labels"]["severity"] in ("warning", "critical")
        assert alert["annotations"]["summary"]


def test_the_patience_with_models_can_be_set() -> None:
    values = {"metrics": {"alerts": {"enabled": True, "modelNotReadyFor": "90m"}}}
    (alert,) = (each for each in alerts(values) if each["alert"] == "FlagOSModelNotReady")
    assert alert["for"] == "90m"
    assert "90m" in alert["annotations"]["summary"]


def test_a_term_that_prometheus_cannot_read_is_refused() -> None:
    assert "modelNotReadyFor" in refusal({"metrics": {"alerts": {"modelNotReadyFor": "soon"}}})


@pytest.mark.parametrize("kind", ["alerts", "dashboard"])
def test_labels_for_whoever_selects_by_them(kind: str) -> None:
    made = render({"metrics": {kind: {"enabled": True, "labels": {"find": "me"}}}})
    assert any(each["metadata"].get("labels", {}).get("find") == "me" for each in made)


def test_the_dashboard_is_what_grafana_reads() -> None:
    config = next(each for each in of_kind(render(ON), "ConfigMap") if "grafana" in str(each))
    dashboard = json.loads(config["data"]["flagos-operator.json"])
    assert dashboard["title"]
    assert dashboard["panels"]
