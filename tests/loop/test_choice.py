"""Input: a model that names only what it wants served, and nodes. Asserted: what it comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.loop.fakekube.faults import Fault
from tests.loop.running import a_pod, condition, eventually, quiet, reason, status

if TYPE_CHECKING:
    from flagos_operator.app import App
    from tests.loop.conftest import Operator
    from tests.loop.fakekube import FakeKube

NVIDIA, METAX = "nvidia.com/gpu", "metax-tech.com/gpu"
FORBIDDEN = 'nodes is forbidden: User "system:serviceaccount:x" cannot list resource "nodes"'


def a_choice(name: str = "m", *, chips: list[str] | None = None, **spec: Any) -> dict[str, Any]:
    model = {"name": "MiniCPM5-2B"} | ({"chips": chips} if chips else {})
    return {
        "apiVersion": "flagos.io/v1alpha1",
        "kind": "FlagOSModel",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"model": model, "replicas": 1, **spec},
    }


def a_node(name: str, resource: str, count: int = 8, **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "namespace": "",
            "labels": {"kubernetes.io/arch": "amd64", **labels},
        },
        "spec": {},
        "status": {
            "allocatable": {resource: str(count), "cpu": "64"},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def a_tenant(name: str, resource: str, count: int, *, node: str) -> dict[str, Any]:
    pod = a_pod(name, model="")
    pod["metadata"]["labels"] = {"app": "other"}
    pod["spec"] = {
        "nodeName": node,
        "containers": [{"name": "main", "resources": {"limits": {resource: str(count)}}}],
    }
    return pod


def selection(kube: FakeKube, name: str = "m") -> dict[str, Any]:
    found = status(kube, name).get("selection")
    return dict(found) if found else {}


def chip(kube: FakeKube, name: str = "m") -> str:
    return str(selection(kube, name).get("chip", ""))


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that is looked at often, for a model that waits."""
    monkeypatch.setattr("flagos_operator.cluster.inventory.SHARE", 1)


async def test_the_chip_that_is_there_is_taken_and_started(kube: FakeKube, operator: Operator):
    kube.create(a_node("n1", METAX))
    kube.create(a_choice())
    async with operator():
        await eventually(lambda: kube.find("Deployment", "m"))
        await eventually(lambda: chip(kube) == "metax")
        assert "n1 has 8 of 8 free" in selection(kube)["message"]
        assert status(kube)["resolved"]["release"] == selection(kube)["release"]
        await quiet(kube)
        events = [each for each in kube.all("Event") if each["reason"] == "ReleaseChosen"]
        assert len(events) == 1


async def test_when_the_first_is_full_the_other_vendors_is_taken(
    kube: FakeKube, operator: Operator
):
    for body in (a_node("n1", NVIDIA), a_node("n2", METAX)):
        kube.create(body)
    kube.create(a_tenant("t", NVIDIA, 8, node="n1"))
    kube.create(a_choice(chips=["nvidia", "metax"]))
    async with operator():
        await eventually(lambda: chip(kube) == "metax")
        (told,) = [each for each in selection(kube)["rejected"] if each["chip"] == "nvidia"]
        assert told["reason"] == "NotEnoughFree"
        assert "n1, has 0 of 8 free" in told["message"]


def an_eight_billion(*chips: str) -> dict[str, Any]:
    """16.4 GB, as its rows say."""
    return a_choice() | {"spec": {"model": {"name": "Qwen3-8B", "chips": [*chips]}}}


def of_memory(mebibytes: int) -> dict[str, str]:
    return {"metax-tech.com/gpu.memory": str(mebibytes)}


async def test_weights_that_do_not_fit_into_what_is_free_leave_it_to_the_next_vendor(
    kube: FakeKube, operator: Operator
):
    kube.create(a_node("n1", METAX, **of_memory(8192)))
    kube.create(a_node("n2", "mthreads.com/gpu"))
    kube.create(an_eight_billion("metax", "mthreads"))
    async with operator():
        await eventually(lambda: chip(kube) == "mthreads")
        (told,) = selection(kube)["rejected"]
        assert (told["release"], told["reason"]) == ("qwen3-8b-metax", "InsufficientDeviceMemory")
        assert told["message"] == (
            "the weights alone, 15.3 GiB by published.size, exceed 1 device of 8.0 GiB "
            "by node labels; it takes spec.devices 2 at least"
        )


async def test_weights_that_fit_nowhere_say_so_and_are_served_where_they_do_later(
    kube: FakeKube, operator: Operator, hasty: None
):
    kube.create(a_node("n1", METAX, **of_memory(8192)))
    async with operator() as app:
        app.inventory.pause = 0.1
        kube.create(an_eight_billion("metax"))
        await eventually(lambda: reason(kube) == "NoReleaseFits")
        assert "qwen3-8b-metax: the weights alone, 15.3 GiB" in condition(kube, "Ready")["message"]
        assert not kube.find("Deployment", "m")
        kube.create(a_node("n2", METAX, **of_memory(65536)))
        await eventually(lambda: chip(kube) == "metax")
        assert "n2 has 8 of 8 free" in selection(kube)["message"]


