"""Which published release serves a model that was asked for by its name, and why no other.

What is taken is the best of those that fit now: in the order of the chips that the user gave, else
chips before processors, then by tier, verdict and date of publication, newest first. A choice that
was made stays until the user asks for something else: nothing moves because a node came back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flagos_operator.api.outcome import Invalid
from flagos_operator.desired.admission import Door
from flagos_operator.desired.modelnames import close, matching
from flagos_operator.desired.stock import Hardware, Place, Stock, Taken, hardware

if TYPE_CHECKING:
    from flagos_operator.api.chip import Chip
    from flagos_operator.catalog.chips import Chips

ABSENT = "Absent"
UNKNOWN_CHIP = "UnknownChip"
OTHER_RESOURCE = "OtherResource"
UNSCHEDULABLE = "Unschedulable"
NOT_ENOUGH_FREE = "NotEnoughFree"
VERDICT_FAILED = "VerdictFailed"
MULTI_NODE = "MultiNodeUnsupported"
OUTRANKED = "Outranked"

UNKNOWN_MODEL = "UnknownModel"
NO_RELEASE_FITS = "NoReleaseFits"

TIERS = ("V4", "V3", "V2", "V1")
VERDICTS = ("Aligned", "Passed", "Ok")
FAILED = "failed"
MOST_OBJECTIONS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a model's spec says about the choice."""

    name: str
    chips: tuple[str, ...] = ()  # the most wanted first; empty: any
    devices: int | None = None
    resource: str | None = None
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    affinity: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """What a choice is bound to: an edit of anything else leaves it as it is."""
        return f"{self.name} on {', '.join(self.chips) or 'any chip'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A release, as far as it matters here."""

    release: str
    model: str
    chip: str
    devices: int = 1
    nodes: int = 1
    tier: str = ""
    verdict: str = ""
    published: str = ""  # a date, as ISO 8601 writes it


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    release: str
    chip: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """`node` has the devices now; which one the pod comes to is the scheduler's to say."""

    release: str
    chip: str
    message: str
    resource: str = ""
    devices: int = 0
    node: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """`unchecked` says why nothing, or not all, was compared with what the cluster has."""

    wish: str
    chosen: Chosen | None = None
    rejected: tuple[Rejected, ...] = ()
    unchecked: str = ""
    fault: Invalid | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """A choice as it was kept."""

    wish: str
    release: str
    chip: str


# What speaks against a release on such chips: (reason, message). One that knows nothing objects
# to nothing.
Check = Callable[[str, Hardware], tuple[str, str] | None]


def passes(_: str, __: Hardware) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What can be chosen from. `own` are devices that the model's own pods hold already."""

    candidates: tuple[Candidate, ...]
    chips: Chips
    stock: Stock
    own: Taken = field(default_factory=dict)
    check: Check = passes


def kept(wish: Wish, *, previous: Previous | None) -> bool:
    return previous is not None and bool(previous.release) and previous.wish == wish.words


def choose(wish: Wish, *, market: Market) -> Selection:
    """Of a wish that has no choice yet."""
    named = matching(wish.name, (each.model for each in market.candidates))
    if not named:
        return Selection(wish=wish.words, fault=unknown(wish, market))
    published = [each for each in market.candidates if each.model in named]
    asked = [each for each in published if not wish.chips or each.chip in wish.chips]
    if not asked:
        return Selection(wish=wish.words, fault=elsewhere(wish, published))
    ranked = sorted(asked, key=lambda each: rank(each, wish))
    answers = [(each, judged(each, wish, market)) for each in ranked]
    chosen = next((answer for _, answer in answers if isinstance(answer, Chosen)), None)
    rejected = tuple(rejections(answers, chosen))
    return Selection(
        wish=wish.words,
        chosen=chosen,
        rejected=rejected,
        unchecked=market.stock.unknown or market.stock.uncounted,
        fault=None if chosen else nothing_fits(wish, rejected),
    )


Answer = Chosen | Rejected


