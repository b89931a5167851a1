"""What a pod without a node waits for, by name: the scheduler says neither which nor of what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flagos_operator.desired import names
from flagos_operator.desired.plan import Plan
from flagos_operator.status.pods import alive, condition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flagos_operator.status.view import View


HAS_PLUGIN = "is the vendor's device plugin installed? (flagos-operator chips)"


def for_devices(view: View) -> str:
    """Empty unless devices are what is missing.

    The scheduler has the same words for devices that are all in use and for a resource that no
    node offers, so both are said where the nodes are not known.
    """
    plan = view.plan
    if not isinstance(plan, Plan) or not plan.resource_name or not plan.devices:
        return ""
    if is_absent(view):
        return _no_node(plan)
    told = (condition(pod, "PodScheduled") for pod in alive(view) if not pod.node)
    missing = f"Insufficient {plan.resource_name}"
    if not any(each and missing in each.message for each in told):
        return ""
    free = f"no usable node has {plan.devices} {plan.resource_name} free"
    offered = view.fleet.most or _was_said(f"{free}: ", view)
    return free if offered else f"{free}, or none offers it"


def is_absent(view: View) -> bool:
    plan = view.plan
    if not isinstance(plan, Plan) or not plan.resource_name or not plan.devices:
        return False
    return view.fleet.absent or _was_said(f"{_no_node(plan)}: ", view)


def _was_said(words: str, view: View) -> bool:
    """What an operator that has just come finds said of nodes holds until they are listed."""
    told = {each.get("type"): each for each in view.model.status.get("conditions") or ()}
    return view.fleet.unread and str(told.get("Ready", {}).get("message", "")).startswith(words)


def nowhere(plan: Plan) -> str:
    return f"{_no_node(plan)}: {HAS_PLUGIN}"


def _no_node(plan: Plan) -> str:
    return f"no node has {plan.resource_name}"


def for_a_place(view: View) -> str:
    """Of a pod that nothing stands against yet; a volume is mostly made within seconds."""
    made = any(each.phase == "Pending" for each in view.children)
    return "waiting for a node and a new volume" if made else "waiting for a node"


def for_labels(view: View) -> str:
    """Those that the chip asks for and the model does not."""
    if not isinstance(view.plan, Plan):
        return ""
    return ", ".join(f"{name}={value}" for name, value in view.plan.chip_labels.items())


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
