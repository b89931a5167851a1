"""Children follow their model, whatever happens to either."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.loop.fakekube import FakeKube, Fault
from tests.process.conftest import model, until

KINDS = ("ConfigMap", "Service", "Deployment")


def served(kube: FakeKube, name: str = "qwen", *, namespace: str = "default") -> bool:
    """All children are there and the status is about the newest generation."""
    names = {"ConfigMap": f"{name}-fetch", "Service": name, "Deployment": name}
    body = kube.find("FlagOSModel", name, namespace=namespace) or {}
    seen = body.get("status", {}).get("observedGeneration")
    return seen == body["metadata"]["generation"] and all(
        kube.find(kind, child, namespace=namespace) for kind, child in names.items()
    )


def reason(kube: FakeKube, name: str = "qwen") -> str:
    status = (kube.find("FlagOSModel", name) or {}).get("status", {})
    conditions = status.get("conditions", [])
    return next((str(c["reason"]) for c in conditions if c["type"] == "Ready"), "")


async def test_a_model_gets_its_children_and_a_status(kube: FakeKube, operator: Any) -> None:
    async with operator():
        kube.create(model())
        await until(lambda: served(kube), what="children and status")
    owner = kube.find("Deployment", "qwen")["metadata"]["ownerReferences"][0]
    assert owner["uid"] == kube.find("FlagOSModel", "qwen")["metadata"]["uid"]


async def test_a_model_that_was_there_before_is_served_too(kube: FakeKube, operator: Any) -> None:
    kube.create(model())
    async with operator():
        await until(lambda: served(kube), what="children and status")


async def test_the_model_gets_no_finalizer_and_no_annotation(
    kube: FakeKube, operator: Any
) -> None:
    async with operator():
        kube.create(model())
        await until(lambda: served(kube), what="children and status")
    metadata = kube.find("FlagOSModel", "qwen")["metadata"]
    assert "finalizers" not in metadata
    assert "annotations" not in metadata


async def test_a_storm_of_edits_ends_with_the_last_one_in_few_writes(
    kube: FakeKube, operator: Any
) -> None:
    async with operator():
        kube.create(model())
        await until(lambda: served(kube), what="children")
        before = len(kube.writes("deployments"))
        kube.faults.append(Fault(method="PATCH", path="deployments", delay=0.1))
        for replicas in range(2, 42):
            kube.patch("FlagOSModel", "qwen", {"spec": {"replicas": replicas}})
            await asyncio.sleep(0.01)
        await until(
            lambda: kube.find("Deployment", "qwen")["spec"]["replicas"] == 41, what="the last edit"
        )
    assert len(kube.writes("deployments")) - before < 20


async def test_a_deleted_child_comes_back(kube: FakeKube, operator: Any) -> None:
    async with operator():
        kube.create(model())
        await until(lambda: served(kube), what="children")
        for kind, name in zip(KINDS, ("qwen-fetch", "qwen", "qwen"), strict=True):
            kube.delete(kind, name)
        await until(lambda: served(kube), what="children again")


async def test_an_edited_child_is_set_right(kube: FakeKube, operator: Any) -> None:
    async with operator():
        kube.create(model())
        await until(lambda: served(kube), what="children")
        kube.patch("Deployment", "qwen", {"spec": {"replicas": 7}})
        kube.patch("ConfigMap", "qwen-fetch", {"data": {"FLAGOS_FETCH_VERIFY": "no"}})
        await until(
            lambda: (
                kube.find("Deployment", "qwen")["spec"]["replicas"] == 1
                and kube.find("ConfigMap", "qwen-fetch")["data"]["FLAGOS_FETCH_VERIFY"] != "no"
            ),
            what="both are as wanted",
        )


async def test_a_chip_switch_takes_the_old_resource_away(kube: FakeKube, operator: Any) -> None:
    """KServe #4708."""
    async with operator():
        kube.create(model(chip="nvidia", devices=1))
        await until(lambda: served(kube), what="children")
        kube.patch("FlagOSModel", "qwen", {"spec": {"chip": "metax"}})

        def limits() -> dict[str, str]:
            spec = kube.find("Deployment", "qwen")["spec"]["template"]["spec"]
            found: dict[str, str] = spec["containers"][0]["resources"]["limits"]
            return found

        await until(lambda: set(limits()) == {"metax-tech.com/gpu"}, what="one chip's key")


async def test_a_child_that_is_no_longer_wanted_is_removed(kube: FakeKube, operator: Any) -> None:
    async with operator():
        kube.create(model())
        await until(lambda: served(kube), what="children")
        source = {"hostPath": {"path": "/share/m"}, "modelscope": None}
        kube.patch("FlagOSModel", "qwen", {"spec": {"source": source}})
        await until(lambda: not kube.find("ConfigMap", "qwen-fetch"), what="it is pruned")


async def test_nothing_is_written_for_a_model_that_is_gone(kube: FakeKube, operator: Any) -> None:
    async with operator():
        kube.create(model())
        await until(lambda: served(kube), what="children")
        kube.delete("FlagOSModel", "qwen")
        kube.create(model("other"))
        await until(lambda: served(kube, "other"), what="another one is served")
        seen = len(kube.writes("/qwen"))
        kube.patch("FlagOSModel", "other", {"spec": {"replicas": 2}})
        await until(lambda: served(kube, "other"), what="and its edit too")
    assert [body["metadata"]["name"] for body in kube.all("Deployment")] == ["other"]
    assert len(kube.writes("/qwen")) == seen


async def test_a_foreign_object_of_that_name_is_never_taken_over(
    kube: FakeKube, operator: Any
) -> None:
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "qwen", "namespace": "default"},
        "spec": {"selector": {"app": "mine"}, "ports": [{"name": "web", "port": 8000}]},
    }
    before = kube.create(foreign)
    async with operator():
        kube.create(model())
        await until(lambda: reason(kube) == "NameTaken", what="it is told")
    assert kube.find("Service", "qwen") == before
    assert kube.find("Deployment", "qwen") is None


async def test_a_wrong_model_is_told_and_the_others_are_served(
    kube: FakeKube, operator: Any
) -> None:
    kube.create(model("typo", chipp="x"))
    kube.create({**model("mad"), "spec": "not even an object"})
    async with operator():
        kube.create(model("good"))
        await until(lambda: served(kube, "good"), what="the good one is served")
        await until(lambda: reason(kube, "typo") == "InvalidSpec", what="the typo is told")
        await until(lambda: reason(kube, "mad") == "InvalidSpec", what="the mad one is told")


async def test_a_slow_object_does_not_hold_up_the_rest(kube: FakeKube, operator: Any) -> None:
    """LLMKube #1598."""
    kube.faults.append(Fault(method="PATCH", path="/slow", delay=30))
    async with operator():
        kube.create(model("slow"))
        kube.create(model("quick"))
        await until(lambda: served(kube, "quick"), what="the quick one is served", within=5)
        kube.faults.clear()


async def test_a_namespaced_operator_asks_for_its_namespaces_alone(
    kube: FakeKube, operator: Any
) -> None:
    kube.create(model("theirs", namespace="other"))
    async with operator(FLAGOS_WATCH_NAMESPACES="default"):
        kube.create(model())
        await until(lambda: served(kube), what="children")
    asked = [request.path for request in kube.requests if "namespaces" not in request.path]
    assert all(path.count("/") <= 3 for path in asked), asked  # discovery
    assert kube.find("Deployment", "theirs", namespace="other") is None
