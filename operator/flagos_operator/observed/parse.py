"""Bodies, as the API server sends them, to facts. A key that is missing is never an error."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flagos_operator.catalog.rows import Row, row
from flagos_operator.observed.bodies import Body, part, parts
from flagos_operator.observed.facts import (
    ChildFacts,
    Condition,
    ContainerFacts,
    DeploymentFacts,
    EventFacts,
    JobFacts,
    ModelFacts,
    PinFacts,
    PodFacts,
    Termination,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL_KIND = "FlagOSModel"
MODEL_LABEL = "flagos.io/model"
TEMPLATE_ANNOTATION = "flagos.io/template"
JOB_LABEL = "flagos.io/job"
LONGEST_REQUEST = 120  # letters: the status has to hold it
VERIFY_ANNOTATION = "flagos.io/verify-weights"
UID_ANNOTATION = "flagos.io/model-uid"
UNPROVEN_ANNOTATION = "flagos.io/unproven"
RESTARTED_ANNOTATION = "flagos.io/restarted"
KUBECTL_RESTARTED = "kubectl.kubernetes.io/restartedAt"
FETCH_CONTAINER = "fetch"
SERVER_CONTAINER = "server"


def model_facts(body: Body) -> ModelFacts:
    meta = part(body, "metadata")
    return ModelFacts(
        namespace=_text(meta, "namespace"),
        name=_text(meta, "name"),
        uid=_text(meta, "uid"),
        generation=_number(meta, "generation"),
        resource_version=_text(meta, "resourceVersion"),
        deleting=bool(meta.get("deletionTimestamp")),
        raw=body,
        status=part(body, "status"),
        created=_time(meta, "creationTimestamp"),
        verify=_text(part(meta, "annotations"), VERIFY_ANNOTATION)[:LONGEST_REQUEST],
        claims=frozenset(_claims_of_model(part(body, "spec"), name=_text(meta, "name"))),
    )


def _claims_of_model(spec: Body, *, name: str) -> Iterator[str]:
    """From the raw spec: also one that is invalid by now may have pods that use them."""
    weights, pod = part(spec, "weights"), part(spec, "pod")
    if "volumeClaimTemplate" in weights:
        yield f"{name}-weights"
    for volume in (weights, part(spec, "source"), *parts(pod, "volumes")):
        if claim := _claim(volume):
            yield claim


def _claim(volume: Body) -> str:
    return _text(part(volume, "persistentVolumeClaim"), "claimName")


def pod_facts(body: Body) -> PodFacts:
    meta, spec, status = part(body, "metadata"), part(body, "spec"), part(body, "status")
    told = conditions(status)
    return PodFacts(
        namespace=_text(meta, "namespace"),
        name=_text(meta, "name"),
        uid=_text(meta, "uid"),
        model=_text(part(meta, "labels"), MODEL_LABEL),
        template=_text(part(meta, "annotations"), TEMPLATE_ANNOTATION),
        phase=_text(status, "phase"),
        node=_text(spec, "nodeName"),
        deleting=bool(meta.get("deletionTimestamp")),
        ready=any(c.type == "Ready" and c.status == "True" for c in told),
        created=_time(meta, "creationTimestamp") or datetime.fromtimestamp(0, tz=UTC),
        reason=_text(status, "reason"),
        message=_text(status, "message"),
        conditions=told,
        containers=(
            *(_container(each, init=True) for each in parts(status, "initContainerStatuses")),
            *(_container(each, init=False) for each in parts(status, "containerStatuses")),
        ),
        gone_by=_time(meta, "deletionTimestamp"),
    )


def deployment_facts(body: Body) -> DeploymentFacts:
    meta, spec, status = part(body, "metadata"), part(body, "spec"), part(body, "status")
    template = part(spec, "template")
    return DeploymentFacts(
        namespace=_text(meta, "namespace"),
        name=_text(meta, "name"),
        uid=_text(meta, "uid"),
        model=_text(part(meta, "labels"), MODEL_LABEL),
        owner_uid=_owner_uid(meta),
        generation=_number(meta, "generation"),
        observed_generation=_number(status, "observedGeneration"),
        # The pods carry the digest of the pod template, whatever the Deployment itself says.
        template=_text(
            part(part(template, "metadata"), "annotations"),
            TEMPLATE_ANNOTATION,
        ),
        fetch_image=_fetch_image(part(template, "spec")),
        # The API server itself reads an absent number as one.
        wanted=_number(spec, "replicas", absent=1),
        replicas=_number(status, "replicas"),
        updated=_number(status, "updatedReplicas"),
        ready=_number(status, "readyReplicas"),
        available=_number(status, "availableReplicas"),
        deleting=bool(meta.get("deletionTimestamp")),
        conditions=conditions(status),
        version=str(_number(meta, "generation")),
        mounts=frozenset(_mounts(part(template, "spec"))),
        budget_seconds=_budget_seconds(part(template, "spec")),
        restarted=_text(
            part(part(template, "metadata"), "annotations"),
            KUBECTL_RESTARTED,
        )[:LONGEST_REQUEST],
    )


def _mounts(pod_spec: Body) -> Iterator[tuple[str, str]]:
    """The download sees the whole volume and reads one directory of it: it counts for nothing."""
    claims = {_text(each, "name"): _claim(each) for each in parts(pod_spec, "volumes")}
    containers = (*parts(pod_spec, "initContainers"), *parts(pod_spec, "containers"))
    for each in containers:
        if _text(each, "name") == FETCH_CONTAINER:
            continue
        for mount in parts(each, "volumeMounts"):
            if claim := claims.get(_text(mount, "name")):
                yield claim, _text(mount, "subPath")


def child_facts(body: Body, *, kind: str = "") -> ChildFacts:
    """A Service, ConfigMap or claim. Items of a list do not say their kind: give it."""
    meta, status = part(body, "metadata"), part(body, "status")
    return ChildFacts(
        kind=kind or _text(body, "kind"),
        namespace=_text(meta, "namespace"),
        name=_text(meta, "name"),
        uid=_text(meta, "uid"),
        model=_text(part(meta, "labels"), MODEL_LABEL),
        owner_uid=_owner_uid(meta),
        deleting=bool(meta.get("deletionTimestamp")),
        phase=_text(status, "phase"),
        version=_text(meta, "resourceVersion"),
        capacity=_text(part(status, "capacity"), "storage"),
        keepers=frozenset(
            _text(each, "uid")
            for each in parts(meta, "ownerReferences")
            if _text(each, "kind") == MODEL_KIND
        ),
    )


def job_facts(body: Body) -> JobFacts:
    meta, spec = part(body, "metadata"), part(body, "spec")
    labels, pod_spec = part(meta, "labels"), part(part(spec, "template"), "spec")
    ended = _end_of_job(part(body, "status"))
    (container, *_) = parts(pod_spec, "containers") or [{}]
    claim, directory = next(_mounts(pod_spec), ("", ""))
    return JobFacts(
        namespace=_text(meta, "namespace"),
        name=_text(meta, "name"),
        uid=_text(meta, "uid"),
        model=_text(labels, MODEL_LABEL),
        owner_uid=_owner_uid(meta) or _text(part(meta, "annotations"), UID_ANNOTATION),
        purpose=_text(labels, JOB_LABEL),
        claim=claim,
        directory=directory,
        image=_text(container, "image"),
        suspended=bool(spec.get("suspend")),
        ended=ended.type if ended else "",
        message=ended.message if ended else "",
        deleting=bool(meta.get("deletionTimestamp")),
        version=str(_number(meta, "generation")),
    )


def event_facts(body: Body) -> EventFacts:
    """The kubelet counts in one way and the scheduler in another one; both have a last time."""
    series = part(body, "series")
    told = (_time(body, "lastTimestamp"), _time(series, "lastObservedTime"))
    return EventFacts(
        reason=_text(body, "reason"),
        message=_text(body, "message"),
        at=max(filter(None, told), default=_time(body, "eventTime")),
    )


def pin_facts(body: Body) -> PinFacts:
    meta, data = part(body, "metadata"), part(body, "data")
    return PinFacts(
        namespace=_text(meta, "namespace"),
        name=_text(meta, "name"),
        uid=_text(meta, "uid"),
        model=_text(part(meta, "labels"), MODEL_LABEL),
        owner_uid=_owner_uid(meta),
        deleting=bool(meta.get("deletionTimestamp")),
        revision=_number(body, "revision"),
        restarted=_text(part(meta, "annotations"), RESTARTED_ANNOTATION),
        chip=_row(part(data, "chip")),
        release=_row(part(data, "release")) if "release" in data else None,
        proven=UNPROVEN_ANNOTATION not in part(meta, "annotations"),
    )


def _row(body: Body) -> Row:
    return row(_text(body, "name"), part(body, "spec"))


def _end_of_job(status: Body) -> Condition | None:
    """The pods of a Job that is failing may still be there: until they are gone it has no end."""
    ends = {"Complete", "Failed"}
    told = (each for each in conditions(status) if each.type in ends and each.status == "True")
    return next(told, None)


def _container(body: Body, *, init: bool) -> ContainerFacts:
    state = part(body, "state")
    waiting, running = part(state, "waiting"), part(state, "running")
    ended = _termination(state)
    return ContainerFacts(
        name=_text(body, "name"),
        init=init,
        ready=bool(body.get("ready")),
        started=bool(body.get("started")),
        restarts=_number(body, "restartCount"),
        state="terminated" if ended else "running" if "running" in state else "waiting",
        reason=_text(waiting, "reason"),
        message=_text(waiting, "message"),
        image_id=_text(body, "imageID"),
        ended=ended,
        last=_termination(part(body, "lastState")),
        since=_time(running, "startedAt"),
    )


def _termination(state: Body) -> Termination | None:
    body = part(state, "terminated")
    if not body:
        return None
    return Termination(
        exit_code=_number(body, "exitCode"),
        reason=_text(body, "reason"),
        message=_text(body, "message"),
        started=_time(body, "startedAt"),
        finished=_time(body, "finishedAt"),
    )


def conditions(status: Body) -> tuple[Condition, ...]:
    return tuple(
        Condition(
            type=_text(each, "type"),
            status=_text(each, "status"),
            reason=_text(each, "reason"),
            message=_text(each, "message"),
            since=_time(each, "lastTransitionTime"),
        )
        for each in parts(status, "conditions")
    )


def _owner_uid(meta: Body) -> str:
    owners = (each for each in parts(meta, "ownerReferences") if each.get("controller"))
    return next((_text(each, "uid") for each in owners), "")


def _fetch_image(pod_spec: Body) -> str:
    images = {_text(c, "name"): _text(c, "image") for c in parts(pod_spec, "initContainers")}
    return images.get(FETCH_CONTAINER, "")


def _budget_seconds(pod_spec: Body) -> int:
    probes = {_text(c, "name"): part(c, "startupProbe") for c in parts(pod_spec, "containers")}
    probe = probes.get(SERVER_CONTAINER, {})
    return _number(probe, "periodSeconds") * _number(probe, "failureThreshold")


def _text(body: Body, key: str) -> str:
    found = body.get(key)
    return "" if found is None else str(found)


def _number(body: Body, key: str, *, absent: int = 0) -> int:
    found = body.get(key)
    return found if isinstance(found, int) else absent


def _time(body: Body, key: str) -> datetime | None:
    """All times of the API are RFC 3339 in UTC; what is not one is as good as absent."""
    try:
        found = datetime.fromisoformat(_text(body, key))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
