"""A view becomes a status: equal input gives equal output, and nothing moves by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flagos_operator.desired import labels
from flagos_operator.desired.plan import Plan
from flagos_operator.status import (
    checks,
    conditions,
    kernels,
    patience,
    selection,
    stack,
    steps,
    verification,
)
from flagos_operator.status.failure import last_failure
from flagos_operator.status.memory import remembered
from flagos_operator.status.pods import alive, finished, serving
from flagos_operator.status.progress import phase, progress
from flagos_operator.status.reasons import Kind, Reason, kind_of
from flagos_operator.status.startup import startup
from flagos_operator.status.text import LONGEST_FIELD, bounded
from flagos_operator.status.weights import downloaded, looked_at, weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flagos_operator.status.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`type` is Normal or Warning, as Kubernetes has it."""

    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """`requeue_after` is set only while the clock alone can change the judgement."""

    status: dict[str, Any]
    events: tuple[Event, ...]
    requeue_after: float | None


def summarize(view: View) -> Summary:
    view = replace(view, model=replace(view.model, status=remembered(view.model.status)))
    objection = steps.followed(checks.against_ready(view), view)
    old = _conditions(view.model.status)
    new = conditions.dated(
        conditions.judge(view, objection),
        old=list(old.values()),
        generation=view.model.generation,
        now=view.now,
    )
    arrived = {**weights(view), **verification.fields(view)}
    chosen = selection.fields(view)
    status = {
        "observedGeneration": view.model.generation,
        "phase": phase(view, objection),
        "conditions": new,
        "progress": progress(view, objection),
        **_counts(view),
        "selector": _selector(view),
        "url": _url(view),
        "stack": stack.seen(view),
        "flagos": stack.fields(view),
        "resolved": _resolved(view),
        "selection": chosen,
        "weights": arrived,
        "startup": kernels.timed(startup(view), view),
        "lastFailure": last_failure(view),
        "applied": view.applied or view.model.status.get("applied"),
    }
    return Summary(
        status={key: value for key, value in status.items() if value not in ("", None, {})},
        events=(
            *sorted(
                _events(old, _conditions({"conditions": new}), silent=_no_news(view)),
                key=lambda event: event.reason != Reason.COMPLETE,  # before what came of it
            ),
            *_told(_chosen(view, chosen)),
            *_told(_looked(view, arrived)),
        ),
        requeue_after=patience.next_look(view, stack.next_look(view), kernels.next_look(view)),
    )


def _counts(view: View) -> dict[str, int]:
    """Pods that are on their way out count nowhere, as in a Deployment."""
    return {
        "replicas": sum(not pod.deleting and not finished(pod) for pod in view.pods),
        "readyReplicas": len(serving(view)),
        "updatedReplicas": len(alive(view)),
    }


def _selector(view: View) -> str:
    """For /scale, so that an autoscaler finds the pods."""
    wanted = labels.selector(view.model.name)
    return ",".join(f"{key}={value}" for key, value in sorted(wanted.items()))


def _url(view: View) -> str:
    plan = view.plan
    serves = isinstance(plan, Plan) and plan.replicas and not view.model.deleting
    return bounded(plan.url, limit=LONGEST_FIELD) if isinstance(plan, Plan) and serves else ""


def _resolved(view: View) -> Mapping[str, Any] | None:
    """While the spec is invalid the last valid decision is still what runs."""
    plan = view.plan
    if not isinstance(plan, Plan):
        before = view.model.status.get("resolved") or {}
        if "image" in before:
            return before
        chip = selection.only_chip(view)
        return {"chip": chip} if chip else None
    found = {
        "release": plan.release,
        "chip": plan.chip,
        "image": bounded(plan.image, limit=LONGEST_FIELD),
        "revision": plan.revision,
        "devices": plan.devices,
        "resourceName": plan.resource_name,
    }
    return {key: value for key, value in found.items() if value is not None}


def _conditions(status: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {each.get("type", ""): each for each in status.get("conditions") or ()}


_TOLD = (
    conditions.READY,
    conditions.WEIGHTS_READY,
    conditions.FLAGOS_ACTIVE,
    conditions.UP_TO_DATE,
)
# Of these conditions only what a person should hear of.
_AMISS: dict[str, frozenset[str]] = {
    conditions.FLAGOS_ACTIVE: frozenset({Reason.PLUGIN_NOT_LOADED}),
    conditions.UP_TO_DATE: frozenset(
        {Reason.VOLUME_CLAIM_REFUSED, *(each for each in Reason if each.kind is Kind.DOUBT)}
    ),
}


def _events(
    old: Mapping[str, Mapping[str, Any]],
    new: Mapping[str, Mapping[str, Any]],
    *,
    silent: set[str],
) -> Iterator[Event]:
    """One for each turn of Ready or WeightsReady, and if FlagOS or the release is amiss."""
    told = set(silent)
    for kind in _TOLD:
        now, before = new[kind], old.get(kind, {})
        turned = (now["status"], now["reason"]) != (before.get("status"), before.get("reason"))
        if not turned or now["reason"] in told or now["status"] == conditions.UNKNOWN:
            continue
        if now["reason"] not in _AMISS.get(kind, {now["reason"]}):
            continue
        told.add(now["reason"])
        yield Event(type=_severity(now), reason=now["reason"], message=now["message"])


def _no_news(view: View) -> set[str]:
    """That a model was taken up is none: a moment later there is something to tell.

    Neither is that weights are read from where they lie or are there from before: nothing was
    done to them.
    """
    found = {Reason.DOWNLOADING} if looked_at(view) else set()
    kept = set() if downloaded(view) else {Reason.COMPLETE}
    return {Reason.PENDING, Reason.SERVED_IN_PLACE, *found, *kept}


def _looked(view: View, weights: Mapping[str, Any]) -> Told:
    return verification.event(view.model.status.get("weights") or {}, weights)


def _chosen(view: View, now: Mapping[str, Any]) -> Told:
    return selection.event(view.model.status.get("selection") or {}, now)


Told = tuple[str, str, str] | None


def _told(found: Told) -> Iterator[Event]:
    if found:
        kind, reason, message = found
        yield Event(type=kind, reason=reason, message=message)


def _severity(condition: Mapping[str, Any]) -> str:
    if kind_of(condition["reason"]) is Kind.DOUBT:
        return "Warning"
    fine = condition["status"] == conditions.TRUE
    calm = kind_of(condition["reason"]) in {Kind.GOOD, Kind.REST, Kind.MOVING}
    return "Normal" if fine or calm else "Warning"