def rejections(
    answers: Iterable[tuple[Candidate, Answer]], chosen: Chosen | None
) -> Iterator[Rejected]:
    for each, answer in answers:
        if isinstance(answer, Rejected):
            yield answer
        elif chosen and answer is not chosen:
            message = f"{answer.message}; {chosen.release} comes first"
            yield _rejected(each, OUTRANKED, message)


def rank(each: Candidate, wish: Wish) -> tuple[Any, ...]:
    """The user's order, then the catalogue's. A chip comes before a processor."""
    wished = wish.chips.index(each.chip) if each.chip in wish.chips else 0
    return (
        wished,
        each.devices == 0,
        _place(each.tier, TIERS),
        _place(each.verdict, VERDICTS),
        _latest_first(each.published),
        each.release,
    )


def _place(word: str, order: tuple[str, ...]) -> int:
    """Unknown words come last."""
    lower = [each.casefold() for each in order]
    return lower.index(word.casefold()) if word.casefold() in lower else len(order)


def _latest_first(date: str) -> tuple[int, ...]:
    return tuple(-ord(letter) for letter in date) or (1,)


def judged(each: Candidate, wish: Wish, market: Market) -> Answer:
    chip = market.chips.get(each.chip)
    if chip is None:
        known = ", ".join(sorted(market.chips))
        return _rejected(each, UNKNOWN_CHIP, f"no chip is called {each.chip}; known: {known}")
    if each.verdict.casefold().startswith(FAILED):
        return _rejected(
            each, VERDICT_FAILED, f"its publisher says {each.verdict}; spec.release can name it"
        )
    if each.nodes > 1:
        return _rejected(each, MULTI_NODE, f"needs {each.nodes} nodes")
    devices = each.devices if wish.devices is None else wish.devices
    resource = wish.resource or chip.resource_name or ""
    if wish.resource and vendor(wish.resource) != vendor(chip.resource_name or ""):
        message = f"spec.deviceResourceName {wish.resource} is not of this chip"
        return _rejected(each, OTHER_RESOURCE, message)
    if market.stock.unknown:
        return _trusted(each, market, resource=resource, devices=devices)
    asked = Asked(each=each, chip=chip, wish=wish, resource=resource, devices=devices)
    return asked.answer(market)


