"""From creation to deletion, and what is never done to a user's object."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from dataclasses import replace

import pytest

from flagos_operator import app, main
from flagos_operator.app import build
from flagos_operator.cluster.kinds import Key
from flagos_operator.operands import defaults
from flagos_operator.settings import Settings
from tests.loop.running import (
    a_downloaded_model,
    a_model,
    a_pod,
    condition,
    eventually,
    kubeconfig,
    quiet,
    reason,
    served,
    status,
    template,
)


async def test_a_model_becomes_children_and_a_status(kube, operator):
    async with operator():
        model = kube.create(a_downloaded_model())
        await eventually(lambda: status(kube))
        for kind, name in (("ConfigMap", "m-fetch"), ("Service", "m"), ("Deployment", "m")):
            owner = kube.find(kind, name)["metadata"]["ownerReferences"][0]
            assert owner["uid"] == model["metadata"]["uid"]
        assert status(kube)["observedGeneration"] == 1
        assert reason(kube) == "Pending"


async def test_a_ready_pod_makes_the_model_ready_and_tells_it_once(kube, operator):
    async with operator():
        kube.create(a_model())
        await eventually(lambda: kube.find("Deployment", "m"))
        kube.put(a_pod("m-1", template=template(kube)))
        await eventually(lambda: condition(kube, "Ready").get("status") == "True")
        await quiet(kube)
        told = [each["reason"] for each in kube.all("Event")]
        assert told.count("Serving") == 1


async def test_a_new_model_costs_at_most_six_calls(kube, operator):
    async with operator():
        await quiet(kube)
        before = len(kube.requests)
        kube.create(a_downloaded_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
        assert len(kube.requests) - before <= 6


async def test_a_token_as_an_older_operator_called_it_stays_until_the_next_edit(
    kube, operator, monkeypatch
):
    def variables():
        container = kube.find("Deployment", "m")["spec"]["template"]["spec"]["initContainers"][0]
        return {item["name"] for item in container["env"] if "TOKEN" in item["name"]}

    token = {"name": "hub", "key": "token"}
    source = {"modelscope": {"repo": "a/b", "tokenSecretRef": token}}
    with monkeypatch.context() as older:
        older.setattr(app, "defaults", lambda given: replace(defaults(given), plain_token=True))
        async with operator():
            kube.create(a_model(source=source))
            await served(kube)
    before = kube.find("Deployment", "m"), kube.find("ConfigMap", "m-fetch")
    async with operator():
        kube.create(a_downloaded_model("later"))
        await served(kube, "later")
        assert (kube.find("Deployment", "m"), kube.find("ConfigMap", "m-fetch")) == before
        assert variables() == {"FLAGOS_FETCH_TOKEN"}
        kube.patch("FlagOSModel", "m", {"spec": {"image": "vllm:2"}})
        await eventually(lambda: "FLAGOS_FETCH_TOKEN" not in variables())
        (name,) = variables()
        assert kube.find("ConfigMap", "m-fetch")["data"]["FLAGOS_FETCH_TOKEN_FROM"] == name


@pytest.fixture
def before_budgets_were_computed(monkeypatch):
    """In it an operator gives each start the time that it gave them all then."""

    @contextlib.contextmanager
    def older():
        with monkeypatch.context() as patch:
            patch.setattr(
                app, "defaults", lambda given: replace(defaults(given), live_budget=3600)
            )
            yield

    return older


def budget(kube, name="m"):
    probe = kube.find("Deployment", name)["spec"]["template"]["spec"]["containers"][0]
    return probe["startupProbe"]["failureThreshold"] * probe["startupProbe"]["periodSeconds"]


async def test_a_budget_of_an_older_operator_stays_until_the_next_edit(
    kube, operator, before_budgets_were_computed
):
    with before_budgets_were_computed():
        async with operator():
            kube.create(a_model(chip="metax"))
            kube.create(a_downloaded_model("d", chip="metax"))
            await served(kube)
            await served(kube, "d")
    before = kube.find("Deployment", "m"), kube.find("Deployment", "d")
    async with operator():
        kube.create(a_model("later", chip="metax"))
        await served(kube, "later")
        assert (kube.find("Deployment", "m"), kube.find("Deployment", "d")) == before
        assert [budget(kube, name) for name in ("m", "d", "later")] == [3600, 3600, 12180]
        kube.patch("FlagOSModel", "m", {"spec": {"image": "vllm:2"}})
        await eventually(lambda: budget(kube) == 12180)


async def test_what_rolls_nothing_rolls_nothing_under_an_older_operators_budget_either(
    kube, operator, before_budgets_were_computed
):
    with before_budgets_were_computed():
        async with operator():
            kube.create(a_model(chip="metax"))
            await served(kube)
    before = template(kube)
    async with operator():
        kube.patch("FlagOSModel", "m", {"spec": {"replicas": 2}})
        await eventually(lambda: kube.find("Deployment", "m")["spec"]["replicas"] == 2)
        kube.patch("Deployment", "m", {"spec": {"progressDeadlineSeconds": 7}})
        await eventually(
            lambda: kube.find("Deployment", "m")["spec"]["progressDeadlineSeconds"] == 4200
        )
        assert (template(kube), budget(kube)) == (before, 3600)


async def test_a_claim_that_grows_rolls_no_pod_though_a_new_one_of_its_size_had_more_time(
    kube, operator
):
    def weights(size):
        return {"volumeClaimTemplate": {"size": size}}

    def asked_for():
        return kube.find("PersistentVolumeClaim", "m-weights")["spec"]["resources"]["requests"]

    async with operator():
        kube.create(a_downloaded_model(chip="metax", weights=weights("50Gi")))
        await served(kube)
        before = template(kube)
        kube.patch("FlagOSModel", "m", {"spec": {"weights": weights("500Gi")}})
        await eventually(lambda: asked_for()["storage"] == "500Gi")
        await quiet(kube)
        assert (template(kube), budget(kube)) == (before, 11520)
        kube.patch("FlagOSModel", "m", {"spec": {"image": "vllm:2"}})
        await eventually(lambda: budget(kube) == 16320)


async def test_a_budget_that_is_asked_for_no_more_is_computed(kube, operator):
    async with operator():
        kube.create(a_model(chip="metax", startup={"budgetSeconds": 900}))
        await served(kube)
        assert budget(kube) == 900
        kube.patch("FlagOSModel", "m", {"spec": {"startup": None}})
        await eventually(lambda: budget(kube) == 12180)


async def test_an_edit_storm_is_coalesced(kube, operator):
    async with operator() as app:
        kube.create(a_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
        before = app.metrics.reconciles.labels(result="Done")._value.get()
        for port in range(8001, 8031):
            kube.patch("FlagOSModel", "m", {"spec": {"service": {"port": port}}})
            await asyncio.sleep(0)
        await eventually(lambda: status(kube)["observedGeneration"] == 31)
        assert kube.find("Service", "m")["spec"]["ports"][0]["port"] == 8030
        assert app.metrics.reconciles.labels(result="Done")._value.get() - before <= 6


async def test_suspending_scales_to_zero_and_prunes_nothing(kube, operator):
    async with operator():
        kube.create(a_downloaded_model())
        await eventually(lambda: status(kube))
        kube.patch("FlagOSModel", "m", {"spec": {"suspend": True}})
        await eventually(lambda: reason(kube) == "Suspended")
        assert kube.find("Deployment", "m")["spec"]["replicas"] == 0
        assert kube.find("ConfigMap", "m-fetch")


async def test_what_the_plan_no_longer_has_is_pruned_last(kube, operator):
    async with operator():
        kube.create(a_downloaded_model())
        await eventually(lambda: kube.find("ConfigMap", "m-fetch"))
        await quiet(kube)
        claim = {"persistentVolumeClaim": {"claimName": "shared"}, "modelscope": None}
        kube.patch("FlagOSModel", "m", {"spec": {"source": claim}})
        await eventually(lambda: not kube.find("ConfigMap", "m-fetch"))
        writes = [(each.method, each.path) for each in kube.writes("/default/")]
        deleted = next(at for at, (method, _) in enumerate(writes) if method == "DELETE")
        rolled = max(at for at, (_, path) in enumerate(writes) if path.endswith("/deployments/m"))
        assert deleted > rolled


async def test_an_invalid_spec_says_so_and_leaves_what_runs(kube, operator):
    async with operator():
        kube.create(a_model())
        await eventually(lambda: status(kube))
        before = kube.find("Deployment", "m")
        kube.patch("FlagOSModel", "m", {"spec": {"chip": "unheard-of"}})
        await eventually(lambda: reason(kube) == "UnknownChip")
        assert kube.find("Deployment", "m") == before


async def test_a_retained_claim_outlives_its_model_and_serves_the_next_one(kube, operator):
    """OME #449, #284: deletion took files that another model uses."""
    async with operator():
        spec = {"weights": {"volumeClaimTemplate": {"size": "1Gi"}}}
        kube.create(a_downloaded_model(**spec))
        await eventually(lambda: status(kube))
        claim = kube.find("PersistentVolumeClaim", "m-weights")
        kube.delete("FlagOSModel", "m")
        await quiet(kube)
        assert kube.find("PersistentVolumeClaim", "m-weights") == claim
        kube.create(a_downloaded_model(**spec))
        await eventually(lambda: reason(kube) == "Pending")
        assert (
            kube.find("PersistentVolumeClaim", "m-weights")["metadata"]["uid"]
            == (claim["metadata"]["uid"])
        )


