"""Who may write what: strangers' objects, drift, other managers, the model's own past."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flagos_operator.cluster import apply
from flagos_operator.cluster.kinds import Key
from tests.loop.fakekube import Fault
from tests.loop.rows import up_to_date
from tests.loop.running import (
    a_downloaded_model,
    a_model,
    condition,
    eventually,
    quiet,
    reason,
    status,
)


def a_child(kind: str, name: str, **rest):
    version = "apps/v1" if kind == "Deployment" else "v1"
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": version, "kind": kind, "metadata": meta, **rest}


@pytest.mark.parametrize(
    ("kind", "name"), [("ConfigMap", "m-fetch"), ("Service", "m"), ("Deployment", "m")]
)
async def test_a_strangers_object_is_never_even_touched(kube, operator, kind, name):
    """A plain apply would merge into it: nothing that it sets need conflict with ours."""
    theirs = kube.create(a_child(kind, name))
    async with operator():
        kube.create(a_downloaded_model())
        await eventually(lambda: reason(kube) == "NameTaken")
        assert kube.find(kind, name) == theirs
        assert f"{kind} {name}" in condition(kube, "Ready")["message"]
        assert condition(kube, "Stalled").get("status") == "True"


CLAIMED = {"volumeClaimTemplate": {"size": "64Mi"}}
LARGER = {"volumeClaimTemplate": {"size": "128Mi"}}
CANNOT_GROW = Fault(
    method="PATCH",
    path="/persistentvolumeclaims/",
    status=403,
    message="only dynamically provisioned pvc can be resized",
)
INVALID = Fault(
    method="PATCH",
    path="/deployments/",
    status=422,
    reason="Invalid",
    message="spec.template.spec.containers[0].volumeMounts[3].name: Not found",
)


async def test_a_claim_that_cannot_grow_holds_up_nothing_else(kube, operator):
    async with operator():
        kube.create(a_downloaded_model(weights=CLAIMED))
        await eventually(lambda: reason(kube) == "Pending")
        await quiet(kube)
        kube.faults.append(CANNOT_GROW)
        kube.patch("FlagOSModel", "m", {"spec": {"weights": LARGER, "replicas": 3}})
        await eventually(lambda: up_to_date(kube) == "VolumeClaimRefused")
        assert "can be resized" in condition(kube, "UpToDate")["message"]
        assert reason(kube) == "Pending"
        assert kube.find("Deployment", "m")["spec"]["replicas"] == 3
        await eventually(lambda: kube.all("Event"))
        assert [(each["type"], each["reason"]) for each in kube.all("Event")] == [
            ("Warning", "VolumeClaimRefused")
        ]
        kube.faults.clear()
        kube.patch("FlagOSModel", "m", {"spec": {"weights": CLAIMED}})
        await eventually(lambda: up_to_date(kube) == "Current")


async def test_a_claim_that_cannot_grow_hides_nothing_that_stops_the_pods(kube, operator):
    async with operator():
        kube.create(a_downloaded_model(weights=CLAIMED))
        await eventually(lambda: reason(kube) == "Pending")
        await quiet(kube)
        kube.faults.append(CANNOT_GROW)
        kube.patch("FlagOSModel", "m", {"spec": {"weights": LARGER}})
        await eventually(lambda: up_to_date(kube) == "VolumeClaimRefused")
        kube.faults.append(INVALID)
        kube.patch("FlagOSModel", "m", {"spec": {"image": "registry.local/vllm:0.20.1"}})
        await eventually(lambda: reason(kube) == "InvalidPod")
        assert condition(kube, "Stalled")["reason"] == "InvalidPod"
        kube.faults.clear()


IMMUTABLE = Fault(
    method="PATCH",
    path="/persistentvolumeclaims/",
    status=422,
    message=(
        'PersistentVolumeClaim "m-weights" is invalid: spec: Forbidden: spec is immutable after '
        "creation except resources.requests and volumeAttributesClassName for bound claims\n"
        "@@ -10,7 +10,7 @@\n"
    ),
)


@pytest.mark.parametrize(
    ("phase", "cure"),
    [
        ("Pending", "it is not bound and holds nothing: kubectl delete pvc m-weights, and it is"),
        ("Bound", "write them as the claim has them, or give up what it holds: kubectl delete"),
    ],
)
async def test_a_claim_of_another_class_says_what_becomes_of_it(kube, operator, phase, cure):
    async with operator():
        kube.create(a_downloaded_model(weights=CLAIMED))
        await eventually(lambda: reason(kube) == "Pending")
        kube.patch("PersistentVolumeClaim", "m-weights", {"status": {"phase": phase}})
        await quiet(kube)
        kube.faults.append(IMMUTABLE)
        kube.patch("FlagOSModel", "m", {"spec": {"weights": LARGER}})
        await eventually(lambda: up_to_date(kube) == "VolumeClaimRefused")
        assert cure in condition(kube, "UpToDate")["message"]
        assert "@@" not in condition(kube, "UpToDate")["message"]
        assert (reason(kube) == "VolumeClaimRefused") == (phase == "Pending")
        kube.faults.clear()


async def test_a_claim_that_was_refused_from_the_start_is_waited_for(kube, operator):
    """A pod would wait for it, and hold a chip meanwhile."""
    async with operator():
        kube.faults.append(CANNOT_GROW)
        kube.create(a_downloaded_model(weights=CLAIMED))
        await eventually(lambda: reason(kube) == "VolumeClaimRefused")
        assert kube.find("Deployment", "m") is None
        kube.faults.clear()


NO_ADDRESS = Fault(
    method="PATCH",
    path="/services/",
    status=500,
    message='failed to allocate a serviceIP for Service "m": range is full',
)


async def test_a_cluster_without_an_address_for_the_service_says_so(kube, operator):
    async with operator():
        kube.faults.append(NO_ADDRESS)
        kube.create(a_model())
        await eventually(lambda: reason(kube) == "NoServiceAddress")
        assert "range is full" in condition(kube, "Ready")["message"]


@pytest.mark.parametrize("stop", [{"suspend": True}, {"replicas": 0}])
@pytest.mark.parametrize("mistake", [{"chip": "unheard-of"}, {"image": 7}])
async def test_a_stop_is_a_stop_whatever_else_is_wrong(kube, operator, stop, mistake):
    async with operator():
        kube.create(a_model(replicas=2))
        await eventually(lambda: status(kube))
        template = kube.find("Deployment", "m")["spec"]["template"]
        kube.patch("FlagOSModel", "m", {"spec": {**mistake, **stop}})
        await eventually(lambda: kube.find("Deployment", "m")["spec"]["replicas"] == 0)
        assert kube.find("Deployment", "m")["spec"]["template"] == template
        await quiet(kube)
        assert status(kube)["phase"] == ("Suspended" if "suspend" in stop else "Idle")
        assert condition(kube, "UpToDate")["reason"] == reason(kube) != "Suspended"
        asked = len(kube.writes())
        mended = {"chip": "cpu", "image": "registry.local/vllm:0.20.0"}
        kube.patch("FlagOSModel", "m", {"spec": {**mended, "suspend": False, "replicas": 2}})
        await eventually(lambda: kube.find("Deployment", "m")["spec"]["replicas"] == 2)
        assert len(kube.writes()) > asked


async def test_a_name_that_becomes_free_is_used(kube, operator):
    kube.create(a_child("Service", "m"))
    async with operator():
        kube.create(a_model())
        await eventually(lambda: reason(kube) == "NameTaken")
        kube.delete("Service", "m")
        kube.patch("FlagOSModel", "m", {"spec": {"replicas": 2}})
        await eventually(lambda: reason(kube) == "Pending")


async def test_an_edited_key_of_a_list_is_set_right(kube, operator):
    """Lists are merged by key: ours would come back beside theirs, two ports of one name."""
    async with operator():
        kube.create(a_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
        ports = [{"name": "http", "port": 9, "protocol": "TCP"}]
        kube.patch("Service", "m", {"spec": {"ports": ports}})
        await eventually(lambda: [p["port"] for p in _ports(kube)] == [8000])


async def test_a_cut_owner_reference_is_tied_again(kube, operator):
    async with operator():
        model = kube.create(a_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
        kube.patch("Deployment", "m", {"metadata": {"ownerReferences": None}})
        await eventually(lambda: _owner(kube, "Deployment") == model["metadata"]["uid"])


async def test_a_child_that_lost_its_labels_is_found_again(kube, operator):
    """Without them it leaves the watch, which tells of it as deleted."""
    async with operator():
        kube.create(a_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
        uid = kube.find("Service", "m")["metadata"]["uid"]
        kube.patch("Service", "m", {"metadata": {"labels": None}})
        await eventually(lambda: kube.find("Service", "m")["metadata"].get("labels"))
        assert kube.find("Service", "m")["metadata"]["uid"] == uid


async def test_what_others_add_to_a_child_stays(kube, operator):
    async with operator():
        kube.create(a_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
        kube.patch("Service", "m", {"metadata": {"annotations": {"theirs": "stays"}}})
        await quiet(kube)
        kube.patch("FlagOSModel", "m", {"spec": {"service": {"port": 9000}}})
        await eventually(lambda: [p["port"] for p in _ports(kube)] == [9000])
        assert kube.find("Service", "m")["metadata"]["annotations"] == {"theirs": "stays"}


async def test_a_model_made_anew_waits_for_the_old_ones_children_to_go(kube, operator):
    async with operator():
        kube.create(a_model())
        await eventually(lambda: status(kube))
        kube.storage.collects = False
        kube.delete("FlagOSModel", "m")
        second = kube.create(a_model())
        await eventually(lambda: status(kube))
        assert reason(kube) != "NameTaken"
        assert _owner(kube, "Service") != second["metadata"]["uid"]
        kube.storage.collects = True
        kube.storage._collect()
        await eventually(lambda: _owner(kube, "Deployment") == second["metadata"]["uid"])


async def test_what_nobody_collects_becomes_the_new_models(kube, operator, monkeypatch):
    """Kubernetes can miss a deletion that falls into an outage of its API server."""
    monkeypatch.setattr(apply, "COLLECTED", timedelta(seconds=1))
    kube.storage.collects = False
    async with operator():
        kube.create(a_model())
        await eventually(lambda: status(kube))
        kube.delete("FlagOSModel", "m")
        second = kube.create(a_model())
        await eventually(lambda: _owner(kube, "Deployment") == second["metadata"]["uid"])
        await eventually(lambda: reason(kube) == "Pending")


async def test_a_child_that_is_being_deleted_is_waited_for(kube, operator):
    async with operator() as app:
        spec = {"weights": {"volumeClaimTemplate": {"size": "1Gi"}}}
        kube.create(a_downloaded_model(**spec))
        await eventually(lambda: status(kube))
        in_use = {"metadata": {"finalizers": ["kubernetes.io/pvc-protection"]}}
        kube.patch("PersistentVolumeClaim", "m-weights", in_use)
        kube.delete("PersistentVolumeClaim", "m-weights")
        await eventually(lambda: any(c.deleting for c in _children(app)))
        await quiet(kube)
        before = len(kube.writes())
        kube.patch("FlagOSModel", "m", {"spec": {"replicas": 2}})
        await eventually(lambda: status(kube)["observedGeneration"] == 2)
        assert not [w for w in kube.writes()[before:] if "persistentvolumeclaims" in w.path]
        kube.patch("PersistentVolumeClaim", "m-weights", {"metadata": {"finalizers": None}})
        await eventually(lambda: kube.find("PersistentVolumeClaim", "m-weights"))


async def test_a_child_replaced_by_a_stranger_is_theirs(kube, operator):
    """Between what we last heard and what we write: the write names the uid that it means."""
    async with operator():
        kube.create(a_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
        kube.faults.append(Fault(method="GET", path="/services", status=500))
        kube.break_watches()
        kube.delete("Service", "m")
        theirs = kube.create(a_child("Service", "m"))
        kube.patch("FlagOSModel", "m", {"spec": {"service": {"port": 9000}}})
        kube.faults.clear()
        await eventually(lambda: reason(kube) == "NameTaken")
        assert kube.find("Service", "m") == theirs


async def test_an_event_is_told_once_though_two_operators_see_it(kube, operator):
    async with operator(), operator():
        kube.create(a_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
        told = [(each["reason"], each["message"]) for each in kube.all("Event")]
        assert len(told) == len(set(told))


async def test_a_scale_through_the_subresource_reaches_the_pods(kube, operator):
    """NIM #681, crossplane #277: replicas that an autoscaler had set were set back."""
    async with operator():
        kube.create(a_model())
        await eventually(lambda: status(kube))
        kube.patch("FlagOSModel", "m", {"spec": {"replicas": 3}})
        await eventually(lambda: kube.find("Deployment", "m")["spec"]["replicas"] == 3)


