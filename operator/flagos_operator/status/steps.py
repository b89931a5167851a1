"""What to do about a trouble that is told in the words of others: the scheduler's, the node's.

They know nothing of the fields of a model. A message that names one is left as it is.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from flagos_operator.desired import names
from flagos_operator.desired.plan import Plan
from flagos_operator.status import byword, claims, cures, prechecks, runtime, waiting
from flagos_operator.status.pods import FETCH, SERVER
from flagos_operator.status.reasons import Reason, kind_of
from flagos_operator.status.runtime import Pull
from flagos_operator.status.text import LONGEST_MESSAGE, bounded

if TYPE_CHECKING:
    from collections.abc import Callable

    from flagos_operator.status.view import Objection, View

FIELD = re.compile(r"\bspec\.[a-z]")
LABELS = re.compile(r"didn't match Pod's node affinity")
CURED = re.compile(r"\(.{4,}\)$")  # as a known cause of a failed start is
LONGEST_CLAUSE = 320  # bytes
STEPS: dict[str, str] = {
    Reason.QUOTA_EXCEEDED: (
        "raise the quota, or ask for less: spec.replicas, spec.devices, spec.server.resources"
    ),
    Reason.POD_REJECTED: "change what it names in spec.pod or spec.server, or the rule",
    Reason.INVALID_POD: "correct what it names in spec.pod or spec.server",
    Reason.FORBIDDEN: "install the chart's roles for this namespace",
    Reason.NO_SERVICE_ADDRESS: "delete Services that nobody uses, or add a ServiceCIDR",
    Reason.INVALID_IMAGE_NAME: "correct spec.image",
    Reason.IMAGE_NEVER_PULLED: "load the image onto the node, or change spec.imagePullPolicy",
    Reason.EVICTED: "kubectl describe pod may say why; another one takes its place",
    Reason.VOLUME_CLAIM_MISSING: (
        "create it, or correct its name in spec.weights.persistentVolumeClaim, "
        "spec.source.persistentVolumeClaim or spec.pod.volumes"
    ),
    Reason.VOLUME_CLAIM_LOST: "delete the claim: it is made anew and filled again",
    Reason.NODE_LOST: "bring it back or delete it; the pod is replaced after five minutes",
    Reason.REFUSED_BY_NODE: (
        "it is tried again; if it repeats, look at the device plugin of that node"
    ),
    Reason.STALLED: (
        "it may be slow, or hang: kubectl logs POD -c server -f shows its log, kubectl delete pod "
        "POD begins anew"
    ),
    Reason.NOT_RESPONDING: "it is restarted if this lasts a minute",
}


def followed(trouble: Objection | None, view: View) -> Objection | None:
    """With what to do, and with a doubt that may be behind it; both stay whole."""
    if trouble is None:
        return None
    clauses = (step(trouble, view), prechecks.hint(trouble, view), _claim_as_it_is(trouble, view))
    tail = "; ".join(filter(None, clauses))
    if not tail:
        return trouble
    told = bounded(trouble.message, limit=LONGEST_MESSAGE - len(tail.encode()) - 2)
    return replace(trouble, message=f"{told}; {tail}")


def _claim_as_it_is(trouble: Objection, view: View) -> str:
    """A claim that did not become larger may be why, and may have nothing to do with it."""
    refused = claims.aside(view)
    if not refused or kind_of(trouble.reason) not in prechecks.TROUBLES:
        return ""
    said = bounded(refused.message, limit=LONGEST_CLAUSE)
    return f"beside that the claim stays as it is: {said}"


def step(trouble: Objection, view: View) -> str:
    by_word = byword.step(trouble.reason, trouble.message)
    if by_word and trouble.reason == Reason.POD_REJECTED:
        return by_word  # what admission says may name the field of a volume, and no cure
    if FIELD.search(trouble.message):
        return ""
    if trouble.reason == Reason.UNSCHEDULABLE:
        return _place(trouble, view)
    if by_word:
        return by_word
    by_case = _BY_CASE.get(trouble.reason)
    return by_case(trouble, view) if by_case else STEPS.get(trouble.reason, "")


def _log(trouble: Objection, _: View) -> str:
    if trouble.culprit is None or CURED.search(trouble.message):
        return ""
    return f"all of it: kubectl logs POD -c {trouble.culprit.container} --previous"


def _pull(trouble: Objection, view: View) -> str:
    field = _image_field(trouble.culprit.container if trouble.culprit else "", view)
    node = trouble.culprit.node if trouble.culprit else "the node"
    return {
        Pull.NOT_FOUND: f"correct {field}",
        Pull.NO_ACCESS: f"correct {field}, or {_pull_secrets(view)}",
        Pull.NO_ROOM: f"free space on {node}",
        Pull.NOT_TRUSTED: f"have the runtime of {node} trust it, or change {field}",
        Pull.FAILING: f"look at the registry, load the image onto {node}, or change {field}",
        Pull.LIMITED: f"it is tried again; {_pull_secrets(view)}, or change {field}",
        Pull.NOT_REACHED: f"let {node} reach it, load the image there, or change {field}",
        Pull.FAILED: f"check {field}",
    }[runtime.pull_failed(trouble.message)]


def _pull_secrets(view: View) -> str:
    """Kubernetes passes over one that does not exist without a word."""
    named = view.plan.pod.pull_secrets if isinstance(view.plan, Plan) else ()
    if not named:
        return "add a secret to spec.imagePullSecrets"
    one = len(named) == 1
    return (
        f"check that the {'secret' if one else 'secrets'} {', '.join(named)} "
        f"{'exists and is' if one else 'exist and are'} for that registry (spec.imagePullSecrets)"
    )


def _image_field(container: str, view: View) -> str:
    """Where the image of a container is said."""
    plan = view.plan
    if container == FETCH:
        return "image.repository and image.tag of the chart's values"
    if isinstance(plan, Plan) and container not in {SERVER, ""}:
        return f"{cures.place(plan, container=container)}.image"
    release = plan.release if isinstance(plan, Plan) else None
    said = "image" in (view.model.raw.get("spec") or {})
    return f"spec.image (now of release {release})" if release and not said else "spec.image"


def _config(trouble: Objection, _: View) -> str:
    fields = "spec.server.env, spec.server.envFrom or spec.server.apiKeySecretRef"
    if trouble.culprit and trouble.culprit.container == FETCH:
        fields = "tokenSecretRef of the hub in spec.source, or spec.fetch.env"
    return f"create it, or correct its name in {fields}"


def _of_the_chip(trouble: Objection, view: View) -> str:
    """Of labels the scheduler tells neither which they are nor who has asked for them."""
    wanted, plan = waiting.for_labels(view), view.plan
    if not wanted or not isinstance(plan, Plan) or not LABELS.search(trouble.message):
        return ""
    return f"{wanted} is what chip {plan.chip} asks of a node"


def _place(trouble: Objection, view: View) -> str:
    """What the operator knows of nodes and the chip, else what the scheduler's words say."""
    of_the_chip = _of_the_chip(trouble, view)
    if waiting.is_absent(view):
        return "; ".join(filter(None, (waiting.HAS_PLUGIN, of_the_chip)))
    by_word = byword.step(trouble.reason, trouble.message)
    return "; ".join(filter(None, (of_the_chip, by_word or _room(view))))


