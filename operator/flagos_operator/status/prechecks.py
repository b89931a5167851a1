"""What is told of a model that is served all the same: as UpToDate=True, with an Event.

Doubts of image and memory are told until a pod of the newest spec serves: then they were wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flagos_operator.desired.fits import Misfit
from flagos_operator.desired.plan import Plan
from flagos_operator.status import weights
from flagos_operator.status.pods import ready
from flagos_operator.status.reasons import Reason
from flagos_operator.status.view import Objection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flagos_operator.desired.fits import Doubt
    from flagos_operator.status.view import View

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


def objection(doubt: Doubt) -> Objection:
    cure = CURES.get(doubt.reason)
    return Objection(
        reason=doubt.reason, message=f"{doubt.message}; {cure}" if cure else doubt.message
    )
