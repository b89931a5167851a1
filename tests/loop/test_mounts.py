"""A pod whose volume cannot be mounted, as the kubelet tells a running operator in Events."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from pathlib import Path

import pytest

from flagos_operator.app import utc_now
from flagos_operator.status.text import stamp
from tests.loop.fakekube import Fault
from tests.loop.running import (
    a_model,
    a_pod,
    condition,
    eventually,
    quiet,
    reason,
    status,
    template,
)

RECORDED = Path(__file__).parents[1] / "unit" / "observed" / "bodies"
IN_PLACE = {"hostPath": {"path": "/nowhere/x"}}
WORDS = (
    "node n1 cannot prepare volume weights: /nowhere/x is not a directory; "
    "make it on n1, or correct spec.source.hostPath"
)


def waits(kube, *, age=60.0):
    pod = a_pod("m-1", template=template(kube), ready=False)
    since = stamp(utc_now() - timedelta(seconds=age))
    (server,) = pod["status"]["containerStatuses"]
    server |= {"started": False, "state": {"waiting": {"reason": "ContainerCreating"}}}
    kinds = {"PodScheduled": "True", "PodReadyToStartContainers": "False", "Ready": "False"}
    pod["status"] |= {
        "phase": "Pending",
        "conditions": [
            {"type": kind, "status": now, "lastTransitionTime": since}
            for kind, now in kinds.items()
        ],
    }
    return kube.put(pod)


def starts(kube):
    pod = copy.deepcopy(kube.find("Pod", "m-1"))
    (server,) = pod["status"]["containerStatuses"]
    server["state"] = {"running": {"startedAt": stamp(utc_now())}}
    for each in pod["status"]["conditions"]:
        if each["type"] == "PodReadyToStartContainers":
            each |= {"status": "True"}
    return kube.put(pod)


def complains(kube, name="no-host-path", *, of="m-1"):
    """As Kubernetes 1.36 wrote it, but for the pod and the time."""
    event = json.loads((RECORDED / f"event-{name}.json").read_text())
    uid = (kube.find("Pod", of) or {"metadata": {"uid": "gone"}})["metadata"]["uid"]
    event["metadata"] = {"name": f"{of}.{name}", "namespace": "default"}
    event["involvedObject"] |= {"name": of, "namespace": "default", "uid": uid}
    event |= {"lastTimestamp": stamp(utc_now())}
    kube.put(event)


def asked(kube):
    return kube.asked("GET", "/events")


async def begun(kube, **source):
    kube.create(a_model(source=source or IN_PLACE))
    await eventually(lambda: kube.find("Deployment", "m"))


async def test_what_the_kubelet_says_is_told_with_the_field(kube, operator):
    async with operator():
        await begun(kube)
        await eventually(lambda: condition(kube, "WeightsReady").get("status") == "Unknown")
        complains(kube, "no-secret", of="another")
        pod = waits(kube)
        complains(kube)
        await eventually(lambda: reason(kube) == "VolumeNotMounted", within=6)
        assert condition(kube, "Ready")["message"] == WORDS
        assert status(kube)["progress"] == "volume weights: /nowhere/x is not a directory"
        told = condition(kube, "WeightsReady")
        assert (told["status"], told["reason"]) == ("False", "VolumeNotMounted")
        assert condition(kube, "Stalled")["status"] == "True"
        uid = pod["metadata"]["uid"]
        assert asked(kube)[0].path == "/api/v1/namespaces/default/events"
        assert asked(kube)[0].query == {
            "fieldSelector": f"involvedObject.uid={uid},type=Warning",
            "limit": "50",
        }


async def test_it_is_told_in_seconds_at_the_real_pace(kube, operator):
    async with operator():
        await begun(kube)
        waits(kube, age=0)
        complains(kube)
        await eventually(lambda: reason(kube) == "Pulling")
        await eventually(lambda: reason(kube) == "VolumeNotMounted", within=9)
        assert len(asked(kube)) == 1


async def test_it_ends_when_the_volume_is_there(kube, operator):
    async with operator():
        await begun(kube)
        waits(kube)
        complains(kube)
        await eventually(lambda: reason(kube) == "VolumeNotMounted", within=6)
        starts(kube)
        await eventually(lambda: reason(kube) == "Starting")
        told = condition(kube, "WeightsReady")
        assert (told["status"], told["reason"]) == ("True", "ServedInPlace")
        count = len(asked(kube))
        await quiet(kube)
        assert len(asked(kube)) == count


async def test_a_healthy_start_asks_for_no_event(kube, operator):
    async with operator():
        await begun(kube)
        waits(kube, age=1)
        await eventually(lambda: reason(kube) == "Pulling")
        starts(kube)
        await eventually(lambda: reason(kube) == "Starting")
        await quiet(kube)
        assert not asked(kube)


@pytest.mark.parametrize("code", [403, 429, 500])
async def test_events_that_cannot_be_read_change_nothing(kube, operator, code):
    refusal = Fault(method="GET", path="/events", status=code)
    kube.faults.append(refusal)
    async with operator():
        await begun(kube)
        waits(kube)
        complains(kube)
        await eventually(lambda: refusal.met and reason(kube) == "Pulling")
        await quiet(kube)
        assert refusal.met == 1
        waits(kube, age=300)
        await eventually(lambda: reason(kube) == "VolumeNotMounted", within=15)
        message = condition(kube, "Ready")["message"]
        assert message.endswith("kubectl describe pod names what is missing")


async def test_a_runtime_that_is_not_there_is_told(kube, operator):
    async with operator():
        await begun(kube)
        waits(kube)
        complains(kube, "no-runtime")
        await eventually(lambda: reason(kube) == "VolumeNotMounted", within=6)
        message = condition(kube, "Ready")["message"]
        assert message.endswith("give n1 that runtime, or correct spec.pod.runtimeClassName")
