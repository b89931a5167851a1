"""What is deleted, edited or missed comes right again, and nothing else moves by it."""

from __future__ import annotations

import asyncio

import pytest

from flagos_operator.cluster.kinds import KINDS, POD, Key
from tests.loop.fakekube import Fault
from tests.loop.fakekube.storage import Id
from tests.loop.running import (
    a_downloaded_model,
    a_downloading_pod,
    a_model,
    a_pod,
    condition,
    eventually,
    quiet,
    reason,
    status,
    template,
)

CHILDREN = (("ConfigMap", "m-fetch"), ("Service", "m"), ("Deployment", "m"))
POD_EDIT = {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}}


@pytest.mark.parametrize(("kind", "name"), CHILDREN)
async def test_a_deleted_child_comes_back(kube, operator, kind, name):
    async with operator():
        model = kube.create(a_downloaded_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
        before = len(kube.writes())
        kube.delete(kind, name)
        found = await eventually(lambda: kube.find(kind, name))
        assert found["metadata"]["ownerReferences"][0]["uid"] == model["metadata"]["uid"]
        await quiet(kube)
        rewritten = {each.path.rpartition("/")[2] for each in kube.writes()[before:]}
        assert rewritten <= {name, "status", "events"}


@pytest.mark.parametrize(
    ("kind", "name", "edit"),
    [
        ("Deployment", "m", {"spec": {"replicas": 7}}),
        ("Deployment", "m", POD_EDIT),
        ("Service", "m", {"spec": {"selector": {"flagos.io/model": "another"}}}),
        ("ConfigMap", "m-fetch", {"data": {"FLAGOS_FETCH_VERIFY": "no"}}),
    ],
    ids=["replicas", "a field of the pods", "selector", "data"],
)
async def test_an_edited_child_is_set_right(kube, operator, kind, name, edit):
    async with operator():
        kube.create(a_downloaded_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
        wanted = _content(kube.find(kind, name))
        kube.patch(kind, name, edit)
        assert _content(kube.find(kind, name)) != wanted
        await eventually(lambda: _content(kube.find(kind, name)) == wanted)


async def test_a_chip_switch_takes_the_old_resource_away(kube, operator):
    async with operator():
        kube.create(a_model(chip="nvidia", devices=1))
        await eventually(lambda: set(_limits(kube)) == {"nvidia.com/gpu"})
        kube.patch("FlagOSModel", "m", {"spec": {"chip": "metax"}})
        await eventually(lambda: set(_limits(kube)) == {"metax-tech.com/gpu"})


async def test_a_child_that_went_while_the_watch_was_blind_comes_back(kube, operator):
    """Kopf starts again from a list after "410 Gone" and tells nobody what is not in it."""
    async with operator():
        kube.create(a_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
        _blind(kube)
        del kube.storage.objects[_id("services")]
        await eventually(lambda: kube.find("Service", "m"))


async def test_a_pod_that_went_while_the_watch_was_blind_no_longer_counts(kube, operator):
    async with operator():
        kube.create(a_model())
        await eventually(lambda: status(kube))
        kube.put(a_pod("m-1", template=template(kube)))
        await eventually(lambda: condition(kube, "Ready").get("status") == "True")
        await quiet(kube)
        _blind(kube)
        del kube.storage.objects[_id("pods", "m-1")]
        await eventually(lambda: condition(kube, "Ready").get("status") == "False")


async def test_a_model_that_went_while_the_watch_was_blind_is_written_for_no_more(kube, operator):
    async with operator() as app:
        kube.create(a_model())
        kube.create(a_model("other"))
        await eventually(lambda: status(kube) and status(kube, "other"))
        await quiet(kube)
        _blind(kube)
        for gone in [each for each in kube.storage.objects if each.name == "m"]:
            del kube.storage.objects[gone]
        await eventually(lambda: len(app.store) == 1)
        kube.patch("FlagOSModel", "other", {"spec": {"replicas": 2}})
        await eventually(lambda: status(kube, "other")["observedGeneration"] == 2)
        assert {each["metadata"]["name"] for each in kube.all("Deployment")} == {"other"}
        # Models are listed first: its Deployment is forgotten a moment later.
        await eventually(lambda: app.store.snapshot(Key("default", "m")).deployment is None)


async def test_a_child_that_went_before_its_watch_began_comes_back(kube, operator):
    """Between the operator's own list and that of the watch, which then holds none of its kind."""
    async with operator():
        kube.create(a_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
    lists = len(kube.asked("GET", "/services"))
    kube.faults.append(Fault(method="GET", path="/services", delay=0.3))

    async def delete():
        await eventually(lambda: len(kube.asked("GET", "/services")) > lists)
        kube.delete("Service", "m")

    deletion = asyncio.create_task(delete())
    async with operator():
        await deletion
        await eventually(lambda: kube.find("Service", "m"))


async def test_all_that_went_while_the_watch_was_blind_is_forgotten(kube, operator):
    async with operator() as app:
        kube.create(a_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
        _blind(kube)
        kube.storage.objects.clear()
        await eventually(lambda: not len(app.store))


async def test_an_error_in_the_stream_costs_nothing_but_a_new_stream(kube, operator):
    """Kopf gives up on any error but 410; what came meanwhile is found by a list."""
    async with operator():
        kube.create(a_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
        before = _watches(kube)
        kube.break_watches({"kind": "Status", "code": 500, "message": "etcd leader changed"})
        kube.create(a_model("meanwhile"))
        await eventually(lambda: status(kube, "meanwhile"))
        await eventually(lambda: _watches(kube) >= 2 * before)
        kube.create(a_model("after"))
        await eventually(lambda: status(kube, "after"))


@pytest.mark.parametrize("kind", ["flagosmodels", "pods"])
async def test_an_error_in_one_stream_takes_none_of_the_others_along(kube, operator, kind):
    """Kopf then ends all of them, and did not always come to an end itself."""
    async with operator():
        await quiet(kube)
        before = _watches(kube)
        kube.break_watches({"kind": "Status", "code": 500, "message": "no leader"}, of=kind)
        await eventually(lambda: _watches(kube) >= 2 * before)
        kube.create(a_model())
        await eventually(lambda: status(kube))


async def test_watches_begin_anew_after_an_api_server_that_was_away(kube, operator):
    """What kopf then waits for made it deaf to the end that it had announced itself."""
    async with operator():
        await quiet(kube)
        kube.faults.append(Fault(watches=True, status=503))
        kube.break_watches({"kind": "Status", "code": 500, "message": "down"}, of="pods")
        kube.break_watches()
        await eventually(lambda: kube.faults[0].met > 20, within=30)
        kube.faults.clear()
        before = _watches(kube)
        await eventually(lambda: _watches(kube) >= before + len(KINDS), within=30)
        kube.create(a_model())
        await eventually(lambda: status(kube))


async def test_all_that_went_while_the_streams_were_broken_is_forgotten(kube, operator):
    async with operator() as app:
        kube.create(a_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
        kube.break_watches({"kind": "Status", "code": 500, "message": "etcd leader changed"})
        kube.storage.objects.clear()
        await eventually(lambda: not len(app.store))


async def test_one_slow_model_does_not_stall_the_rest(kube, operator):
    """LLMKube #1598: one slow object stalled all others."""
    async with operator():
        slow = Fault(method="PATCH", path="/slow", delay=20)
        kube.faults.append(slow)
        kube.create(a_model("slow"))
        await eventually(lambda: slow.met)
        for number in range(5):
            kube.create(a_model(f"quick-{number}"))
        for number in range(5):
            await eventually(lambda n=number: status(kube, f"quick-{n}"), within=5)
        assert not status(kube, "slow")


async def test_a_model_that_fails_for_ever_leaves_the_others_their_pace(kube, operator):
    async with operator(workers=1):
        kube.faults.append(Fault(method="PATCH", path="/deployments/bad", status=500))
        kube.create(a_model("bad"))
        await eventually(lambda: status(kube, "bad"))
        kube.create(a_model("good"))
        await eventually(lambda: reason(kube, "good") == "Pending", within=1)


async def test_a_restart_writes_nothing(kube, operator):
    """So it neither downloads again nor rolls a pod."""
    async with operator():
        kube.create(a_downloaded_model(weights={"volumeClaimTemplate": {"size": "1Gi"}}))
        kube.create(a_model("invalid", chip="unheard-of"))
        await eventually(lambda: status(kube) and status(kube, "invalid"))
        await quiet(kube)
    asked = len(kube.writes())
    async with operator() as app:
        await eventually(lambda: _passes(app) >= 2)
        await quiet(kube)
        assert kube.writes()[asked:] == []


@pytest.mark.parametrize(
    ("kind", "edit"),
    [
        ("Deployment", POD_EDIT),
        ("Service", {"spec": {"selector": {"flagos.io/model": "another"}}}),
        ("ConfigMap", {"data": {"FLAGOS_FETCH_VERIFY": "no"}}),
    ],
    ids=["a field of the pods", "selector", "data"],
)
async def test_what_was_edited_while_nobody_watched_is_set_right(kube, operator, kind, edit):
    name = dict(CHILDREN)[kind]
    async with operator():
        kube.create(a_downloaded_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
        wanted = _content(kube.find(kind, name))
    kube.patch(kind, name, edit)
    assert _content(kube.find(kind, name)) != wanted
    async with operator():
        await eventually(lambda: _content(kube.find(kind, name)) == wanted)


async def test_what_was_deleted_while_nobody_watched_comes_back(kube, operator):
    async with operator():
        kube.create(a_downloaded_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
    for kind, name in CHILDREN:
        kube.delete(kind, name)
    async with operator():
        await eventually(lambda: all(kube.find(kind, name) for kind, name in CHILDREN))


async def test_a_definition_that_is_older_costs_its_missing_fields_and_no_more(
    kube, operator, caplog
):
    """A definition that somebody else brings, or that was forgotten at an upgrade."""
    kube.storage.undeclared = {"phase", "applied"}
    async with operator() as app:
        kube.create(a_downloaded_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
        passes, before = _passes(app), len(kube.asked("PATCH", "/status"))
        kube.patch("FlagOSModel", "m", {"metadata": {"annotations": {"a": "note"}}})
        await eventually(lambda: _passes(app) > passes)
        await quiet(kube)
        assert len(kube.asked("PATCH", "/status")) == before
        kube.create(a_model("next"))
        await eventually(lambda: reason(kube, "next") == "Pending")
        told = [each.getMessage() for each in caplog.records if "definition" in each.getMessage()]
        assert len(told) == 1
        assert "applied, phase" in told[0]


async def test_a_field_that_is_missing_inside_another_costs_that_one_alone(kube, operator):
    kube.storage.undeclared = {"weights.phase", "weights.pod"}
    async with operator():
        kube.create(a_downloaded_model())
        await eventually(lambda: kube.find("Deployment", "m"))
        kube.logs["m-1", "fetch"] = "downloading: 5 B of 10 B (50%) [5/10]"
        kube.put(a_downloading_pod("m-1", template=template(kube)))
        await eventually(lambda: status(kube).get("weights", {}).get("percent") == 50)
        assert "phase" not in status(kube)["weights"]


async def test_a_change_that_means_nothing_to_us_costs_no_pass(kube, operator):
    """The kubelet writes a pod's status often, and most of it is not about serving."""
    async with operator() as app:
        kube.create(a_model())
        await eventually(lambda: status(kube))
        pod = kube.put(a_pod("m-1", template=template(kube)))
        await eventually(lambda: condition(kube, "Ready").get("status") == "True")
        await quiet(kube)
        passes = _passes(app)
        kube.put({**pod, "metadata": {**pod["metadata"], "annotations": _noted(pod)}})
        kube.put(a_pod("stranger", model="nobody"))
        await eventually(lambda: app.store.find(POD, Key("default", "stranger")))
        await quiet(kube)
        assert _passes(app) - passes <= 1, "the other pod names a model, this one has no news"


def _noted(pod):
    return pod["metadata"]["annotations"] | {"theirs": "noted"}


def _blind(kube):
    kube.storage.compact()
    kube.break_watches()


def _id(plural, name="m"):
    return Id(plural, "default", name)


def _content(body):
    return {name: value for name, value in body.items() if name in ("spec", "data")}


def _limits(kube):
    found = kube.find("Deployment", "m")
    containers = found["spec"]["template"]["spec"]["containers"] if found else [{}]
    return containers[0].get("resources", {}).get("limits", {})


def _watches(kube):
    return len([each for each in kube.requests if "watch" in each.query])


def _passes(app):
    return app.metrics.reconciles.labels(result="Done")._value.get()
