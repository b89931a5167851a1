"""A volume that the kubelet cannot mount, told in its own words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.e2e.conftest import a_namespace
from tests.e2e.model import START, Model, light
from tests.kube import Body, Kube, eventually

pytestmark = pytest.mark.timeout(600)
SOON = 20  # seconds from the pod, which is asked about after five; on a busy machine
THERE = "/usr"  # on every node


@pytest.fixture(scope="module")
def open_space(operator: Kube) -> Iterator[Kube]:
    labels = {"pod-security.kubernetes.io/enforce": "privileged"}
    with a_namespace("e2e-mounts", labels=labels) as kube:
        yield kube


def in_place(name: str, path: str, **spec: Any) -> Body:
    body = light(name, source={"hostPath": {"path": path}}, **spec)
    del body["spec"]["weights"], body["spec"]["fetch"]
    return body


def test_a_directory_that_is_not_there_is_told_within_seconds(open_space: Kube) -> None:
    model = Model(open_space, "nowhere")
    model.kube.apply(in_place(model.name, "/nowhere/x"))
    told = model.wait_reason("VolumeNotMounted")
    (pod,) = model.pods()
    made = datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
    assert told["message"] == (
        "node node1 cannot prepare volume weights: /nowhere/x is not a directory; "
        "make it on node1, or correct spec.source.hostPath"
    ).replace("node1", pod["spec"]["nodeName"])
    weights = model.condition("WeightsReady")
    assert (weights["status"], weights["reason"]) == ("False", "VolumeNotMounted")
    turned = datetime.fromisoformat(weights["lastTransitionTime"])
    assert (turned - made).total_seconds() < SOON
    assert "volume weights: /nowhere/x is not a directory" in model.row()
    model.kube.patch(
        "flagosmodel", model.name, {"spec": {"source": {"hostPath": {"path": THERE}}}}
    )
    model.wait_ready(within=START)
    assert model.condition("WeightsReady")["reason"] == "ServedInPlace"


def test_a_secret_that_is_not_there_is_told_until_it_is(open_space: Kube) -> None:
    model = Model(open_space, "secret")
    volume = {"name": "extra", "secret": {"secretName": "nosecret"}}
    body = in_place(model.name, THERE, pod={"volumes": [volume]})
    # One that no container mounts is left alone by the kubelet.
    body["spec"]["server"]["volumeMounts"] = [{"name": "extra", "mountPath": "/extra"}]
    model.kube.apply(body)
    told = model.wait_reason("VolumeNotMounted")
    assert told["message"].endswith(
        'volume extra: secret "nosecret" not found; '
        "create it, or correct its name in spec.pod.volumes[extra]"
    )
    model.kube.kubectl("create", "secret", "generic", "nosecret", "--from-literal=a=b")
    eventually(
        lambda: model.condition("Ready").get("reason") != "VolumeNotMounted",
        within=150,  # the kubelet tries again after two minutes at most
        what="the volume is there",
    )
    model.wait_ready(within=START)
