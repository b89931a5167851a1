"""What is told of a model that is served all the same: as UpToDate=True, with an Event.

Doubts of image and memory are told until a pod of the newest spec serves: then they were wrong.
Where such a model waits or fails, a doubt may be why, so that it is told beside that, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flagos_operator.desired.fits import Misfit
from flagos_operator.desired.plan import Plan
from flagos_operator.status import weights
from flagos_operator.status.pods import ready
from flagos_operator.status.reasons import Kind, Reason, kind_of
from flagos_operator.status.view import Objection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flagos_operator.desired.fits import Doubt
    from flagos_operator.status.view import View

TROUBLES = {Kind.WAITING, Kind.FAILED, Kind.BLOCKED}
CURES = {
    Misfit.IMAGE_FOR_ANOTHER_CHIP: (
        "use an image for this chip, or say in spec.versions.chip which one it is for"
    ),
}


def warning(view: View) -> Objection | None:
    doubt = None if ready(view) else next(_doubts(view), None)
    return doubt or view.warning


def _doubts(view: View) -> Iterator[Objection]:
    if not isinstance(view.plan, Plan):
        return
    yield from map(objection, view.plan.doubts)
    total = weights.weights(view).get("totalBytes") if view.plan.room else None
    if found := weights.beyond(total, view):
        yield Objection(reason=Reason.INSUFFICIENT_DEVICE_MEMORY, message=found)


def hint(trouble: Objection, view: View) -> str:
    """The doubt that may be behind it; a clause, as it may have nothing to do with it."""
    if not isinstance(view.plan, Plan) or kind_of(trouble.reason) not in TROUBLES or ready(view):
        return ""
    return next((doubt.brief for doubt in view.plan.doubts), "")


def objection(doubt: Doubt) -> Objection:
    cure = CURES.get(doubt.reason)
    return Objection(
        reason=doubt.reason, message=f"{doubt.message}; {cure}" if cure else doubt.message
    )
