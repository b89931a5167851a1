"""One release against the nodes: which have its chip, take its pod and have enough free."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flagos_operator.desired import fits
from flagos_operator.desired.admission import Door
from flagos_operator.desired.room import MIB, Room, eased, room_of
from flagos_operator.desired.stock import Hardware, Place, Stock, hardware
from flagos_operator.desired.wish import (
    Answer,
    Candidate,
    Chosen,
    Market,
    Rejected,
    Why,
    Wish,
    rejected,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flagos_operator.api.chip import Chip
    from flagos_operator.desired.fits import Doubt

MOST_OBJECTIONS = 3
COMMON = frozenset({"kubernetes.io/arch", "kubernetes.io/os"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bid:
    """One candidate against the nodes."""

    each: Candidate
    chip: Chip
    wish: Wish
    resource: str
    devices: int

    def answer(self, market: Market) -> Answer:
        places = self.places(market)
        if isinstance(places, Rejected):
            return places
        open_to, objections = self.admitted(places)
        if not open_to:
            return rejected(self.each, Why.UNSCHEDULABLE, self.closed(objections))
        fitting, found = self.checked(open_to)
        if not fitting and found:
            return rejected(self.each, found.reason, found.message)
        answer = self.best(fitting, market)
        if found and isinstance(answer, Rejected):
            return replace(answer, message=f"{answer.message}; on other nodes {found.message}")
        return answer

    def unseen(self) -> Answer:
        """What no label tells of may still speak against it."""
        if found := self.misfit(Hardware()):
            return rejected(self.each, found.reason, found.message)
        return Chosen(
            release=self.each.release,
            chip=self.each.chip,
            message="taken without a look at the nodes",
            resource=self.resource,
            devices=self.devices,
        )

    def places(self, market: Market) -> tuple[Place, ...] | Rejected:
        """Where the chip is; every node, where none is asked for or nobody counts them."""
        stock = market.stock
        if self.devices and self.resource:
            here = stock.of(self.resource)
            return here or rejected(self.each, Why.ABSENT, self.absent(stock))
        if self.devices and not self.is_pointed_out:
            message = (
                f"no device plugin tells where {self.each.chip} chips are: "
                "name it in spec.model.chips to take it"
            )
            return rejected(self.each, Why.ABSENT, message)
        return tuple(Place(node, self.devices) for node in stock.nodes)

    @property
    def selector(self) -> Mapping[str, str]:
        return {
            **self.chip.node_selector,
            **self.each.node_selector,
            **self.wish.node_selector,
        }

    @property
    def is_pointed_out(self) -> bool:
        return self.each.chip in self.wish.chips or bool(set(self.selector) - COMMON)

    def absent(self, stock: Stock) -> str:
        maker = vendor(self.resource)
        others = sorted(name for name in stock.places if vendor(name) == maker)
        also = f", but there is {', '.join(others)}: see spec.deviceResourceName" if others else ""
        return f"no node has {self.resource}{also}"

    def admitted(self, places: tuple[Place, ...]) -> tuple[list[Place], Counter[str]]:
        door = Door(
            selector=self.selector,
            tolerations=(
                *self.chip.tolerations,
                *self.each.tolerations,
                *self.wish.tolerations,
            ),
            affinity=self.wish.affinity,
        )
        open_to, objections = [], Counter[str]()
        for place in places:
            if said := door.objection(place.node):
                objections[said] += 1
            else:
                open_to.append(place)
        return open_to, objections

    def closed(self, objections: Counter[str]) -> str:
        told = objections.most_common(MOST_OBJECTIONS)
        words = ", ".join(f"{number} {said}" for said, number in told)
        what = f" with {self.resource}" if self.resource and self.devices else ""
        return f"no node{what} takes the pod: {words or 'there is none'}"

    def checked(self, places: list[Place]) -> tuple[list[Place], Doubt | None]:
        """What fits on some nodes is not refused for the others."""
        sorts = self.sorts(places)
        told = {sort: self.misfit(sort) for sort in dict.fromkeys(sorts)}
        fitting = [place for place, sort in zip(places, sorts, strict=True) if not told[sort]]
        return fitting, next((found for found in told.values() if found), None)

    def sorts(self, places: list[Place]) -> list[Hardware]:
        """By their labels, which thousands of nodes have in common."""
        known = {id(each.node.labels): each.node.labels for each in places}
        seen = {at: hardware(labels, resource=self.resource) for at, labels in known.items()}
        return [seen[id(each.node.labels)] for each in places]

    def misfit(self, sort: Hardware) -> Doubt | None:
        """What surely speaks against such chips; a mere doubt never does."""
        each = self.each
        doubts = (
            fits.image(each.image, chip=each.chip, said=each.made_for),
            fits.driver(each.image, chip=each.chip, found=sort.driver or None),
            fits.weights(each.weights, self.room(sort), told=fits.PUBLISHED),
        )
        return next((doubt for doubt in doubts if doubt and doubt.sure), None)

    def room(self, sort: Hardware) -> Room | None:
        """Of a resource that is not the chip's own nobody knows how much of a device it is."""
        if self.resource != self.chip.resource_name or eased((*self.chip.args, *self.each.flags)):
            return None
        return room_of(self.chip, devices=self.devices, seen=sort.memory_mib * MIB)

    def best(self, places: list[Place], market: Market) -> Answer:
        """The node with the most free. Full nodes are counted with what the own pods hold."""
        if not self.devices or not self.resource:
            place = places[0]
            return self.chosen(place, f"{_nodes(len(places))} can take it")
        if market.stock.uncounted:
            place = max(places, key=lambda each: each.total)
            return self.within(place, place.total, "in all", places)
        own = market.own
        free = [own.get((p.node.name, self.resource), 0) + p.free for p in places]
        most = max(range(len(places)), key=lambda at: free[at])
        return self.within(places[most], free[most], "free", places)

    def within(self, place: Place, count: int, word: str, places: list[Place]) -> Answer:
        here = f"{count} of {place.total}" if word == "free" else str(count)
        if count >= self.devices:
            message = (
                f"asks for {self.devices} {self.resource}; {place.node.name} has {here} {word}"
            )
            return self.chosen(place, message)
        totals = (each.total for each in places)
        if small := fits.node(self.devices, resource=self.resource, per_node=totals):
            return rejected(self.each, small.reason, small.message)
        message = (
            f"asks for {self.devices} {self.resource}, but of {_nodes(len(places))} the best, "
            f"{place.node.name}, has {here} {word}"
        )
        return rejected(self.each, Why.NOT_ENOUGH_FREE, message)

    def chosen(self, place: Place, message: str) -> Chosen:
        return Chosen(
            release=self.each.release,
            chip=self.each.chip,
            message=message,
            resource=self.resource,
            devices=self.devices,
            node=place.node.name,
        )


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"


def vendor(resource: str) -> str:
    """`iluvatar` of iluvatar.com/gpu and of the older iluvatar.ai/gpu."""
    parts = resource.partition("/")[0].split(".")
    return parts[-2] if len(parts) > 1 else parts[0]
