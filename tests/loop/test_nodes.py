"""Input: a model that names its chip, and nodes. Asserted: what it is warned of, and till when."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.loop.fakekube.faults import Fault
from tests.loop.invariants import statuses_are_true
from tests.loop.running import (
    a_model,
    a_pod,
    condition,
    eventually,
    quiet,
    status,
)
from tests.loop.test_choice import FORBIDDEN, METAX, NVIDIA, a_node, quiet_of_writes

if TYPE_CHECKING:
    from flagos_operator.app import App
    from tests.loop.conftest import Operator
    from tests.loop.fakekube import FakeKube

SMALL = "no node has 16 nvidia.com/gpu; the largest has 8"
SCHEDULER = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu"


def a_large_one(name: str = "m", **spec: Any) -> dict[str, Any]:
    return a_model(name, chip="nvidia", devices=16, **spec)


def doubt(kube: FakeKube, name: str = "m") -> str:
    if not status(kube, name):
        return ""
    told = condition(kube, "UpToDate", name)
    assert told["status"] == "True"
    return str(told["reason"])


def a_pod_without_a_node(kube: FakeKube) -> dict[str, Any]:
    body = a_pod("m-1", template=template(kube), ready=False)
    unplaced = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    unplaced |= {"message": SCHEDULER, "lastTransitionTime": "2026-01-01T00:00:00Z"}
    body["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    return body | {
        "spec": {"containers": [{"name": "server"}]},
        "status": {"phase": "Pending", "conditions": [unplaced]},
    }


def template(kube: FakeKube) -> str:
    deployment = kube.find("Deployment", "m")
    assert deployment
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    return str(annotations["flagos.io/template"])


def looks(kube: FakeKube) -> int:
    return len(kube.asked("GET", "/nodes"))


def passes_of(app: App) -> float:
    return app.metrics.reconciles.labels(result="Done")._value.get()


def hasty(app: App) -> None:
    app.fleets.soon = 0.05


@pytest.fixture(autouse=True)
def no_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of this cluster is no load."""
    monkeypatch.setattr("flagos_operator.cluster.fleets.SHARE", 1)


async def test_more_devices_than_any_node_has_are_told_until_a_node_has_them(
    kube: FakeKube, operator: Operator
):
    kube.create(a_node("n1", NVIDIA))
    async with operator() as app:
        hasty(app)
        kube.create(a_large_one())
        await eventually(lambda: doubt(kube) == "NodeTooSmall")
        assert condition(kube, "UpToDate")["message"] == SMALL
        assert kube.find("Deployment", "m"), "it is warned, and not refused"
        kube.create(a_pod_without_a_node(kube))
        await eventually(lambda: "Unschedulable" in {e["reason"] for e in kube.all("Event")})
        assert condition(kube, "Ready")["message"].startswith(f"{SMALL}: {SCHEDULER}; free")
        await quiet_of_writes(kube, app)
        statuses_are_true(kube)
        kube.create(a_node("n2", NVIDIA, 16))
        await eventually(lambda: doubt(kube) == "Current")
        await eventually(lambda: SMALL not in condition(kube, "Ready")["message"])
        statuses_are_true(kube)
        events = [each for each in kube.all("Event") if each["reason"] == "NodeTooSmall"]
        assert [(each["type"], each["message"]) for each in events] == [("Warning", SMALL)]


async def test_an_operator_that_comes_anew_does_not_take_back_what_it_has_not_looked_at(
    kube: FakeKube, operator: Operator
):
    kube.create(a_node("n1", NVIDIA))
    kube.create(a_large_one())
    async with operator():
        await eventually(lambda: doubt(kube) == "NodeTooSmall")
        await quiet(kube)
    writes, before = len(kube.writes()), looks(kube)
    async with operator():
        await eventually(lambda: looks(kube) > before)
        await quiet(kube)
        assert len(kube.writes()) == writes
    kube.create(a_node("n2", NVIDIA, 16))
    async with operator():
        await eventually(lambda: doubt(kube) == "Current")


async def test_news_of_nodes_turn_only_those_whom_they_concern(kube: FakeKube, operator: Operator):
    kube.create(a_node("n1", NVIDIA))
    async with operator() as app:
        hasty(app)
        kube.create(a_large_one())
        kube.create(a_model("other", chip="metax"))
        await eventually(lambda: doubt(kube) == "NodeTooSmall")
        await quiet_of_looks(kube)
        passes = passes_of(app)
        kube.create(a_node("n2", NVIDIA))
        await quiet_of_looks(kube)
        assert passes_of(app) == passes
        kube.create(a_node("n3", METAX))
        await quiet_of_looks(kube)
        assert passes_of(app) == passes + 1


async def test_once_it_serves_nobody_looks_any_more(kube: FakeKube, operator: Operator):
    kube.create(a_node("n1", NVIDIA))
    async with operator() as app:
        hasty(app)
        kube.create(a_large_one())
        await eventually(lambda: doubt(kube) == "NodeTooSmall")
        kube.create(a_pod("m-1", template=template(kube)))
        await eventually(lambda: doubt(kube) == "Current")
        await quiet(kube)
        statuses_are_true(kube)


async def test_devices_that_no_node_has_are_told_until_a_node_has_them(
    kube: FakeKube, operator: Operator
):
    kube.create(a_large_one())
    async with operator() as app:
        hasty(app)
        await eventually(lambda: kube.find("Deployment", "m"))
        kube.create(a_pod_without_a_node(kube))
        await eventually(
            lambda: status(kube).get("progress", "").startswith("no node has nvidia.com/gpu: is")
        )
        assert condition(kube, "Ready")["message"].startswith("no node has nvidia.com/gpu: 0/")
        kube.create(a_node("n1", NVIDIA, 16))
        await eventually(lambda: "no usable node has 16" in status(kube)["progress"])


async def test_without_the_right_to_list_nodes_nothing_is_said(
    kube: FakeKube, operator: Operator, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("flagos_operator.cluster.fleets.RETRY", 0.05)
    kube.faults.append(
        Fault(method="GET", path="/nodes", status=403, reason="Forbidden", message=FORBIDDEN)
    )
    kube.create(a_node("n1", NVIDIA))
    kube.create(a_large_one())
    async with operator():
        await eventually(lambda: looks(kube) == 2)
        await quiet(kube)
        assert doubt(kube) == "Current"
        assert looks(kube) == 2


async def quiet_of_looks(kube: FakeKube) -> None:
    """Over several looks at the nodes."""
    before = looks(kube)
    await eventually(lambda: looks(kube) >= before + 3)
    await asyncio.sleep(0.05)
