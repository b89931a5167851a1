"""What a Prometheus would read: all that alerts and dashboard ask for is really there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.loop.running import (
    a_downloaded_model,
    a_downloading_pod,
    a_model,
    a_pod,
    condition,
    eventually,
    quiet,
    status,
    template,
)

FILES = Path(__file__).parents[2] / "charts" / "flagos-operator" / "files"
ALERTS = yaml.safe_load((FILES / "alerts.yaml").read_text())
PANELS = json.loads((FILES / "dashboard.json").read_text())["panels"]
QUERIES = [(alert["alert"], alert["expr"]) for alert in ALERTS] + [
    (panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]
]
NAME = re.compile(r"\b((?:flagos|process)_\w+)(?:\{([^}]*)\})?")
GROUPS = re.compile(r"\bby \(([^)]*)\)")


def asked(query: str) -> dict[str, set[str]]:
    """Each metric of a query, with the labels that the query picks or groups by."""
    groups = {label.strip() for found in GROUPS.findall(query) for label in found.split(",")}
    picked = {name: set(re.findall(r"(\w+)\s*[=!]", inner)) for name, inner in NAME.findall(query)}
    return {name: labels | groups for name, labels in picked.items()}


def emitted(text: str) -> dict[str, set[str]]:
    families = text_string_to_metric_families(text)
    return {each.name: set(each.labels) for family in families for each in family.samples}


@pytest.fixture
async def scraped(kube, operator):
    async with operator() as app:
        kube.create(a_model())
        await eventually(lambda: kube.find("Deployment", "m"))
        await eventually(lambda: status(kube))
        kube.put(a_pod("m-1", template=template(kube)))
        await eventually(lambda: condition(kube, "Ready").get("status") == "True")
        await quiet(kube)
        return app.metrics.text().decode()


async def test_every_query_asks_for_what_is_emitted(scraped):
    found = emitted(scraped)
    wrong = [
        f"{title}: {name} {sorted(labels)}"
        for title, query in QUERIES
        for name, labels in asked(query).items()
        if name not in found or not labels <= found[name]
    ]
    assert len(QUERIES) > 20
    assert wrong == []


async def test_a_model_is_told_by_name_while_it_exists(kube, operator):
    async with operator() as app:
        kube.create(a_model())
        await eventually(lambda: status(kube))
        await eventually(lambda: 'flagos_model_phase{model="m"' in app.metrics.text().decode())
        kube.delete("FlagOSModel", "m")
        await eventually(lambda: 'model="m"' not in app.metrics.text().decode())


async def test_the_way_to_the_first_ready_is_measured_once(scraped):
    assert "flagos_model_ready_seconds_count 1.0" in scraped


@pytest.mark.parametrize(("title", "query"), QUERIES)
def test_brackets_of_a_query_close(title, query):
    assert query.count("(") == query.count(")"), title
    assert query.count("{") == query.count("}"), title


async def test_what_is_read_of_logs_is_counted_to_the_byte(kube, operator):
    async with operator() as app:
        kube.create(a_downloaded_model())
        await eventually(lambda: kube.find("Deployment", "m"))
        kube.logs["m-1", "fetch"] = "downloading: 1 B of 2 B (50%) [1/2]\n"
        kube.put(a_downloading_pod("m-1", template=template(kube)))
        await eventually(lambda: app.metrics.log_bytes.collect()[0].samples[0].value)
        text = app.metrics.text().decode()
    read = re.search(r"^flagos_log_read_bytes_total (\S+)$", text, re.MULTILINE)
    assert read
    assert float(read[1]) % len(kube.logs["m-1", "fetch"]) == 0
