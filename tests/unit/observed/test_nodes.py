"""Input: nodes and pods as the API server sends them. Asserted: what is kept of them."""

from __future__ import annotations

import pytest

from flagos_operator.observed.nodes import Pool, Taint, node_facts, pod_demand

GPU = "nvidia.com/gpu"


def a_node(name="n1", **parts):
    allocatable = {"cpu": "64", "memory": "1Gi", "hugepages-2Mi": "0", "pods": "110", GPU: "8"}
    return {
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/arch": "amd64",
                "nvidia.com/gfd.timestamp": f"17000{name}",
            },
        },
        "spec": parts.get("spec", {}),
        "status": {
            "allocatable": parts.get("allocatable", allocatable),
            "conditions": [{"type": "Ready", "status": parts.get("ready", "True")}],
            "images": [{"names": ["a"] * 50}],
        },
    }


def a_pod(*containers, init=(), phase="Running", node="n1", labels=None):
    return {
        "metadata": {"name": "p", "namespace": "a", "labels": labels or {}},
        "spec": {"nodeName": node, "containers": [*containers], "initContainers": [*init]},
        "status": {"phase": phase},
    }


def asks(count, *, of=GPU, by="limits", **more):
    return {"resources": {by: {of: str(count), "cpu": "1"}}, **more}


def test_of_a_node_its_devices_labels_taints_and_state_are_kept():
    taints = [
        {"key": GPU, "value": "present", "effect": "NoSchedule"},
        {"key": "slow", "effect": "PreferNoSchedule"},
    ]
    found = node_facts(a_node(spec={"taints": taints, "unschedulable": True}), pool=Pool())
    assert found.devices == {GPU: 8}
    assert found.labels == {"kubernetes.io/arch": "amd64"}
    assert (found.ready, found.cordoned, found.hostname) == (True, True, "n1")
    assert found.taints == (Taint(GPU, "present", "NoSchedule"),)


def test_what_thousands_of_nodes_have_in_common_is_kept_once():
    pool = Pool()
    one, two = (node_facts(a_node(name), pool=pool) for name in ("n1", "n2"))
    assert one.labels is two.labels
    assert one.devices is two.devices
    assert one.taints is two.taints


@pytest.mark.parametrize("broken", [{}, {"metadata": None, "status": {"allocatable": None}}])
def test_a_node_without_its_parts_is_one_that_is_not_ready(broken):
    assert not node_facts(broken, pool=Pool()).ready


@pytest.mark.parametrize(
    ("containers", "init", "devices"),
    [
        ((asks(2), asks(1, by="requests")), (), 3),
        ((asks(1),), (asks(4), asks(2)), 4),
        ((asks(1),), (asks(1, restartPolicy="Always"), asks(2)), 3),
        ((asks(2),), (asks(1, restartPolicy="Always"),), 3),
    ],
    ids=["together", "one before the other", "beside a sidecar", "with a sidecar"],
)
def test_a_pod_takes_what_the_scheduler_counts(containers, init, devices):
    assert pod_demand(a_pod(*containers, init=init)).devices == {GPU: devices}


@pytest.mark.parametrize(
    "pod",
    [
        a_pod({"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}),
        a_pod({}),
        a_pod(asks(8), phase="Succeeded"),
        a_pod(asks(8), phase="Failed"),
        a_pod(asks(0)),
        {},
    ],
    ids=["no device", "nothing", "over", "failed", "none", "empty"],
)
def test_a_pod_that_takes_no_device_is_forgotten_at_once(pod):
    assert pod_demand(pod) is None


def test_a_pod_tells_whose_it_is_and_where():
    found = pod_demand(a_pod(asks(1), labels={"flagos.io/model": "m"}))
    assert (found.namespace, found.model, found.node) == ("a", "m", "n1")


def test_large_amounts_of_a_sharing_plugin_are_read():
    found = pod_demand(a_pod(asks("80k", of="nvidia.com/gpumem"), asks("1.5", of=GPU)))
    assert found.devices == {"nvidia.com/gpumem": 80_000}
