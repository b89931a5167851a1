"""What is told of a model that is served all the same: as UpToDate=True, with an Event.

Doubts are told until a pod of the newest spec serves: then they were wrong. Those of nodes go when
a node comes. Where such a model waits or fails, a doubt may be why, so it is told beside that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flagos_operator.desired import fleet
from flagos_operator.desired.fits import Misfit
from flagos_operator.desired.plan import Plan
from flagos_operator.status import capacity, weights
from flagos_operator.status.pods import ready
from flagos_operator.status.reasons import Kind, Reason, kind_of
from flagos_operator.status.view import Objection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flagos_operator.desired.fits import Doubt
    from flagos_operator.status.view import View

TROUBLES = {Kind.WAITING, Kind.FAILED, Kind.BLOCKED}
OF_NODES = frozenset(
    {Reason.NODE_TOO_SMALL, Reason.DRIVER_TOO_OLD, Reason.INSUFFICIENT_DEVICE_MEMORY}
)
CURES = {
    Misfit.IMAGE_FOR_ANOTHER_CHIP: (
        "use an image for this chip, or say in spec.versions.chip which one it is for"
    ),
    Misfit.WITHOUT_DEVICES: "remove spec.devices to have the chip's default, or say how many",
}


def warning(view: View) -> Objection | None:
    doubt = None if ready(view) else next(_doubts(view), None)
    return doubt or view.warning


def _doubts(view: View) -> Iterator[Objection]:
    if not isinstance(view.plan, Plan):
        return
    if kept := _kept(view):
        yield kept
    yield from map(objection, fleet.doubts(view.plan, view.fleet))
    if found := _beyond_devices(view):
        yield Objection(reason=Reason.INSUFFICIENT_DEVICE_MEMORY, message=found)


def _beyond_devices(view: View) -> str:
    """By what is in the files, or by their size as long as nothing more is known."""
    if known := capacity.held(weights.report(view)):
        return capacity.beyond(known, view)
    return weights.beyond(weights.weights(view).get("totalBytes"), view)


def hint(trouble: Objection, view: View) -> str:
    """The doubt that may be behind it; a clause, as it may have nothing to do with it."""
    if not isinstance(view.plan, Plan) or kind_of(trouble.reason) not in TROUBLES or ready(view):
        return ""
    found = (doubt.brief for doubt in fleet.doubts(view.plan, view.fleet))
    return next(filter(None, found), "")


def _kept(view: View) -> Objection | None:
    """What an operator that has just come finds said of nodes: it holds until they are listed."""
    if not view.fleet.unread:
        return None
    status = view.model.status
    told = {each.get("type"): each for each in status.get("conditions") or ()}.get("UpToDate", {})
    same = told.get("observedGeneration") == view.model.generation
    if not same or told.get("reason") not in OF_NODES:
        return None
    return Objection(reason=told["reason"], message=told.get("message", ""))


def looks(view: View) -> str:
    """The resource whose nodes are of interest: of a model without a choice, until it serves."""
    plan = view.plan
    if not isinstance(plan, Plan) or view.selection or len(ready(view)) >= plan.replicas:
        return ""
    return plan.resource_name or ""


def too_small(view: View) -> str:
    """How large the largest node is, if it is not enough for a pod."""
    worst = next(_doubts(view), None)
    return worst.message if worst and worst.reason == Reason.NODE_TOO_SMALL else ""


def objection(doubt: Doubt) -> Objection:
    cure = CURES.get(doubt.reason)
    return Objection(
        reason=doubt.reason, message=f"{doubt.message}; {cure}" if cure else doubt.message
    )
