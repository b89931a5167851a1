"""How long something may last before it is news. All that depends on the clock is decided here."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING

from flagos_operator.status.silence import silence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from flagos_operator.observed.facts import ContainerFacts, PodFacts, Termination
    from flagos_operator.status.view import View

# The scheduler says "Unschedulable" at its first look, often a moment before it finds a place.
SCHEDULING = timedelta(seconds=5)
# A provisioner that works binds a claim in seconds.
BINDING = timedelta(seconds=60)
# The kubelet mounts what there is within a second or two; what it complains of is asked for then.
ASKING = timedelta(seconds=5)
# It gives a mount two minutes before it says so itself: without its Events no more is known.
MOUNTING = timedelta(seconds=130)
# A loop is over when a run has lasted twice as long as the one before, and at least by this much
# longer: under load the runs of a loop differ by many seconds.
RECOVERY = timedelta(seconds=10)
# A hub that does not answer is asked for so long by one run of a download, or a little less.
DOWNLOAD = timedelta(minutes=2)
# The kubelet forgets its back-off after a run of ten minutes: such a run was no part of a loop.
LONG_RUN = timedelta(minutes=10)
# Under upstream defaults shapes are tuned with the first requests, by and by.
TUNING = timedelta(minutes=10)
# Once a server answers, its log is soon read to where it says so; a node that does not answer is
# left in peace for a minute.
PROOF = timedelta(seconds=90)
# What the kubelet needs to report the end of a pod whose grace period is over.
LEAVING = timedelta(seconds=30)

LOOP_FROM_RESTART = 2


def over(deadline: datetime | None, *, now: datetime) -> bool:
    return deadline is not None and now >= deadline


def scheduling(pod: PodFacts) -> datetime:
    return pod.created + SCHEDULING


def binding(pod: PodFacts) -> datetime:
    return pod.created + BINDING


def preparing(pod: PodFacts) -> datetime | None:
    """Since when its node prepares volumes and network; None unless the node says so.

    A node that was started anew prepares them once more, long after the pod came to it.
    """
    told = {each.type: each for each in pod.conditions}
    prepared, scheduled = told.get("PodReadyToStartContainers"), told.get("PodScheduled")
    if not pod.node or prepared is None or prepared.status == "True":
        return None
    since = (each.since for each in (prepared, scheduled) if each and each.since)
    return max(since, default=pod.created)


def asking(pod: PodFacts) -> datetime | None:
    since = preparing(pod)
    return since + ASKING if since else None


def mounting(pod: PodFacts) -> datetime | None:
    since = preparing(pod)
    return since + MOUNTING if since else None


def leaving(pod: PodFacts) -> datetime | None:
    return pod.gone_by + LEAVING if pod.deleting and pod.gone_by else None


def proof(pod: PodFacts) -> datetime | None:
    """Until when a server that answers may still say what stack it runs."""
    turned = _turned(pod)
    return turned + PROOF if turned and pod.ready else None


def _turned(pod: PodFacts) -> datetime | None:
    """When the pod became ready, or ceased to be."""
    return next((each.since for each in pod.conditions if each.type == "Ready"), None)


def recovery(container: ContainerFacts, *, pod: PodFacts) -> datetime | None:
    """When a run that goes on now ends a crash loop; None if there is no loop."""
    lasted = ran(container.last) if container.last else None
    if container.since is None or lasted is None or container.restarts < LOOP_FROM_RESTART:
        return None
    if lasted > LONG_RUN or _was_ready(pod, container.last):
        return None
    return container.since + lasted + max(lasted, RECOVERY)


def _was_ready(pod: PodFacts, run: Termination | None) -> bool:
    """Its pod has then ceased to be so after that run began, and not before."""
    turned = _turned(pod)
    return bool(run and run.started and turned and turned > run.started)


def another_try(fetch: ContainerFacts) -> datetime | None:
    """When a download whose log nobody reads is taken to have got further than the one before."""
    lasted = (ran(fetch.last) if fetch.last else None) or timedelta()
    return fetch.since + min(lasted, DOWNLOAD) + RECOVERY if fetch.since else None


def ran(run: Termination) -> timedelta | None:
    return run.finished - run.started if run.started and run.finished else None


def next_look(view: View, *more: datetime | None) -> float | None:
    """Seconds until a judgement can change though nothing in the cluster does."""
    deadlines = chain(_deadlines(view), filter(None, more))
    ahead = [(when - view.now).total_seconds() for when in deadlines if when > view.now]
    return min(ahead, default=None)


def _deadlines(view: View) -> Iterator[datetime]:
    for pod in view.pods:
        if pod.deleting:
            yield from filter(None, [leaving(pod)])
        elif not pod.node:
            if any(each.type == "PodScheduled" for each in pod.conditions):
                yield scheduling(pod)
            if any(each.phase == "Pending" for each in view.children):
                yield binding(pod)
        elif not pod.ready:
            told = (
                asking(pod),
                mounting(pod),
                *(recovery(each, pod=pod) for each in pod.containers),
            )
            yield from filter(None, told)
            fetching = (each for each in pod.containers if each.init and each.last)
            yield from filter(None, map(another_try, fetching))
            if quiet := silence(pod, view):
                yield quiet.until
