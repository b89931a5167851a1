"""The phase and the one line beside it: for people, never for decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flagos_operator.api.spec import stopped_by
from flagos_operator.desired.plan import Plan
from flagos_operator.status import (
    checks,
    claims,
    kernels,
    mounts,
    prechecks,
    runtime,
    selection,
    startup,
    waiting,
)
from flagos_operator.status.briefly import briefly
from flagos_operator.status.failure import last_failure
from flagos_operator.status.fetchlog import VERIFYING
from flagos_operator.status.pods import FETCH, alive, finished, older, own_first, ready, serving
from flagos_operator.status.reasons import Kind, Reason, kind_of
from flagos_operator.status.silence import silence
from flagos_operator.status.text import bounded, duration, pods, times
from flagos_operator.status.timeline import OF_THE_LOG
from flagos_operator.status.weights import LOOKED_AT, arriving, looked_at, says_more, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from flagos_operator.status.view import Objection, View

PHASES: dict[str, str] = {
    Reason.DELETING: "Terminating",
    Reason.SUSPENDED: "Suspended",
    Reason.SCALED_TO_ZERO: "Idle",
    Reason.PENDING: "Pending",
    Reason.CHOOSING: "Pending",
    Reason.NO_RELEASE_FITS: "Pending",
    Reason.SCHEDULING: "Scheduling",
    Reason.UNSCHEDULABLE: "Scheduling",
    Reason.VOLUME_CLAIM_PENDING: "Scheduling",
    Reason.PULLING: "Pulling",
    Reason.VOLUME_NOT_MOUNTED: "Pulling",
    Reason.DOWNLOADING: "Downloading",
    Reason.LOCK_HELD: "Downloading",
    Reason.STARTING: "Starting",
    Reason.STALLED: "Starting",
    Reason.ROLLING: "Starting",
    Reason.RECLAIMING: "Pending",
    Reason.NOT_RESPONDING: "Degraded",
    Reason.FLAGOS_UNPROVEN: "Degraded",
}

_AT_REST = {"suspend": PHASES[Reason.SUSPENDED], "replicas": PHASES[Reason.SCALED_TO_ZERO]}
_IN_A_RUN = {Reason.STARTING, Reason.STALLED}
CLAIM_AS_IT_IS = "spec.weights.volumeClaimTemplate refused"
LONGEST_REFUSAL = 120  # bytes, of a column of a table


def phase(view: View, objection: Objection | None) -> str:
    if objection is None:
        short = isinstance(view.plan, Plan) and len(ready(view)) < view.plan.replicas
        return "Degraded" if short and _failing(checks.trouble(view)) else "Ready"
    if objection.reason == Reason.DOWNLOADING and _verifies(view):
        return "Verifying"
    if stop := _stopped(view, objection):
        return _AT_REST[stop]
    if objection.reason in _IN_A_RUN and (step := _step(view, objection)) in OF_THE_LOG:
        return step
    return PHASES.get(objection.reason) or ("Degraded" if serving(view) else "Failed")


def progress(view: View, objection: Objection | None) -> str:
    said = _serving(view) if objection is None else _said(view, objection)
    doubt = prechecks.hint(objection, view) if objection else ""
    parts = [
        said,
        doubt,
        CLAIM_AS_IT_IS if claims.aside(view) else "",
        _restarted(view, objection),
    ]
    return ", ".join(filter(None, parts))


def _restarted(view: View, objection: Objection | None) -> str:
    """Why, too, once another reason is told: the kubelet tries again within the second."""
    if not (count := restarts(view)):
        return ""
    failure = last_failure(view) or {}
    mine = any(pod.name == failure.get("pod") for pod in alive(view))
    told = objection is not None and objection.reason == failure.get("reason")
    why = f" ({failure['reason']})" if mine and not told and "reason" in failure else ""
    return f"restarted {times(count)}{why}"


def restarts(view: View) -> int:
    return sum(each.restarts for pod in alive(view) for each in pod.containers)


def _failing(objection: Objection | None) -> bool:
    return objection is not None and kind_of(objection.reason) in {Kind.FAILED, Kind.BLOCKED}


def _serving(view: View) -> str:
    wanted = view.plan.replicas if isinstance(view.plan, Plan) else 0
    return f"{len(ready(view))}/{wanted} replicas ready{_tuning(view)}"


def _tuning(view: View) -> str:
    """It does not stand against Ready, but answers are late meanwhile."""
    if (found := kernels.still(view)) is None:
        return ""
    return f", still tuning kernels ({found.last}, {duration(round(found.later))})"


def _said(view: View, objection: Objection) -> str:
    say = _SAYINGS.get(objection.reason)
    said = (say(view) if say else "") or _refused(view, objection)
    return said or _again(view, objection) or briefly(objection)


def _again(view: View, objection: Objection) -> str:
    """What a download says that is tried again while its last failure still counts.

    That it has begun says less than why it failed, and would come and go with every attempt.
    """
    of_fetch = objection.culprit is not None and objection.culprit.container == FETCH
    found = arriving(view) if of_fetch else None
    return words(found.told) if found and says_more(found.told) else ""


def _refused(view: View, objection: Objection) -> str:
    """What is wrong with a spec: it begins with its field."""
    if isinstance(view.plan, Plan) or view.plan.reason != objection.reason:
        return ""
    return bounded(view.plan.message, limit=LONGEST_REFUSAL)


def _stopped(view: View, objection: Objection) -> str:
    """By a spec that cannot be followed else."""
    refused = not isinstance(view.plan, Plan) and view.plan.reason == objection.reason
    return stopped_by(view.model.raw) if refused else ""


def _no_release(view: View) -> str:
    chips = selection.awaited(view)
    return f"waiting for {' or '.join(chips)}" if chips else ""


def _not_pulled(view: View) -> str:
    waiting = (c for pod in alive(view) for c in pod.containers if c.state == "waiting")
    failed = next((each for each in waiting if each.reason in runtime.PULL_ERRORS), None)
    return f"image of {failed.name}: {runtime.pull_failed(failed.message)}" if failed else ""


def _waiting_for(view: View) -> str:
    if isinstance(view.plan, Plan) and waiting.is_absent(view):
        return waiting.nowhere(view.plan)
    return prechecks.too_small(view) or waiting.for_devices(view) or "waiting for a node that fits"


def _unbound(view: View) -> str:
    return f"waiting for a volume for {waiting.for_volumes(view) or 'the weights'}"


def _ending(view: View, *, all_of_them: bool = False) -> str:
    """Those that were told to; of a model at rest also those that will be."""
    count = sum(pod.deleting or (all_of_them and not finished(pod)) for pod in view.pods)
    return f"{pods(count)} ending" if count else ""


def _verifies(view: View) -> bool:
    found = arriving(view)
    return found.told.phase == VERIFYING if found else looked_at(view)


def _step(view: View, objection: Objection) -> str:
    """Of the pod that is told of."""
    name = objection.culprit.pod if objection.culprit else ""
    return next((startup.step(pod, view) for pod in alive(view) if pod.name == name), "")


def _downloading(view: View) -> str:
    found = arriving(view)
    if found:
        return words(found.told)
    return LOOKED_AT if looked_at(view) else "downloading weights"


def _rolling(view: View) -> str:
    return f"{_serving(view)}, {len(older(view))} of the older spec left"


def _preparing(view: View) -> str:
    arrived = any(checks.has_weights(pod) for pod in alive(view))
    first = next(filter(None, (own_first(pod, view) for pod in alive(view))), None)
    if first and not arrived:
        return f"init container {first.name} runs"
    return "weights complete, preparing the image" if arrived else "preparing volumes and image"


def _starting(view: View) -> str:
    if ready(view):
        return "waiting for proof that FlagOS is on"
    return startup.words(view) or "its container is made again"


def _stands_still(view: View) -> str:
    pod = next((pod for pod in alive(view) if checks.stalled(pod, view)), None)
    quiet = silence(pod, view) if pod else None
    if quiet and quiet.never:
        return "starting, but nothing is in its log"
    far = startup.words_of(pod, view) if pod else ""
    return f"{far or 'starting'}, but its log stands still"


_SAYINGS: dict[str, Callable[[View], str]] = {
    Reason.PENDING: lambda _: "waiting for its pod",
    Reason.CHOOSING: lambda _: "looking for free chips",
    Reason.NO_RELEASE_FITS: _no_release,
    Reason.CANNOT_PULL_IMAGE: _not_pulled,
    Reason.UNSCHEDULABLE: _waiting_for,
    Reason.VOLUME_CLAIM_PENDING: _unbound,
    Reason.VOLUME_NOT_MOUNTED: mounts.progress,
    Reason.DELETING: _ending,
    Reason.SUSPENDED: lambda view: (
        _ending(view, all_of_them=True) or "set spec.suspend to false to serve"
    ),
    Reason.SCALED_TO_ZERO: lambda view: (
        _ending(view, all_of_them=True) or "raise spec.replicas to serve"
    ),
    Reason.ROLLING: _rolling,
    Reason.SCHEDULING: waiting.for_a_place,
    Reason.PULLING: _preparing,
    Reason.DOWNLOADING: _downloading,
    Reason.LOCK_HELD: lambda _: "waiting for another pod's download",
    Reason.STARTING: _starting,
    Reason.FLAGOS_UNPROVEN: lambda _: "no proof that FlagOS is on",
    Reason.STALLED: _stands_still,
    Reason.RECLAIMING: lambda _: "waiting for the removal of a deleted model's weights",
}