async def test_two_that_choose_together_do_not_count_on_the_same_devices(
    kube: FakeKube, operator: Operator
):
    for body in (a_node("n1", NVIDIA, 1), a_node("n2", METAX, 1)):
        kube.create(body)
    for name in ("m", "other"):
        kube.create(a_choice(name, chips=["nvidia", "metax"]))
    async with operator():
        await eventually(lambda: chip(kube) and chip(kube, "other"))
        assert {chip(kube), chip(kube, "other")} == {"nvidia", "metax"}


async def test_nothing_that_fits_says_why_and_is_taken_when_it_does(
    kube: FakeKube, operator: Operator, hasty: None
):
    kube.create(a_node("n1", NVIDIA))
    kube.create(a_tenant("t", NVIDIA, 8, node="n1"))
    async with operator() as app:
        app.inventory.pause = 0.1
        kube.create(a_choice())
        await eventually(lambda: reason(kube) == "NoReleaseFits")
        assert not kube.find("Deployment", "m")
        assert status(kube)["phase"] == "Pending"
        assert condition(kube, "Stalled") == {}
        assert "metax" in status(kube)["progress"]
        assert {each["chip"] for each in selection(kube)["rejected"]} >= {"metax"}
        kube.delete("Pod", "t")
        await eventually(lambda: chip(kube) == "nvidia")
        await eventually(lambda: kube.find("Deployment", "m"))


async def test_a_model_that_waits_writes_nothing(kube: FakeKube, operator: Operator, hasty: None):
    async with operator() as app:
        app.inventory.pause = 0.05
        kube.create(a_choice())
        await eventually(lambda: "NoReleaseFits" in {e["reason"] for e in kube.all("Event")})
        await quiet_of_writes(kube, app)


async def quiet_of_writes(kube: FakeKube, app: App) -> None:
    """Over several looks at the cluster."""
    before = len(kube.writes())
    looks = len(kube.asked("GET", "/nodes"))
    await eventually(lambda: len(kube.asked("GET", "/nodes")) >= looks + 5)
    assert len(kube.writes()) == before


async def test_a_choice_stays_when_its_chips_are_full_and_others_come(
    kube: FakeKube, operator: Operator
):
    kube.create(a_node("n2", METAX))
    kube.create(a_choice(chips=["nvidia", "metax"]))
    async with operator():
        await eventually(lambda: chip(kube) == "metax")
        await quiet(kube)
    kube.create(a_node("n1", NVIDIA))
    kube.create(a_tenant("t", METAX, 8, node="n2"))
    looks = len(kube.asked("GET", "/nodes"))
    async with operator():
        kube.patch("FlagOSModel", "m", {"spec": {"replicas": 2}})
        await eventually(lambda: status(kube)["observedGeneration"] == 2)
        await quiet(kube)
        assert chip(kube) == "metax"
        assert len(kube.asked("GET", "/nodes")) == looks


async def test_another_wish_is_another_choice(kube: FakeKube, operator: Operator):
    for body in (a_node("n1", NVIDIA), a_node("n2", METAX)):
        kube.create(body)
    kube.create(a_choice(chips=["metax"]))
    async with operator():
        await eventually(lambda: chip(kube) == "metax")
        wish = {"name": "MiniCPM5-2B", "chips": ["nvidia"]}
        kube.patch("FlagOSModel", "m", {"spec": {"model": wish}})
        await eventually(lambda: chip(kube) == "nvidia")
        await eventually(lambda: status(kube)["resolved"]["chip"] == "nvidia")


async def test_without_the_right_to_list_nodes_the_users_order_counts_and_it_is_said(
    kube: FakeKube, operator: Operator
):
    kube.faults.append(
        Fault(method="GET", path="/nodes", status=403, reason="Forbidden", message=FORBIDDEN)
    )
    kube.create(a_choice(chips=["metax", "nvidia"]))
    kube.create(a_choice("unguided"))
    async with operator():
        await eventually(lambda: chip(kube) == "metax")
        assert selection(kube)["reason"] == "InventoryUnknown"
        assert "cannot list" in selection(kube)["message"]
        await eventually(lambda: reason(kube, "unguided") == "InventoryUnknown")
        assert "spec.model.chips" in condition(kube, "Ready", "unguided")["message"]


async def test_an_unknown_model_is_told_without_a_look_at_the_cluster(
    kube: FakeKube, operator: Operator
):
    kube.create(a_choice() | {"spec": {"model": {"name": "MiniCPM5-3B"}, "replicas": 1}})
    async with operator():
        await eventually(lambda: reason(kube) == "UnknownModel")
        assert "MiniCPM5-2B" in condition(kube, "Ready")["message"]
        assert not kube.asked("GET", "/nodes")


async def test_for_a_model_that_names_its_chip_nodes_are_looked_at_and_no_pods(
    kube: FakeKube, operator: Operator
):
    kube.create(a_choice() | {"spec": {"release": "minicpm5-2b-metax", "replicas": 1}})
    async with operator():
        await eventually(lambda: kube.find("Deployment", "m"))
        await quiet(kube)
        assert len(kube.asked("GET", "/nodes")) == 1
        assert not [each for each in kube.asked("GET", "/pods") if "fieldSelector" in each.query]
