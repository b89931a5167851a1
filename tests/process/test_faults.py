"""The API server fails in every way it can; afterwards all is as it should be."""

from __future__ import annotations

from typing import Any

import pytest

from tests.loop.fakekube import FakeKube, Fault
from tests.process.conftest import Body, model, reason, served, until


def pod(name: str) -> Body:
    labels = {"app.kubernetes.io/managed-by": "flagos-operator", "flagos.io/model": "qwen"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {"containers": [{"name": "server"}]},
        "status": {"phase": "Pending"},
    }


@pytest.mark.parametrize("status", [409, 429, 500, 503])
async def test_a_passing_error_is_retried(kube: FakeKube, operator: Any, status: int) -> None:
    fault = Fault(method="PATCH", path="deployments", status=status, times=2)
    kube.faults.append(fault)
    async with operator():
        kube.create(model())
        await until(lambda: served(kube), what="children and status")
    assert fault.met == 2


async def test_the_server_that_asks_for_a_pause_gets_it(kube: FakeKube, operator: Any) -> None:
    kube.faults.append(
        Fault(method="PATCH", path="deployments", status=429, retry_after=3, times=1)
    )
    async with operator() as running:
        kube.create(model())
        await until(lambda: served(kube), what="children and status")
    assert "again in 3." in running.said()


async def test_an_answer_that_is_lost_does_no_harm(kube: FakeKube, operator: Any) -> None:
    kube.faults.append(Fault(method="PATCH", path="deployments", status=500, after=True, times=1))
    async with operator():
        kube.create(model())
        await until(lambda: served(kube), what="children and status")
    assert len(kube.all("Deployment")) == 1


async def test_a_right_that_is_missing_is_named_in_the_status(
    kube: FakeKube, operator: Any
) -> None:
    fault = Fault(
        method="PATCH",
        path="services",
        status=403,
        reason="Forbidden",
        message='services is forbidden: User "x" cannot patch resource "services"',
    )
    kube.faults.append(fault)
    async with operator():
        kube.create(model())
        await until(lambda: reason(kube) == "Forbidden", what="it is told")
        kube.faults.clear()
        await until(lambda: served(kube), what="it heals", within=40)


async def test_children_that_vanish_while_the_watch_is_blind_are_made_again(
    kube: FakeKube, operator: Any
) -> None:
    async with operator(FLAGOS_RESYNC_SECONDS="10"):
        kube.create(model())
        await until(lambda: served(kube), what="children")
        kube.storage.compact()
        kube.break_watches()
        kube.storage.objects = {
            key: body for key, body in kube.storage.objects.items() if key.plural != "services"
        }
        await until(lambda: served(kube), what="the Service is back", within=30)


async def test_a_model_that_vanishes_while_the_watch_is_blind_is_forgotten(
    kube: FakeKube, operator: Any
) -> None:
    async with operator(FLAGOS_RESYNC_SECONDS="10"):
        kube.create(model())
        await until(lambda: served(kube), what="children")
        kube.storage.objects.clear()  # nobody is told
        kube.storage.compact()
        kube.break_watches()
        seen = len(kube.requests)
        await until(
            lambda: any("flagosmodels" in r.path and not r.is_write for r in kube.requests[seen:]),
            what="the operator lists anew",
            within=30,
        )
        kube.create(model("other"))
        await until(lambda: served(kube, "other"), what="another one is served")
    assert [body["metadata"]["name"] for body in kube.all("Deployment")] == ["other"]


async def test_an_error_in_the_stream_is_survived(kube: FakeKube, operator: Any) -> None:
    """Kopf gives up on any ERROR event but 410; the operator watches anew."""
    async with operator() as running:
        kube.create(model())
        await until(lambda: served(kube), what="children")
        kube.break_watches({"kind": "Status", "code": 500, "message": "etcd leader changed"})
        kube.create(model("after"))
        await until(lambda: served(kube, "after"), what="a later model is served", within=30)
        assert running.process.returncode is None


async def test_a_restart_writes_nothing(kube: FakeKube, operator: Any) -> None:
    async with operator():
        kube.create(model())
        await until(lambda: served(kube), what="children")
    kube.requests.clear()
    async with operator():
        kube.create(model("later"))
        await until(lambda: served(kube, "later"), what="a later one is served")
    assert [r.path for r in kube.writes("qwen")] == []


async def test_a_killed_operator_leaves_what_the_next_one_completes(
    kube: FakeKube, operator: Any
) -> None:
    kube.faults.append(Fault(method="PATCH", path="deployments", delay=60))
    async with operator() as first:
        kube.create(model())
        await until(lambda: kube.find("Service", "qwen"), what="half of the children")
        await first.kill()
    kube.faults.clear()
    async with operator():
        await until(lambda: served(kube), what="all of the children")


async def test_an_upgraded_operator_rolls_nothing_and_rides_with_the_next_edit(
    kube: FakeKube, operator: Any
) -> None:
    """LLMKube #192."""

    def fetcher() -> str:
        spec = kube.find("Deployment", "qwen")["spec"]["template"]["spec"]
        return str(spec["initContainers"][0]["image"])

    async with operator():
        kube.create(model())
        await until(lambda: served(kube), what="children")
    before = kube.find("Deployment", "qwen")
    async with operator(FLAGOS_OPERATOR_IMAGE="operator:2"):
        kube.create(model("later"))
        await until(lambda: served(kube, "later"), what="a later one is served")
        assert kube.find("Deployment", "qwen") == before
        kube.patch("FlagOSModel", "qwen", {"spec": {"image": "vllm:2"}})
        await until(lambda: fetcher() == "operator:2", what="the new image comes with an edit")


async def test_a_status_field_that_the_definition_prunes_is_not_written_for_ever(
    kube: FakeKube, operator: Any
) -> None:
    kube.storage.prunes = {"progress"}
    async with operator():
        kube.create(model())
        await until(lambda: served(kube), what="children and status")
        seen = len(kube.asked("PATCH", "status"))
        kube.create(pod("qwen-1"))  # a change that the status does not show
        kube.create(model("later"))
        await until(lambda: served(kube, "later"), what="a later one is served")
    assert len(kube.asked("PATCH", "qwen/status")) - seen <= 2


async def test_two_operators_at_once_do_no_harm(kube: FakeKube, operator: Any) -> None:
    """KServe #4151, KAITO #1311: stale caches led to a second Job for the same work."""
    async with operator(), operator():
        for number in range(10):
            kube.create(model(f"m-{number}"))
        for number in range(10):
            name = f"m-{number}"
            await until(lambda name=name: served(kube, name), what=name)
    writes = kube.writes("deployments")
    assert len(writes) == 10, "one of them undid or repeated what the other had done"


async def test_pods_of_others_are_not_asked_for(kube: FakeKube, operator: Any) -> None:
    async with operator():
        kube.create(model())
        await until(lambda: served(kube), what="children")
    asked = kube.asked("GET", "/pods")
    assert asked
    assert all("managed-by" in r.query.get("labelSelector", "") for r in asked)


async def test_an_end_in_the_midst_of_a_start_is_quiet(kube: FakeKube, operator: Any) -> None:
    """As in a rollout that is turned back: what the watches were at is no error of anybody."""
    for number in range(100):
        kube.create(model(f"m{number}"))
    async with operator() as running:
        await running.stop()
    errors = [line for line in running.said().splitlines() if '"error"' in line]
    assert not errors
