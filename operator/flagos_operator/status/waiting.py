"""What a pod without a node waits for, by name: the scheduler says neither which nor of what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flagos_operator.desired import names
from flagos_operator.desired.plan import Plan
from flagos_operator.status.pods import alive, condition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flagos_operator.status.view import View


def for_devices(view: View) -> str:
    """Empty unless devices are what is missing.

    The scheduler has the same words for devices that are all in use and for a resource that no
    node offers, so both are said.
    """
    plan = view.plan
    if not isinstance(plan, Plan) or not plan.resource_name or not plan.devices:
        return ""
    told = (condition(pod, "PodScheduled") for pod in alive(view) if not pod.node)
    missing = f"Insufficient {plan.resource_name}"
    if not any(each and missing in each.message for each in told):
        return ""
    return f"no usable node has {plan.devices} {plan.resource_name} free, or none offers it"


def for_volumes(view: View) -> str:
    """The claims that may be meant, with the class of the one that is made for the model."""
    return ", ".join(_claims(view))


def _claims(view: View) -> Iterator[str]:
    plan = view.plan
    if not isinstance(plan, Plan):
        return
    bound = {each.name for each in view.children if each.phase == "Bound"}
    made = names.claim(plan.meta.name) if plan.claim else ""
    for volume in (plan.pod.weights, *plan.pod.volumes):
        name = (volume.get("persistentVolumeClaim") or {}).get("claimName", "")
        if name and name not in bound:
            yield f"claim {name} of {_class(plan)}" if name == made else f"claim {name}"


def _class(plan: Plan) -> str:
    found = plan.claim.storage_class if plan.claim else None
    if found is None:
        return "the default storage class"
    return f"storage class {found}" if found else "no storage class"