def _trusted(each: Candidate, market: Market, *, resource: str, devices: int) -> Answer:
    """What no label tells of may still speak against it."""
    if found := market.check(each.release, Hardware()):
        return _rejected(each, *found)
    return Chosen(
        release=each.release,
        chip=each.chip,
        message="taken without a look at the nodes",
        resource=resource,
        devices=devices,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
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
            return self.rejected(UNSCHEDULABLE, self.closed(places, objections))
        fitting, found = self.checked(open_to, market)
        if not fitting and found:
            return self.rejected(*found)
        return self.best(fitting, market)

    def rejected(self, reason: str, message: str) -> Rejected:
        return _rejected(self.each, reason, message)

    def places(self, market: Market) -> tuple[Place, ...] | Rejected:
        """Where the chip is; every node, where none is asked for or nobody counts them."""
        stock = market.stock
        if self.devices and self.resource:
            here = stock.of(self.resource)
            return here or self.rejected(ABSENT, self.absent(stock))
        if self.devices and not self.is_pointed_out:
            message = (
                f"no device plugin tells where {self.each.chip} chips are: "
                f"name it in spec.model.chips to take it"
            )
            return self.rejected(ABSENT, message)
        return tuple(Place(node, self.devices) for node in stock.nodes)

    @property
    def is_pointed_out(self) -> bool:
        labels = {*self.chip.node_selector, *self.wish.node_selector}
        common = {"kubernetes.io/arch", "kubernetes.io/os"}
        return self.each.chip in self.wish.chips or bool(labels - common)

    def absent(self, stock: Stock) -> str:
        maker = vendor(self.resource)
        others = sorted(name for name in stock.places if vendor(name) == maker)
        also = f", but there is {', '.join(others)}: see spec.deviceResourceName" if others else ""
        return f"no node has {self.resource}{also}"

    def admitted(self, places: tuple[Place, ...]) -> tuple[list[Place], Counter[str]]:
        door = Door(
            selector={**self.chip.node_selector, **self.wish.node_selector},
            tolerations=(*self.chip.tolerations, *self.wish.tolerations),
            affinity=self.wish.affinity,
        )
        open_to, objections = [], Counter[str]()
        for place in places:
            if said := door.objection(place.node):
                objections[said] += 1
            else:
                open_to.append(place)
        return open_to, objections

    def closed(self, places: tuple[Place, ...], objections: Counter[str]) -> str:
        told = objections.most_common(MOST_OBJECTIONS)
        words = ", ".join(f"{number} {said}" for said, number in told)
        what = f" with {self.resource}" if self.resource and self.devices else ""
        return f"no node{what} takes the pod: {words or 'there is none'}"

    def checked(
        self, places: list[Place], market: Market
    ) -> tuple[list[Place], tuple[str, str] | None]:
        """Once for each sort of chip; what fits on some nodes is not refused for the others."""
        told: dict[int, tuple[str, str] | None] = {}
        for place in places:
            sort = id(place.node.labels)
            if sort not in told:
                seen = hardware(place.node.labels, resource=self.resource)
                told[sort] = market.check(self.each.release, seen)
        fitting = [place for place in places if not told[id(place.node.labels)]]
        return fitting, next((found for found in told.values() if found), None)

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
            message = f"asks for {self.devices} {self.resource}; {place.node.name} has {here} {word}"
            return self.chosen(place, message)
        largest = max(each.total for each in places)
        if largest < self.devices:
            message = f"asks for {self.devices} {self.resource}, but no node has more than {largest}"
        else:
            message = (
                f"asks for {self.devices} {self.resource}, but of {_nodes(len(places))} the best, "
                f"{place.node.name}, has {here} {word}"
            )
        return self.rejected(NOT_ENOUGH_FREE, message)

    def chosen(self, place: Place, message: str) -> Chosen:
        return Chosen(
            release=self.each.release,
            chip=self.each.chip,
            message=message,
            resource=self.resource,
            devices=self.devices,
            node=place.node.name,
        )


def _rejected(each: Candidate, reason: str, message: str) -> Rejected:
    return Rejected(release=each.release, chip=each.chip, reason=reason, message=message)


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"


def vendor(resource: str) -> str:
    """`iluvatar` of iluvatar.com/gpu and of the older iluvatar.ai/gpu."""
    parts = resource.partition("/")[0].split(".")
    return parts[-2] if len(parts) > 1 else parts[0]


def unknown(wish: Wish, market: Market) -> Invalid:
    names = [each.model for each in market.candidates]
    offered = close(wish.name, names)
    meant = f"did you mean {' or '.join(offered)}?" if offered else "see kubectl get flagosreleases"
    message = f"spec.model.name: no release serves a model called {wish.name}; {meant}"
    return Invalid(reason=UNKNOWN_MODEL, message=message)


def elsewhere(wish: Wish, published: Iterable[Candidate]) -> Invalid:
    chips = ", ".join(sorted({each.chip for each in published}))
    message = (
        f"spec.model.chips: {wish.name} is published for {chips}, "
        f"not for {' or '.join(wish.chips)}"
    )
    return Invalid(reason=NO_RELEASE_FITS, message=message)


def nothing_fits(wish: Wish, rejected: tuple[Rejected, ...]) -> Invalid:
    """The first ones are the best: their words are what the user can do most about."""
    told = "; ".join(f"{each.release}: {each.message}" for each in rejected[:MOST_OBJECTIONS])
    more = len(rejected) - MOST_OBJECTIONS
    rest = f"; and {more} more in status.selection" if more > 0 else ""
    message = (
        f"no release of {wish.name} fits now: {told}{rest}. It is looked at again when the "
        "cluster changes; spec.release names one to wait for"
    )
    return Invalid(reason=NO_RELEASE_FITS, message=message)
