"""The conditions, by the conventions of Kubernetes: all from the first write, each flip dated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flagos_operator.desired.plan import Plan
from flagos_operator.status import checks, claims, crashes, mounts, prechecks, stack, weights
from flagos_operator.status.memory import verified
from flagos_operator.status.pods import FETCH, alive, container, older, ready, serving
from flagos_operator.status.reasons import Kind, Reason, kind_of
from flagos_operator.status.remedies import cause
from flagos_operator.status.text import bounded, pods, stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from flagos_operator.observed.facts import PodFacts
    from flagos_operator.status.view import Objection, View

TRUE, FALSE, UNKNOWN = "True", "False", "Unknown"

READY = "Ready"
AVAILABLE = "Available"
WEIGHTS_READY = "WeightsReady"
FLAGOS_ACTIVE = "FlagOSActive"
PROGRESSING = "Progressing"
UP_TO_DATE = "UpToDate"
ACCURACY_VERIFIED = "AccuracyVerified"
STALLED = "Stalled"
UNDECIDED = "the spec is not followed, so no weights are judged by it; Ready says why"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    type: str
    status: str
    reason: str
    message: str = ""


def judge(view: View, objection: Objection | None) -> tuple[Verdict, ...]:
    """`objection` is what stands against Ready; it is found once and used by several."""
    verdicts = (
        _ready(view, objection),
        _available(view),
        _weights(view, objection),
        _flagos(view),
        _progressing(view, objection),
        _up_to_date(view),
        Verdict(type=ACCURACY_VERIFIED, status=UNKNOWN, reason=Reason.NOT_EVALUATED),
    )
    return (*verdicts, *_stalled(view, objection))


def is_ready(status: Mapping[str, Any]) -> bool:
    told = (each for each in status.get("conditions", ()) if each["type"] == READY)
    return any(each["status"] == TRUE for each in told)


def dated(
    verdicts: Sequence[Verdict],
    *,
    old: Sequence[Mapping[str, Any]],
    generation: int,
    now: datetime,
) -> list[dict[str, Any]]:
    """The time of a condition moves only when its status flips."""
    before = {each.get("type"): each for each in old}
    return [
        {
            "type": each.type,
            "status": each.status,
            "reason": str(each.reason),
            "message": bounded(each.message or cause(each.reason)),
            "observedGeneration": generation,
            "lastTransitionTime": _since(each, before.get(each.type, {})) or stamp(now),
        }
        for each in verdicts
    ]


def _ready(view: View, objection: Objection | None) -> Verdict:
    if objection is None:
        message = f"serving on {pods(len(ready(view)))} of the newest spec"
        return Verdict(type=READY, status=TRUE, reason=Reason.SERVING, message=message)
    return _against(READY, objection)


def _available(view: View) -> Verdict:
    if serving(view):
        message = f"serving on {pods(len(serving(view)))}"
        return Verdict(type=AVAILABLE, status=TRUE, reason=Reason.SERVING, message=message)
    ending = sum(pod.ready and pod.deleting for pod in view.pods)
    message = f"no pod stays that answers; {pods(ending)} ending still may" if ending else ""
    return Verdict(type=AVAILABLE, status=FALSE, reason=Reason.NO_POD_READY, message=message)


def _weights(view: View, objection: Objection | None) -> Verdict:
    plan = view.plan
    if not isinstance(plan, Plan):
        return Verdict(type=WEIGHTS_READY, status=UNKNOWN, reason=plan.reason, message=UNDECIDED)
    if objection and objection.reason in _ABOUT_VOLUME:
        return _against(WEIGHTS_READY, objection)
    found = _download(view, plan) if plan.fetches else _in_place(view, plan)
    unproven = found.reason in {Reason.PENDING, Reason.NOT_RUNNING}
    if unproven and objection and objection.reason == Reason.VOLUME_NOT_MOUNTED:
        return _against(WEIGHTS_READY, objection)
    return found


def _in_place(view: View, plan: Plan) -> Verdict:
    """That the place is there is proven by a pod that has its volumes."""
    told = f"served from {plan.source}"
    pods = alive(view) + (older(view) if _was_told(view, told) else ())
    if not any(map(mounts.mounted, pods)):
        return Verdict(type=WEIGHTS_READY, status=UNKNOWN, reason=Reason.NOT_RUNNING)
    return Verdict(type=WEIGHTS_READY, status=TRUE, reason=Reason.SERVED_IN_PLACE, message=told)


def _was_told(view: View, words: str) -> bool:
    """Pods of an older spec may serve from another place; what was told of them says which."""
    before = view.model.status.get("conditions") or ()
    mine = (each for each in before if each.get("type") == WEIGHTS_READY)
    return any((each.get("status"), each.get("message")) == (TRUE, words) for each in mine)


def _download(view: View, plan: Plan) -> Verdict:
    mine, others = alive(view), older(view)
    if _any_fetched(mine):
        message = f"{plan.source} is complete"
        return Verdict(type=WEIGHTS_READY, status=TRUE, reason=Reason.COMPLETE, message=message)
    failed = (run for run in crashes.troubles(view) if run.container.name == FETCH)
    if run := next(failed, None):
        return _against(WEIGHTS_READY, crashes.explain(run, view=view))
    looked_at = weights.looked_at(view)
    if not looked_at and _any_fetches(mine):
        return _arriving(view)
    if _any_fetched(others) and verified(view.model.status, plan):
        message = f"{plan.source} is complete, as pods of an older spec found it"
        return Verdict(type=WEIGHTS_READY, status=TRUE, reason=Reason.COMPLETE, message=message)
    if mine or others:
        waits = weights.LOOKED_AT if looked_at else "the download begins when its pod does"
        return Verdict(type=WEIGHTS_READY, status=FALSE, reason=Reason.PENDING, message=waits)
    return Verdict(type=WEIGHTS_READY, status=UNKNOWN, reason=Reason.NOT_RUNNING)


def _arriving(view: View) -> Verdict:
    found = weights.arriving(view)
    told = found.told if found else None
    message = weights.message(told) if told and told.message else ""
    reason = weights.arrival_reason(told)
    return Verdict(type=WEIGHTS_READY, status=FALSE, reason=reason, message=message)


def _any_fetched(pods: Iterable[PodFacts]) -> bool:
    return any(crashes.fetched(pod) is not None for pod in pods)


def _any_fetches(pods: Iterable[PodFacts]) -> bool:
    return any(c.state == "running" for pod in pods if (c := container(pod, FETCH)))


_ABOUT_VOLUME = {
    Reason.VOLUME_CLAIM_LOST,
    Reason.VOLUME_CLAIM_MISSING,
    Reason.VOLUME_CLAIM_PENDING,
}


def _flagos(view: View) -> Verdict:
    found = stack.judge(view)
    return Verdict(
        type=FLAGOS_ACTIVE, status=found.status, reason=found.reason, message=found.message
    )


def _progressing(view: View, objection: Objection | None) -> Verdict:
    if objection is not None:
        moves = kind_of(objection.reason) is Kind.MOVING
        return _against(PROGRESSING, objection, status=TRUE if moves else FALSE)
    wanted = view.plan.replicas if isinstance(view.plan, Plan) else 0
    if len(ready(view)) >= wanted:
        return Verdict(type=PROGRESSING, status=FALSE, reason=Reason.DONE)
    if trouble := checks.trouble(view):
        return _against(PROGRESSING, trouble)
    return _against(PROGRESSING, checks.under_way(view) or checks.PENDING, status=TRUE)


def _up_to_date(view: View) -> Verdict:
    """Only what was written counts here; whether it serves already is Ready's matter."""
    for objection in (checks.invalid(view), checks.refused(view), claims.aside(view), view.behind):
        if objection:
            return _against(UP_TO_DATE, objection)
    if warning := prechecks.warning(view):
        return _against(UP_TO_DATE, warning, status=TRUE)
    return Verdict(type=UP_TO_DATE, status=TRUE, reason=Reason.CURRENT)


def _stalled(view: View, objection: Objection | None) -> tuple[Verdict, ...]:
    if objection is None or not _needs_user(view, objection):
        return ()
    return (_against(STALLED, objection, status=TRUE),)


def _needs_user(view: View, objection: Objection) -> bool:
    if objection.needs_user is not None:
        return objection.needs_user
    kind = kind_of(objection.reason)
    # A spec that was refused for a reason without an entry here does not mend itself either.
    return kind is Kind.BLOCKED or (kind is Kind.FAILED and not isinstance(view.plan, Plan))


def _against(kind: str, objection: Objection, *, status: str = FALSE) -> Verdict:
    return Verdict(type=kind, status=status, reason=objection.reason, message=objection.message)


def _since(verdict: Verdict, before: Mapping[str, Any]) -> str | None:
    return before.get("lastTransitionTime") if before.get("status") == verdict.status else None
