"""Pods that did not end by themselves: a node, a drain or a more important pod ended them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from flagos_operator.desired.plan import Plan
from flagos_operator.status import patience
from flagos_operator.status.pods import condition, finished, newest
from flagos_operator.status.reasons import Reason
from flagos_operator.status.view import Culprit, Objection

if TYPE_CHECKING:
    from flagos_operator.observed.facts import PodFacts
    from flagos_operator.status.view import View

# Whatever else ends a pod is said by a node at its door: UnexpectedAdmissionError, OutOfcpu...
REASONS = {
    "": Reason.EVICTED,
    "Evicted": Reason.EVICTED,
    "Preempting": Reason.EVICTED,
    "PreemptionByScheduler": Reason.EVICTED,
    "EvictionByEvictionAPI": Reason.EVICTED,
    "NodeLost": Reason.NODE_LOST,
    "NodeShutdown": Reason.NODE_LOST,
    "Terminated": Reason.NODE_LOST,
    "DeletionByPodGC": Reason.NODE_LOST,
    "DeletionByTaintManager": Reason.NODE_LOST,
}


# Of the pod's own, not of its node: the next pod comes to the same end.
OWN_LIMIT = re.compile(r"exceeds the (?:total )?limit|exceeded its local ephemeral storage limit")
HOPELESS_FROM = 3
# What fills a volume is mostly a download, and that may take a while.
IN_A_ROW = timedelta(hours=1)


def evicted(view: View) -> Objection | None:
    """One pod that went is replaced and forgotten; the newest, or two at a time, are news."""
    pods = newest(view)
    if again := _again_and_again(view):
        return replace(eviction(again), needs_user=True)
    recent = [
        pod for pod in pods if finished(pod) and pods[-1].created - pod.created < patience.LONG_RUN
    ]
    if not recent or (len(recent) == 1 and not finished(pods[-1])):
        return None
    return eviction(recent[-1])


def _again_and_again(view: View) -> PodFacts | None:
    """The last of those that outgrew a limit of their own, once each replica has so often."""
    replicas = view.plan.replicas if isinstance(view.plan, Plan) else 1
    row: list[PodFacts] = []
    then = view.now
    for pod in reversed(newest(view)):
        outgrew = finished(pod) and OWN_LIMIT.search(pod.message)
        if then - pod.created > IN_A_ROW or (finished(pod) and not outgrew):
            break
        then = pod.created
        if outgrew:
            row.append(pod)
    return row[0] if len(row) >= HOPELESS_FROM * max(replicas, 1) else None


def eviction(pod: PodFacts) -> Objection:
    """What the pod says itself, else what its condition does: some have no reason of their own."""
    told = condition(pod, "DisruptionTarget")
    reason = pod.reason or (told.reason if told else "")
    said = pod.message.strip() or (told.message.strip() if told else "")
    message = said.rstrip(" .") or f"the node ended the pod: {reason or pod.phase}"
    return Objection(
        reason=REASONS.get(reason, Reason.REFUSED_BY_NODE),
        message=message,
        culprit=Culprit(pod=pod.name, node=pod.node),
    )
