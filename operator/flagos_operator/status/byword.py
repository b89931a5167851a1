"""What to do about words of nodes, of the scheduler and of admission, by what they are about.

A table: the first row of the reason that fits counts; where none does, the step of the reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from flagos_operator.status.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ByWord:
    reason: Reason
    pattern: re.Pattern[str]
    step: str


def word(reason: Reason, pattern: str, step: str) -> ByWord:
    return ByWord(reason=reason, pattern=re.compile(pattern), step=step)


# What stands between a container and its devices: of the node, and it may be there tomorrow.
OF_THE_NODE = re.compile(
    r"nvidia-container-|libnvidia-ml|CDI devices|error running (?:\w+ )?hook"
    r"|\b(?:ascend|mx|metax|hygon|dcu|mthreads|musa|ix)[\w-]{0,20}-(?:runtime|hook)"
)
# The webhook itself does not answer: the rule that it stands for has refused nothing.
SILENT_WEBHOOK = re.compile(r"failed (?:calling|to call) webhook")
STEPS = (
    word(
        Reason.CANNOT_START,
        r"requirement error|unsatisfied condition",
        "the driver of the node is older than the image asks for: update it, or use an image for "
        "it (spec.image)",
    ),
    word(
        Reason.CANNOT_START,
        OF_THE_NODE.pattern,
        "look at the driver and the device plugin of that node, and at spec.pod.runtimeClassName",
    ),
    word(
        Reason.CANNOT_START,
        r"/dev/(?!shm)\w",
        "that node has no such device: check its driver, and spec.chip",
    ),
    word(
        Reason.CANNOT_START,
        r"runAsNonRoot|non-numeric user|runAsUser",
        "set runAsUser in spec.pod.securityContext, or use an image that is not of root",
    ),
    word(
        Reason.CANNOT_START,
        r"subPath|mount",
        "check the volume that it names: spec.weights, spec.pod.volumes, spec.server.volumeMounts",
    ),
    word(
        Reason.CANNOT_START,
        r"context deadline exceeded|failed to reserve container name|timed? ?out",
        "the container runtime of that node is slow or hangs; it is tried again",
    ),
    word(
        Reason.REFUSED_BY_NODE,
        r"[Aa]ffinity|[Tt]aint",
        "the labels or taints of that node have changed; a pod is placed anew",
    ),
    word(
        Reason.REFUSED_BY_NODE,
        r"enough resource|OutOf(?!.{0,20}/)",
        "there was less room than the scheduler thought; a pod is placed anew",
    ),
    word(
        Reason.EVICTED,
        r"[Pp]reempt|critical pod|higher priority",
        "a more important pod took its place: see spec.pod.priorityClassName",
    ),
    word(
        Reason.EVICTED,
        r"PIDPressure|resource: pids",
        "too many processes run on that node: kubectl describe node names its pods",
    ),
    word(
        Reason.EVICTED,
        r'EmptyDir volume "weights"',
        "raise spec.weights.emptyDir.sizeLimit, or use a claim in spec.weights",
    ),
    word(
        Reason.EVICTED,
        r'EmptyDir volume "shm"',
        "raise spec.server.sharedMemory",
    ),
    word(
        Reason.EVICTED,
        r"EmptyDir volume",
        "raise its sizeLimit in spec.pod.volumes",
    ),
    word(
        Reason.EVICTED,
        r"ephemeral local storage",
        "raise ephemeral-storage in spec.server.resources.limits, or give the weights a volume of "
        "their own in spec.weights",
    ),
    word(
        Reason.EVICTED,
        r"memory",
        "set spec.server.resources.requests.memory to what the server needs",
    ),
    word(
        Reason.EVICTED,
        r"[Dd]isk|storage|inodes",
        "free space on the node; weights that lie on it (emptyDir, hostPath) are better on a "
        "volume of their own: spec.weights",
    ),
    word(
        Reason.NODE_LOST,
        r"no longer exists|[Tt]aint manager",
        "another pod takes its place: kubectl get nodes",
    ),
    word(
        Reason.NODE_LOST,
        r"shut(?:ting)? ?down|shutdown",
        "another pod takes its place; bring the node back, or delete it",
    ),
    word(
        Reason.POD_REJECTED,
        SILENT_WEBHOOK.pattern,
        "the webhook does not answer: look at what serves it; it is asked again",
    ),
    word(
        Reason.POD_REJECTED,
        r"service ?account",
        "create the service account, or correct spec.pod.serviceAccountName",
    ),
    word(
        Reason.POD_REJECTED,
        r"PriorityClass",
        "create the priority class, or correct spec.pod.priorityClassName",
    ),
    word(
        Reason.POD_REJECTED,
        r"RuntimeClass",
        "create the runtime class, or set spec.pod.runtimeClassName; it may be the chip's",
    ),
    word(
        Reason.POD_REJECTED,
        r"PodSecurity.*the volumes of spec\.chip",
        "the chip's drivers and devices come by host paths: let the namespace allow them: label "
        "pod-security.kubernetes.io/enforce",
    ),
    word(
        Reason.POD_REJECTED,
        r"^(?!.*must set).*PodSecurity.*(?:restricted volume types|hostPath volumes)",
        "use a claim there (persistentVolumeClaim), or let the namespace allow more: label "
        "pod-security.kubernetes.io/enforce",
    ),
    word(
        Reason.POD_REJECTED,
        r"PodSecurity",
        "change what it names in spec.pod.securityContext or spec.server.securityContext, or let "
        "the namespace allow more: label pod-security.kubernetes.io/enforce",
    ),
    word(
        Reason.POD_REJECTED,
        r"(?:min|max)imum \w+ usage per|LimitRange",
        "change spec.server.resources, or the LimitRange",
    ),
    word(
        Reason.UNSCHEDULABLE,
        r"volume node affinity conflict",
        "the volume is bound to a node or zone: free devices there, or use another one in "
        "spec.weights",
    ),
    word(
        Reason.UNSCHEDULABLE,
        r"were unschedulable",
        "a node is cordoned: kubectl uncordon NODE, or free or add others that fit",
    ),
    word(
        Reason.UNSCHEDULABLE,
        r"^(?!.*Insufficient).*untolerated taint",
        "add nodes that fit, or tolerate the taint in spec.pod.tolerations",
    ),
    word(
        Reason.UNSCHEDULABLE,
        r"^(?!.*Insufficient).*didn't match Pod's node affinity",
        "add nodes that fit, or change spec.pod.nodeSelector and spec.pod.affinity",
    ),
)


def step(reason: str, words: str) -> str:
    fits = (each.step for each in STEPS if each.reason == reason and each.pattern.search(words))
    return next(fits, "")
