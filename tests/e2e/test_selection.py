"""A model by its name: the chip that the cluster has free decides which published row serves.

Two vendors' devices come from a fake device plugin that registers with the real kubelet; both rows
run the tiny model's server on the processor, since no chip is here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import ROOT
from tests.e2e.model import Model, tiny
from tests.kube import Body, Kube, eventually, run

pytestmark = pytest.mark.timeout(300)

VENDORS = {"nvidia": "nvidia.com/gpu", "metax": "metax-tech.com/gpu"}
TITLE = "Tiny-Two-Vendors"


def allocatable(resource: str) -> int:
    nodes = json.loads(run("kubectl", "get", "nodes", "-o", "json"))["items"]
    return sum(int(node["status"]["allocatable"].get(resource, 0)) for node in nodes)


@pytest.fixture(scope="module")
def one_of_each() -> Iterator[None]:
    offered = [f"{resource}=1" for resource in VENDORS.values()]
    words = [sys.executable, "-m", "testbed.device_plugin", *offered]
    with subprocess.Popen(words, cwd=ROOT) as plugin:
        try:
            for resource in VENDORS.values():
                eventually(
                    lambda resource=resource: allocatable(resource) == 1,
                    within=60,
                    what=f"the node offers {resource}",
                )
            yield
        finally:
            plugin.terminate()


def a_row(chip: str) -> Body:
    spec: Body = tiny("x")["spec"]
    server: dict[str, Any] = {
        "engine": "Custom",
        "command": ["python3", "-m", "http.server", "8000"],
        "healthPath": "/",
        "drainSeconds": 0,  # that web server does not listen to SIGTERM
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    }
    return {
        "apiVersion": "flagos.io/v1alpha1",
        "kind": "FlagOSRelease",
        "metadata": {"name": f"tiny-two-vendors-{chip}"},
        "spec": {
            "model": TITLE,
            "chip": chip,
            "devices": 1,
            "image": spec["image"],
            "source": spec["source"],
            "server": server,
        },
    }


@pytest.fixture(scope="module")
def rows(operator: Kube) -> Iterator[None]:
    bodies = [a_row(chip) for chip in VENDORS]
    run(
        "kubectl",
        "apply",
        "-f",
        "-",
        stdin=json.dumps({"kind": "List", "apiVersion": "v1", "items": bodies}),
    )
    yield
    run("kubectl", "delete", "flagosreleases", *(body["metadata"]["name"] for body in bodies))


def by_name(name: str) -> Body:
    spec = {"model": {"name": TITLE, "chips": [*VENDORS]}}
    fetch = tiny("x")["spec"]["fetch"]
    return {**tiny(name), "spec": {**spec, "fetch": fetch}}


def chosen(model: Model) -> Body:
    found: Body = model.body()["status"]["selection"]
    return found


def test_the_first_free_chip_is_taken_then_the_other_vendors_then_none(
    space: Kube, one_of_each: None, rows: None
) -> None:
    first, second, third = (Model(space, name) for name in ("first", "second", "third"))
    space.apply(by_name("first"))
    first.wait_ready()
    assert (chosen(first)["chip"], chosen(first)["release"]) == (
        "nvidia",
        "tiny-two-vendors-nvidia",
    )
    assert VENDORS["nvidia"] in str(first.pods()[0]["spec"]["containers"][0]["resources"])

    space.apply(by_name("second"))
    second.wait_ready()
    assert chosen(second)["chip"] == "metax"
    why = {each["chip"]: each["reason"] for each in chosen(second)["rejected"]}
    assert why == {"nvidia": "NotEnoughFree"}

    space.apply(by_name("third"))
    waiting = third.wait_reason("NoReleaseFits")
    assert all(resource in waiting["message"] for resource in VENDORS.values())
    assert not third.pods()

    uids = second.pod_uids()
    space.delete("flagosmodel", "first")
    third.wait_ready()
    assert chosen(third)["chip"] == "nvidia", "what became free"
    assert (chosen(second)["chip"], second.pod_uids()) == ("metax", uids), "a choice stays"


def test_shipped_rows_are_there_and_a_model_by_an_unknown_name_is_told(
    space: Kube, rows: None
) -> None:
    rows_of = run("kubectl", "get", "flagosreleases", "--no-headers")
    assert "minicpm-o-4.5-nvidia" in rows_of
    space.apply({**tiny("lost"), "spec": {"model": {"name": "Tiny-Too-Vendors"}}})
    told = Model(space, "lost").wait_reason("UnknownModel")
    assert TITLE in told["message"]
