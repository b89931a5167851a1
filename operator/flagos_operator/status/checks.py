"""Chains of objections, worst first: the first one names the reason."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flagos_operator.api.spec import stopped_by
from flagos_operator.desired.plan import Plan
from flagos_operator.status import (
    byword,
    claims,
    crashes,
    endings,
    mounts,
    patience,
    places,
    prechecks,
    runtime,
    silence,
    stack,
    startup,
    waiting,
)
from flagos_operator.status.pods import (
    FETCH,
    SERVER,
    alive,
    condition,
    container,
    older,
    own_first,
    ready,
)
from flagos_operator.status.reasons import Reason
from flagos_operator.status.text import pods
from flagos_operator.status.view import Culprit, Objection
from flagos_operator.status.weights import (
    LOOKED_AT,
    arrival_reason,
    caution,
    far,
    message,
    seems_there,
    told_by,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flagos_operator.observed.facts import ContainerFacts, JobFacts, PodFacts
    from flagos_operator.status.view import View

    Check = Callable[[View], Objection | None]
    PodCheck = Callable[[PodFacts, View], Objection | None]
    ContainerCheck = Callable[[PodFacts, ContainerFacts], Objection | None]


def verdict(chain: Iterable[Check], view: View) -> Objection | None:
    return next((found for check in chain if (found := check(view))), None)


def for_each_pod(check: PodCheck) -> Check:
    """The oldest pod speaks first, so that the words do not change with every new one."""

    def first(view: View) -> Objection | None:
        return next((found for pod in alive(view) if (found := check(pod, view))), None)

    return first


def for_each_container(check: ContainerCheck) -> Check:
    def first(pod: PodFacts, _: View) -> Objection | None:
        return next((found for each in pod.containers if (found := check(pod, each))), None)

    return for_each_pod(first)


# What is wished, and whether it could be written.


def deleting(view: View) -> Objection | None:
    if not view.model.deleting:
        return None
    return Objection(reason=Reason.DELETING, message="the model is being deleted")


def invalid(view: View) -> Objection | None:
    if isinstance(view.plan, Plan):
        return None
    found, stop = view.plan, STOPPED.get(stopped_by(view.model.raw), "")
    message = f"{stop}, so no pod runs; {found.message}" if stop else found.message
    return Objection(reason=found.reason, message=message, needs_user=found.needs_user)


def refused(view: View) -> Objection | None:
    if view.refused is None or not isinstance(view.plan, Plan):
        return view.refused or claims.stopping(view)
    return replace(view.refused, message=places.named(view.refused.message, view.plan))


def reclaiming(job: JobFacts) -> Objection:
    message = f"Job {job.name} is removing {job.directory} from claim {job.claim}"
    return Objection(reason=Reason.RECLAIMING, message=message)


STOPPED = {"suspend": "spec.suspend is true", "replicas": "spec.replicas is 0"}
SET_IT_TO_FALSE = "spec.suspend is true: set it to false to serve"


def suspended(view: View) -> Objection | None:
    if not isinstance(view.plan, Plan) or not view.plan.suspended:
        return None
    return Objection(reason=Reason.SUSPENDED, message=SET_IT_TO_FALSE)


def scaled_to_zero(view: View) -> Objection | None:
    if not isinstance(view.plan, Plan) or view.plan.replicas:
        return None
    return Objection(reason=Reason.SCALED_TO_ZERO, message="spec.replicas is 0: raise it to serve")


# What the cluster refuses.


def pod_refused(view: View) -> Objection | None:
    """The ReplicaSet could not make a pod; its Deployment says so in a condition."""
    seen = view.deployment
    wanted = view.plan.replicas if isinstance(view.plan, Plan) else 0
    if seen is None or seen.observed_generation < seen.generation or len(alive(view)) >= wanted:
        return None
    failure = next((c for c in seen.conditions if c.type == "ReplicaFailure"), None)
    if failure is None or failure.status != "True":
        return None
    return refusal(failure.message, view)


def refusal(message: str, view: View) -> Objection:
    quota = "exceeded quota" in message
    return Objection(
        reason=Reason.QUOTA_EXCEEDED if quota else Reason.POD_REJECTED,
        message=_admission(message, view),
        needs_user=False if byword.SILENT_WEBHOOK.search(message) else None,
    )


def _admission(message: str, view: View) -> str:
    told = runtime.admission(message)
    return places.of_volumes(told, view.plan, view) if isinstance(view.plan, Plan) else told


def claim_lost(view: View) -> Objection | None:
    lost = (each for each in view.children if each.phase == "Lost")
    return next(
        (
            Objection(reason=Reason.VOLUME_CLAIM_LOST, message=f"the volume of {c.name} is gone")
            for c in lost
        ),
        None,
    )


# What a node or the scheduler cannot do.


def bad_image(pod: PodFacts, each: ContainerFacts) -> Objection | None:
    if each.state != "waiting":
        return None
    words = runtime.pull(each.message)
    if each.reason in runtime.PULL_ERRORS:
        hopeless = runtime.pull_is_hopeless(words)
        return _of(pod, Reason.CANNOT_PULL_IMAGE, words, container=each, needs_user=hopeless)
    if each.reason == "InvalidImageName":
        return _of(pod, Reason.INVALID_IMAGE_NAME, words, container=each)
    if each.reason == "ErrImageNeverPull":
        return _of(pod, Reason.IMAGE_NEVER_PULLED, words, container=each)
    return None


def bad_config(pod: PodFacts, each: ContainerFacts) -> Objection | None:
    if each.state != "waiting":
        return None
    words = runtime.start(each.message)
    message = f"container {each.name}: {words}"
    if each.reason == "CreateContainerConfigError":
        missing = "not found" in words or "find key" in words
        reason = Reason.CONFIG_MISSING if missing else Reason.CANNOT_START
        return _of(pod, reason, message, container=each, needs_user=True)
    if each.reason in runtime.START_ERRORS:
        reason = runtime.start_reason(words)
        hopeless = runtime.start_is_hopeless(words)
        return _of(pod, reason, message, container=each, needs_user=hopeless)
    return None


def unschedulable(pod: PodFacts, view: View) -> Objection | None:
    told = condition(pod, "PodScheduled")
    if pod.node or told is None or told.reason not in {"Unschedulable", "SchedulerError"}:
        return None
    if not patience.over(patience.scheduling(pod), now=view.now):
        return None
    words = runtime.scheduler(told.message)
    if "unbound immediate PersistentVolumeClaims" in words:
        return _of(pod, Reason.VOLUME_CLAIM_PENDING, f"{_unbound(view)}{words}")
    if 'persistentvolumeclaim "' in words:
        return _of(pod, Reason.VOLUME_CLAIM_MISSING, words)
    return _of(pod, Reason.UNSCHEDULABLE, f"{_asked(view)}{words}")


def _unbound(view: View) -> str:
    claims = waiting.for_volumes(view)
    return f"no volume for {claims}: " if claims else ""


def _asked(view: View) -> str:
    if small := prechecks.too_small(view):
        return f"{small}: "
    if missing := waiting.for_devices(view):
        return f"{missing}: "
    plan = view.plan
    if not isinstance(plan, Plan) or not plan.resource_name or not plan.devices:
        return ""
    return f"asks for {plan.devices} {plan.resource_name}: "


def claim_pending(pod: PodFacts, view: View) -> Objection | None:
    """A claim that binds when its first pod comes: the scheduler waits without a word."""
    if pod.node or not patience.over(patience.binding(pod), now=view.now):
        return None
    if not any(each.phase == "Pending" for each in view.children):
        return None
    claims = waiting.for_volumes(view) or "the claim of the weights"
    return _of(pod, Reason.VOLUME_CLAIM_PENDING, f"no volume for {claims}")


def not_mounted(pod: PodFacts, view: View) -> Objection | None:
    if found := mounts.failure(pod, view):
        hopeless = found.hopeless or None
        words = mounts.message(pod, found)
        return _of(pod, Reason.VOLUME_NOT_MOUNTED, words, needs_user=hopeless)
    if not patience.over(patience.mounting(pod), now=view.now):
        return None
    message = (
        f"node {pod.node} has not prepared the volumes and network of {pod.name}; "
        "kubectl describe pod names what is missing"
    )
    return _of(pod, Reason.VOLUME_NOT_MOUNTED, message)


def node_lost(pod: PodFacts, _: View) -> Objection | None:
    """The node controller takes Ready away without a reason; the kubelet always gives one."""
    told, containers = condition(pod, "Ready"), condition(pod, "ContainersReady")
    if told is None or containers is None or containers.status != "True":
        return None
    if told.status == "True" or told.reason:
        return None
    return _of(pod, Reason.NODE_LOST, f"node {pod.node} does not answer")


# What the containers do.


def crashed(view: View) -> Objection | None:
    return next((crashes.explain(run, view=view) for run in crashes.troubles(view)), None)


def not_responding(pod: PodFacts, _: View) -> Objection | None:
    server, told = container(pod, SERVER), condition(pod, "Ready")
    if server is None or server.state != "running" or not server.started or server.ready:
        return None
    if told is None or told.since is None or server.since is None or told.since <= server.since:
        return None  # it has not been ready in this run
    message = "the server was ready and no longer answers its health path"
    return _of(pod, Reason.NOT_RESPONDING, message, container=server)


def stalled(pod: PodFacts, view: View) -> Objection | None:
    """A log that could not be read of late is not judged."""
    found = silence.silence(pod, view)
    if found is None or not patience.over(found.until, now=view.now):
        return None
    return _of(pod, Reason.STALLED, silence.words(found, view), container=container(pod, SERVER))


# What is under way.


def under_way(view: View) -> Objection | None:
    """The pod that is furthest speaks: one is enough to serve."""
    starting = [pod for pod in alive(view) if not pod.ready]
    furthest = max(starting, key=lambda pod: _place(pod, view), default=None)
    return stage(furthest, view) if furthest else None


def _place(pod: PodFacts, view: View) -> tuple[bool, int, tuple[int, int]]:
    """A pod that has its weights is before one that loads them, image or not."""
    return has_weights(pod), _ORDER.index(stage(pod, view).reason), _far(pod, view)


def _far(pod: PodFacts, view: View) -> tuple[int, int]:
    server = container(pod, SERVER)
    starts = server is not None and server.state == "running"
    return (startup.place(pod, view), 0) if starts else far(told_by(pod, view))


_ORDER = (
    Reason.SCHEDULING,
    Reason.PULLING,
    Reason.LOCK_HELD,
    Reason.DOWNLOADING,
    Reason.STARTING,
)


def stage(pod: PodFacts, view: View) -> Objection:
    fetch, server = container(pod, FETCH), container(pod, SERVER)
    if not pod.node:
        return _of(pod, Reason.SCHEDULING, waiting.for_a_place(view))
    if server and (server.state != "waiting" or server.ended or server.last):
        return _of(pod, Reason.STARTING, startup.doing(pod, view))
    if fetch and fetch.state != "terminated" and (fetch.state == "running" or fetch.last):
        return _arriving(pod, fetch, view=view)
    if first := own_first(pod, view):
        words = f"init container {first.name} of spec.pod runs; the server starts after it"
        return _of(pod, Reason.PULLING, words, container=first)
    if has_weights(pod):
        words = f"the weights are complete; node {pod.node} prepares the image of the server"
        return _of(pod, Reason.PULLING, words)
    return _of(pod, Reason.PULLING, f"node {pod.node} prepares volumes, network and image")


def _arriving(pod: PodFacts, fetch: ContainerFacts, *, view: View) -> Objection:
    told = told_by(pod, view)
    if told is None and seems_there(pod, fetch, view=view):
        return _of(pod, Reason.DOWNLOADING, LOOKED_AT)
    return _of(pod, arrival_reason(told), message(told) + caution(told, view))


def has_weights(pod: PodFacts) -> bool:
    return crashes.fetched(pod) is not None


def rolling(view: View) -> Objection | None:
    count = len(older(view))
    if not count:
        return None
    message = f"{pods(count)} of an older spec still there"
    return Objection(reason=Reason.ROLLING, message=message)


PENDING = Objection(reason=Reason.PENDING, message="waiting for Kubernetes to make the pod")


def _of(
    pod: PodFacts,
    reason: Reason,
    message: str,
    *,
    container: ContainerFacts | None = None,
    needs_user: bool | None = None,
) -> Objection:
    culprit = Culprit(pod=pod.name, node=pod.node, container=container.name if container else "")
    return Objection(reason=reason, message=message, culprit=culprit, needs_user=needs_user)


WISH: tuple[Check, ...] = (deleting, invalid, refused, suspended, scaled_to_zero)
# What still stands against a model though a pod of the newest spec answers.
SERVING: tuple[Check, ...] = (stack.against_ready, rolling, stack.unproven)
TROUBLE: tuple[Check, ...] = (
    pod_refused,
    claim_lost,
    for_each_container(bad_image),
    for_each_container(bad_config),
    for_each_pod(unschedulable),
    for_each_pod(claim_pending),
    for_each_pod(not_mounted),
    endings.evicted,
    crashed,
    for_each_pod(node_lost),
    for_each_pod(not_responding),
    for_each_pod(stalled),
)


def against_ready(view: View) -> Objection | None:
    """One pod of the newest spec that answers is enough, once no older one is left."""
    if found := verdict(WISH, view):
        return found
    if ready(view):
        return verdict(SERVING, view)
    return trouble(view) or under_way(view) or PENDING


def trouble(view: View) -> Objection | None:
    """What goes wrong with any pod, also while others serve."""
    return verdict(TROUBLE, view)