def _room(view: View) -> str:
    counted = isinstance(view.plan, Plan) and view.plan.resource_name and view.plan.devices
    less = "spec.devices" if counted else "spec.server.resources"
    return f"free or add nodes that fit, or change what is asked for: {less}, spec.pod"


def _claim(_: Objection, view: View) -> str:
    """The class of a claim never changes, and a claim outlives its model."""
    if not isinstance(view.plan, Plan) or not view.plan.claim:
        return "kubectl describe pvc says why; see spec.weights"
    name = names.claim(view.plan.meta.name)
    return (
        f"kubectl describe pvc {name} says why. If its class is wrong: delete the model and "
        f"then the claim, which holds nothing (kubectl delete pvc {name}), and apply the model "
        "with the right spec.weights.volumeClaimTemplate.storageClassName"
    )


def _start(trouble: Objection, view: View) -> str:
    """In the place of the container that it is about."""
    name = trouble.culprit.container if trouble.culprit else SERVER
    if name in {SERVER, ""} or not isinstance(view.plan, Plan):
        return "check spec.server.command, spec.image and spec.server.volumeMounts"
    return f"check {cures.place(view.plan, container=name)} and {_image_field(name, view)}"


def _memory(trouble: Objection, view: View) -> str:
    if not isinstance(view.plan, Plan) or trouble.culprit is None:
        return ""
    return f"raise {cures.memory_field(view.plan, container=trouble.culprit.container)}"


_BY_CASE: dict[str, Callable[[Objection, View], str]] = {
    Reason.CANNOT_PULL_IMAGE: _pull,
    Reason.CRASH_LOOP: _log,
    Reason.ENGINE_DIED: _log,
    Reason.FETCH_FAILED: _log,
    Reason.CONFIG_MISSING: _config,
    Reason.VOLUME_CLAIM_PENDING: _claim,
    Reason.CANNOT_START: _start,
    Reason.OUT_OF_MEMORY: _memory,
}