async def test_a_retained_claim_outlives_the_wish_for_it(kube, operator):
    """Gigabytes that took hours to come: only who keeps them may throw them away."""
    async with operator():
        spec = {"weights": {"volumeClaimTemplate": {"size": "1Gi"}}}
        kube.create(a_downloaded_model(**spec))
        await eventually(lambda: status(kube))
        claim = {"persistentVolumeClaim": {"claimName": "shared"}, "modelscope": None}
        kube.patch("FlagOSModel", "m", {"spec": {"source": claim, "weights": None}})
        await eventually(lambda: not kube.find("ConfigMap", "m-fetch"))
        await quiet(kube)
        assert kube.find("PersistentVolumeClaim", "m-weights")


async def test_an_object_that_a_user_gave_our_labels_is_not_pruned(kube, operator):
    async with operator() as app:
        kube.create(a_model())
        await eventually(lambda: status(kube))
        theirs = a_child("ConfigMap", "theirs")
        theirs["metadata"]["labels"] = kube.find("Service", "m")["metadata"]["labels"]
        kube.create(theirs)
        await eventually(lambda: len(_children(app)) == 2)
        await quiet(kube)
        assert kube.find("ConfigMap", "theirs")


def _ports(kube):
    return kube.find("Service", "m")["spec"]["ports"]


def _owner(kube, kind):
    found = kube.find(kind, "m") or {"metadata": {}}
    owners = found["metadata"].get("ownerReferences") or [{}]
    return owners[0].get("uid")


def _children(app):
    return app.store.snapshot(Key("default", "m")).children