async def test_deletion_leaves_nothing_and_nothing_is_written_after_it(kube, operator):
    async with operator():
        kube.create(a_downloaded_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
        before = len(kube.requests)
        kube.delete("FlagOSModel", "m")
        await quiet(kube)
        assert not any(kube.all(kind) for kind in ("ConfigMap", "Service", "Deployment"))
        assert not [each for each in kube.requests[before:] if each.is_write]


async def test_a_model_that_is_being_deleted_is_left_alone(kube, operator):
    """Deletion in the foreground keeps it visible for a while (NIM #594)."""
    async with operator() as app:
        model = a_model()
        model["metadata"]["finalizers"] = ["foregroundDeletion"]
        kube.create(model)
        await eventually(lambda: status(kube))
        await quiet(kube)
        before = len(kube.requests)
        kube.delete("FlagOSModel", "m")
        await eventually(lambda: app.store.snapshot(Key("default", "m")).model.deleting)
        kube.delete("Deployment", "m")
        await quiet(kube)
        assert not [each for each in kube.requests[before:] if each.is_write]


async def test_neither_finalizer_nor_annotation_nor_spec_is_ever_written(kube, operator):
    async with operator():
        given = kube.create(a_downloaded_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
        found = kube.find("FlagOSModel", "m")
        assert found["spec"] == given["spec"]
        assert not found["metadata"].get("finalizers")
        assert not found["metadata"].get("annotations")
        assert {each.path for each in kube.asked("PATCH", "/flagosmodels/")} == {
            "/apis/flagos.io/v1alpha1/namespaces/default/flagosmodels/m/status"
        }


async def test_a_broken_object_ends_in_a_reason_and_others_go_on(kube, operator):
    """As an older definition, or none at all, could have let it in."""
    hostile = [
        {"spec": None},
        {"spec": []},
        {"spec": "serve it"},
        {"spec": {"chip": ["cpu"], "image": {"a": 1}}},
        {"spec": {"chip": "cpu", "source": "modelscope"}},
        {"spec": {"replicas": "many", "server": {"args": [None]}}},
        {},
    ]
    async with operator() as app:
        for number, broken in enumerate(hostile):
            model = a_model(f"broken-{number}")
            del model["spec"]
            kube.create(model | broken)
        kube.create(a_model("good"))
        await eventually(lambda: status(kube, "good"))
        for number in range(len(hostile)):
            await eventually(lambda n=number: reason(kube, f"broken-{n}") == "InvalidSpec")
        assert app.metrics.reconciles.labels(result="Bug")._value.get() == 0


async def test_told_to_stop_it_works_no_more_though_its_watches_still_end(
    kube, tmp_path, monkeypatch
):
    """A successor may be at work by then."""

    def slow_to_end(_, ready, end):
        ready.set()
        end.wait()
        time.sleep(2)

    monkeypatch.setattr(main, "_run_kopf", slow_to_end)
    config = kubeconfig(tmp_path / "kubeconfig", kube.url)
    app, stop = build(Settings(http_port=0), {"KUBECONFIG": str(config)}), asyncio.Event()
    serving = asyncio.create_task(main.serve(app, stop=stop))
    await eventually(app.resync.synced.is_set)
    kube.create(a_model("before"))
    app.observe("FlagOSModel", {"type": "ADDED", "object": kube.find("FlagOSModel", "before")})
    await eventually(lambda: status(kube, "before"))

    stop.set()
    kube.create(a_model("after"))
    app.observe("FlagOSModel", {"type": "ADDED", "object": kube.find("FlagOSModel", "after")})
    await asyncio.wait_for(serving, 10)
    assert status(kube, "after") == {}
    assert kube.find("Deployment", "after") is None


async def test_watches_that_never_end_hold_up_nobody(kube, tmp_path, monkeypatch):
    released = threading.Event()

    def never_ends(_, ready, __):
        ready.set()
        released.wait()

    monkeypatch.setattr(main, "_run_kopf", never_ends)
    config = kubeconfig(tmp_path / "kubeconfig", kube.url)
    app, stop = build(Settings(http_port=0), {"KUBECONFIG": str(config)}), asyncio.Event()
    serving = asyncio.create_task(main.serve(app, stop=stop))
    await eventually(app.resync.synced.is_set)
    stop.set()
    await asyncio.wait_for(serving, 10)
    released.set()
