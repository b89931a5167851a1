"""Input: what nodes, the scheduler and admission say. Asserted: the reason, and what to do.

In the words of the kubelet, containerd, runc, the API server, and the NVIDIA container toolkit
(its issues 173 and 237).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flagos_operator.status.byword import STEPS
from flagos_operator.status.summary import summarize
from tests.unit.status.build import (
    a_condition,
    a_deployment,
    a_plan,
    a_pod,
    a_view,
    crashed,
    ended,
    fetched,
    starting,
    unscheduled,
    waiting,
)
from tests.unit.status.read import condition, ready

if TYPE_CHECKING:
    from flagos_operator.status.view import View

RUNC = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
    "runc create failed: unable to start container process: "
)
HOOK = "error during container init: error running hook #0: error running hook: exit status 1, "
OOM_KILLED = f"{RUNC}container init was OOM-killed (memory limit too low?): unknown"


def gone(reason: str, message: str = "", disruption: tuple[str, str] = ("", "")) -> View:
    told = a_condition("DisruptionTarget", "True", *disruption)
    pod = a_pod(phase="Failed", reason=reason, message=message, ready=False, conditions=(told,))
    return a_view(pod)


def refused(message: str) -> View:
    told = a_condition("ReplicaFailure", "True", "FailedCreate", message)
    return a_view(deployment=a_deployment(conditions=(told,)))


def waits(reason: str, message: str, **change: str) -> View:
    return a_view(a_pod(fetched(), waiting(reason, message, **change)))


def unplaced(message: str) -> View:
    return a_view(unscheduled(message))


CASES = {
    "an old driver": (
        waits(
            "RunContainerError",
            f"{RUNC}{HOOK}stdout: , stderr: Auto-detected mode as 'legacy'\nnvidia-container-cli: "
            "requirement error: unsatisfied condition: cuda>=12.9, please update your driver",
        ),
        "CannotStart",
        "the driver of the node is older than the image asks for",
    ),
    "no driver": (
        waits(
            "RunContainerError",
            f"{RUNC}{HOOK}stderr: nvidia-container-cli: initialization error: load library "
            "failed: libnvidia-ml.so.1: cannot open shared object file: no such file or directory",
        ),
        "CannotStart",
        "look at the driver and the device plugin of that node",
    ),
    "a device that is not there": (
        waits("CreateContainerError", "lstat /dev/davinci0: no such file or directory"),
        "CannotStart",
        "that node has no such device",
    ),
    "root": (
        waits(
            "CreateContainerConfigError", "container has runAsNonRoot and image will run as root"
        ),
        "CannotStart",
        "set runAsUser in spec.pod.securityContext",
    ),
    "a sub-path": (
        waits(
            "CreateContainerConfigError",
            'failed to prepare subPath for volumeMount "weights" of container "server"',
        ),
        "CannotStart",
        "check the volume that it names",
    ),
    "a runtime that hangs": (
        waits("CreateContainerError", "context deadline exceeded"),
        "CannotStart",
        "it is tried again",
    ),
    "a hook that fails": (waits("PostStartHookError", "x"), "CannotStart", "spec.server.command"),
    "a program that another container has not": (
        waits("RunContainerError", 'exec: "x": executable file not found', name="proxy"),
        "CannotStart",
        "check spec.pod.containers[proxy]",
    ),
    "a limit below the first step": (
        waits("RunContainerError", OOM_KILLED),
        "OutOfMemory",
        "raise spec.server.resources.limits.memory",
    ),
    "the same, in its back-off": (
        a_view(a_pod(fetched(), crashed(ended(128, reason="StartError", message=OOM_KILLED)))),
        "OutOfMemory",
        "spec.server.resources.limits.memory",
    ),
    "a signature": (
        waits("SignatureValidationFailed", "signature of x: rejected by policy"),
        "CannotPullImage",
        "check spec.image",
    ),
    "labels that changed": (
        gone("NodeAffinity", "Pod was rejected: Predicate NodeAffinity failed"),
        "RefusedByNode",
        "a pod is placed anew",
    ),
    "less room": (
        gone("OutOfmemory", "Pod was rejected: Node didn't have enough resource: memory"),
        "RefusedByNode",
        "there was less room than the scheduler thought",
    ),
    "a device plugin": (
        gone(
            "UnexpectedAdmissionError",
            "Pod was rejected: Allocate failed due to requested number of devices unavailable for "
            "nvidia.com/gpu. Requested: 1, Available: 0, which is unexpected",
        ),
        "RefusedByNode",
        "look at the device plugin of that node",
    ),
    "a critical pod": (
        gone("Preempting", "Preempted in order to admit critical pod"),
        "Evicted",
        "spec.pod.priorityClassName",
    ),
    "a pod of higher priority": (
        gone(
            "",
            disruption=(
                "PreemptionByScheduler",
                "default-scheduler: preempting to accommodate a higher priority pod",
            ),
        ),
        "Evicted",
        "spec.pod.priorityClassName",
    ),
    "too many processes": (
        gone("Evicted", "The node had condition: [PIDPressure]. "),
        "Evicted",
        "[PIDPressure]; too many processes",
    ),
    "weights that are too large": (
        gone("Evicted", 'Usage of EmptyDir volume "weights" exceeds the limit "20Gi". '),
        "Evicted",
        "raise spec.weights.emptyDir.sizeLimit",
    ),
    "shared memory": (
        gone("Evicted", 'Usage of EmptyDir volume "shm" exceeds the limit "1Gi". '),
        "Evicted",
        "raise spec.server.sharedMemory",
    ),
    "a volume of the user's": (
        gone("Evicted", 'Usage of EmptyDir volume "keep" exceeds the limit "1Mi". '),
        "Evicted",
        "raise its sizeLimit in spec.pod.volumes",
    ),
    "local storage": (
        gone("Evicted", "Pod ephemeral local storage usage exceeds the total limit of containers"),
        "Evicted",
        "raise ephemeral-storage in spec.server.resources.limits",
    ),
    "memory of the node": (
        gone("Evicted", "The node was low on resource: memory."),
        "Evicted",
        "set spec.server.resources.requests.memory",
    ),
    "disk of the node": (
        gone("Evicted", "The node had condition: [DiskPressure]. "),
        "Evicted",
        "free space on the node",
    ),
    "nobody knows": (gone(""), "Evicted", "kubectl describe pod may say why"),
    "a node that is shut down": (
        gone("Terminated", "Pod was terminated in response to imminent node shutdown."),
        "NodeLost",
        "another pod takes its place",
    ),
    "a node that is gone": (
        gone("", disruption=("DeletionByPodGC", "PodGC: node no longer exists")),
        "NodeLost",
        "another pod takes its place",
    ),
    "a webhook that does not answer": (
        refused(
            'Internal error occurred: failed calling webhook "v.example.com": failed to call '
            'webhook: Post "https://v.ns.svc:443/x": context deadline exceeded'
        ),
        "PodRejected",
        "the webhook does not answer",
    ),
    "an account": (
        refused(
            'pods "qwen-x" is forbidden: error looking up service account prod/a: serviceaccount '
            '"a" not found'
        ),
        "PodRejected",
        "correct spec.pod.serviceAccountName",
    ),
    "a priority class": (
        refused('pods "qwen-x" is forbidden: no PriorityClass with name high was found'),
        "PodRejected",
        "correct spec.pod.priorityClassName",
    ),
    "a runtime class": (
        refused('pods "qwen-x" is forbidden: pod rejected: RuntimeClass "nvidia" not found'),
        "PodRejected",
        "set spec.pod.runtimeClassName",
    ),
    "pod security": (
        refused('pods "qwen-x" is forbidden: violates PodSecurity "restricted:latest": x'),
        "PodRejected",
        "label pod-security.kubernetes.io/enforce",
    ),
    "a host path that the namespace does not allow": (
        refused(
            'pods "qwen-x" is forbidden: violates PodSecurity "baseline:latest": hostPath volumes '
            '(volume "weights")'
        ),
        "PodRejected",
        "use a claim there (persistentVolumeClaim), or let the namespace allow more",
    ),
    "host paths of a chip that the namespace does not allow": (
        a_view(
            plan=a_plan(said={"chip": "ascend"}),
            deployment=a_deployment(
                conditions=(
                    a_condition(
                        "ReplicaFailure",
                        "True",
                        "FailedCreate",
                        'pods "qwen-x" is forbidden: violates PodSecurity "baseline:latest": '
                        'hostPath volumes (volumes "ascend-driver", "ascend-dcmi")',
                    ),
                )
            ),
        ),
        "PodRejected",
        (
            "hostPath volumes (the volumes of spec.chip ascend); the chip's drivers and devices "
            "come by host paths: let the namespace allow them: label "
            "pod-security.kubernetes.io/enforce"
        ),
    ),
    "a limit range": (
        refused('pods "qwen-x" is forbidden: maximum memory usage per Container is 1Gi'),
        "PodRejected",
        "or the LimitRange",
    ),
    "a volume of another zone": (
        unplaced("0/2 nodes are available: 2 node(s) had volume node affinity conflict."),
        "Unschedulable",
        "the volume is bound to a node or zone",
    ),
    "a taint": (
        unplaced("0/3 nodes are available: 3 node(s) had untolerated taint {a: b}."),
        "Unschedulable",
        "tolerate the taint in spec.pod.tolerations",
    ),
    "a cordon": (
        unplaced("0/1 nodes are available: 1 node(s) were unschedulable."),
        "Unschedulable",
        "kubectl uncordon",
    ),
    "a label": (
        unplaced("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."),
        "Unschedulable",
        "change spec.pod.nodeSelector",
    ),
    "devices, and a taint elsewhere": (
        unplaced(
            "0/3 nodes are available: 1 Insufficient nvidia.com/gpu, 2 node(s) had untolerated "
            "taint {a: b}."
        ),
        "Unschedulable",
        "free or add nodes that fit",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_others_say_is_followed_by_what_to_do_in_that_case(case: str):
    view, reason, step = CASES[case]
    told = ready(summarize(view))
    assert told["reason"] == reason
    assert step in told["message"]
    assert "\n" not in told["message"]


@pytest.mark.parametrize("row", STEPS, ids=lambda row: row.step[:30])
def test_every_row_has_a_case(row):
    messages = (ready(summarize(view))["message"] for view, *_ in CASES.values())
    assert any(row.step in message for message in messages)


@pytest.mark.parametrize("case", ["no driver", "a webhook that does not answer"])
def test_what_comes_back_by_itself_waits_for_nobody(case: str):
    assert condition(summarize(CASES[case][0]), "Stalled") == {}


@pytest.mark.parametrize("why", ["Unknown", "ContainerStatusUnknown"])
def test_a_container_that_was_lost_with_its_node_is_no_crash(why: str):
    """It was told to be killed by its probe, or for want of memory."""
    summary = summarize(a_view(a_pod(fetched(), crashed(ended(255, reason=why)))))
    assert ready(summary)["reason"] == "Terminated"
    assert "started again" in ready(summary)["message"]
    assert condition(summary, "Stalled") == {}


def test_one_whose_log_names_a_cause_did_end_of_it():
    run = ended(255, reason="Unknown", message="torch.OutOfMemoryError: NPU out of memory.")
    summary = summarize(a_view(a_pod(fetched(), crashed(run))))
    assert ready(summary)["reason"] == "DeviceOutOfMemory"


def test_a_node_that_started_again_is_the_last_failure_of_what_runs_now():
    again = starting(restarts=1, last=ended(255, reason="Unknown"))
    status = summarize(a_view(a_pod(fetched(), again), plan=a_plan())).status
    assert status["lastFailure"]["reason"] == "Terminated"
    assert status["progress"].endswith("restarted once (Terminated)")
