"""All nodes with one resource, and what they say of a model that names its chip itself.

They are taken together, whatever labels, taints or state keep a pod away from some: nodes come
back, and what is told of all of them is never wrong. One that says nothing could be any.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flagos_operator.catalog.versions import numbers
from flagos_operator.desired import fits
from flagos_operator.desired.room import LABELS, MIB, Room
from flagos_operator.desired.stock import Hardware, hardware

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flagos_operator.desired.fits import Doubt
    from flagos_operator.desired.plan import Plan
    from flagos_operator.desired.stock import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """`most` is what the largest node offers. Without any, nothing is known."""

    most: int = 0
    sorts: frozenset[Hardware] = frozenset()
    unread: bool = False  # the nodes are about to be listed
    absent: bool = False  # they were listed, and none has any

    @property
    def memory(self) -> int:
        """Of the largest device, in bytes; 0 where that of any is unknown."""
        known = [sort.memory_mib for sort in self.sorts]
        return max(known) * MIB if known and all(known) else 0


UNREAD = Fleet(unread=True)
UNKNOWN = Fleet()
ABSENT = Fleet(absent=True)


def fleets(nodes: Sequence[Node]) -> dict[str, Fleet]:
    """By resource. Thousands of nodes are of a few sorts, by labels that they have in common."""
    most: defaultdict[str, int] = defaultdict(int)
    sorts: defaultdict[str, dict[int, Hardware]] = defaultdict(dict)
    for node in nodes:
        for resource, total in node.devices.items():
            most[resource] = max(most[resource], total)
            if total and id(node.labels) not in sorts[resource]:
                sorts[resource][id(node.labels)] = hardware(node.labels, resource=resource)
    return {
        name: Fleet(most=largest, sorts=frozenset(sorts[name].values()))
        for name, largest in most.items()
        if largest
    }


def known(found: Mapping[str, Fleet] | None, resource: str) -> Fleet:
    """None: nobody may list the nodes."""
    return UNKNOWN if found is None else found.get(resource, ABSENT)


def room(plan: Plan, fleet: Fleet) -> Room | None:
    """By nodes' labels, which know better than the chip's profile."""
    if not fleet.memory or not plan.boards or not plan.devices:
        return plan.room
    return Room(
        resources=plan.devices, per_resource=plan.boards, each=fleet.memory, told_by=LABELS
    )


def doubts(plan: Plan, fleet: Fleet = UNKNOWN) -> Iterator[Doubt]:
    """The worst first: what has no node never runs."""
    found = (
        too_small(plan, fleet),
        *plan.doubts,
        too_old(plan, fleet),
        fits.weights(plan.published, room(plan, fleet), told=fits.PUBLISHED),
    )
    yield from (each for each in found if each)


def too_small(plan: Plan, fleet: Fleet) -> Doubt | None:
    resource = plan.resource_name or ""
    return fits.node(plan.devices, resource=resource, per_node=(fleet.most,))


def too_old(plan: Plan, fleet: Fleet) -> Doubt | None:
    """Only if each of them is; the newest one speaks."""
    drivers = sorted({sort.driver for sort in fleet.sorts}, key=lambda each: numbers(each) or ())
    told = [fits.driver(plan.image, chip=plan.chip, found=each or None) for each in drivers]
    return told[-1] if told and all(told) else None
