"""Which published release serves a model that was asked for by its name, and why no other.

What is taken is the best of those that fit now: in the order of the chips that the user gave, else
chips before processors, then by tier, verdict and date of publication, newest first. A choice that
was made stays until the user asks for something else: nothing moves because a node came back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flagos_operator.desired import chipnames
from flagos_operator.desired.bid import MOST_OBJECTIONS, Bid, vendor
from flagos_operator.desired.fits import Misfit
from flagos_operator.desired.modelnames import close, listed, matching
from flagos_operator.desired.refusal import Refusal, refused
from flagos_operator.desired.wish import (
    Answer,
    Candidate,
    Chosen,
    Market,
    Previous,
    Rejected,
    Selection,
    Why,
    Wish,
    rejected,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from flagos_operator.api.chip import Chip
    from flagos_operator.api.outcome import Invalid
    from flagos_operator.catalog.chips import Chips

TIERS = ("V4", "V3", "V2", "V1")
VERDICTS = ("Passed",)
FAILED = "Failed"
# What nodes that come or devices that become free can change; all else waits for somebody.
OF_THE_CLUSTER: frozenset[str] = frozenset(
    {
        Why.ABSENT,
        Why.UNSCHEDULABLE,
        Why.NOT_ENOUGH_FREE,
        Misfit.DRIVER_TOO_OLD,
        Misfit.NODE_TOO_SMALL,
        Misfit.INSUFFICIENT_DEVICE_MEMORY,
    }
)
AGAIN = "It is looked at again when the cluster changes; spec.release names one to wait for"
NEVER = "Nothing that comes to the cluster changes that"


def kept(wish: Wish, *, previous: Previous | None) -> bool:
    return previous is not None and bool(previous.release) and previous.wish == wish.words


def possible(wish: Wish, known: Iterable[Candidate]) -> list[Candidate]:
    """What is published of this model for one of the wished chips."""
    return [each for each in published(wish, known) if not wish.chips or each.chip in wish.chips]


def published(wish: Wish, known: Iterable[Candidate]) -> list[Candidate]:
    all_of_them = tuple(known)
    named = matching(wish.name, (each.model for each in all_of_them))
    return [each for each in all_of_them if each.model in named]


def hopeless(wish: Wish, known: Iterable[Candidate], *, chips: Collection[str]) -> Invalid | None:
    """What no look at the cluster could change.

    A chip that nobody knows is in nobody's way while another one of the list can serve.
    """
    all_of_them = tuple(known)
    rows = published(wish, all_of_them)
    if not rows:
        return unknown(wish, all_of_them)
    if possible(wish, rows):
        return None
    if (place := first_unknown(wish, chips)) is not None:
        return chipnames.unknown(wish.chips[place], field=wish.chip_field(place), known=chips)
    return elsewhere(wish, rows)


def first_unknown(wish: Wish, chips: Collection[str]) -> int | None:
    return next((place for place, each in enumerate(wish.chips) if each not in chips), None)


def choose(wish: Wish, *, market: Market) -> Selection:
    """Of a wish that has no choice yet."""
    if fault := hopeless(wish, market.candidates, chips=market.chips):
        return Selection(wish=wish.words, fault=fault)
    asked = possible(wish, market.candidates)
    if market.stock.unknown and not wish.chips and len({each.chip for each in asked}) > 1:
        return Selection(wish=wish.words, fault=unguided(wish, asked, market))
    ranked = sorted(
        (wished(each, wish) for each in asked), key=lambda each: rank(each, wish, market.chips)
    )
    answers = [(each, judged(each, wish, market)) for each in ranked]
    chosen = next((answer for _, answer in answers if isinstance(answer, Chosen)), None)
    others = tuple(rejections(answers, chosen))
    return Selection(
        wish=wish.words,
        chosen=chosen,
        rejected=others,
        unchecked=market.stock.unknown or market.stock.uncounted,
        fault=None if chosen else nothing_fits(wish, others, market),
    )


def wished(each: Candidate, wish: Wish) -> Candidate:
    """With what the model says itself, as resolution.py would lay it over the row."""
    return replace(
        each,
        image=wish.image or each.image,
        made_for=wish.made_for or (None if wish.image else each.made_for),
        flags=(*each.flags, *wish.flags),
        weights=None if wish.own_weights else each.weights,
    )


def rejections(
    answers: Iterable[tuple[Candidate, Answer]], chosen: Chosen | None
) -> Iterator[Rejected]:
    for each, answer in answers:
        if isinstance(answer, Rejected):
            yield answer
        elif chosen and answer is not chosen:
            message = f"{answer.message}; {chosen.release} comes first"
            yield rejected(each, Why.OUTRANKED, message)


def rank(each: Candidate, wish: Wish, chips: Chips) -> tuple[Any, ...]:
    """The user's order, then the catalogue's. A chip comes before a processor."""
    wished = wish.chips.index(each.chip) if each.chip in wish.chips else 0
    return (
        wished,
        each.chip in chips and devices_of(each, chips[each.chip]) == 0,
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


def devices_of(each: Candidate, chip: Chip) -> int:
    if each.devices is not None:
        return each.devices
    return 1 if chip.resource_name else 0


def by_itself(each: Candidate) -> tuple[Why, str] | None:
    """What speaks against a row wherever it runs."""
    if each.verdict == FAILED:
        return Why.VERDICT_FAILED, "its publishers' own test failed; only spec.release takes it"
    if each.nodes > 1:
        return Why.MULTI_NODE, f"needs {each.nodes} nodes"
    if not each.image:
        return Why.IMAGE_REQUIRED, "published without an image: set spec.image to the one to run"
    return None


def judged(each: Candidate, wish: Wish, market: Market) -> Answer:
    chip = market.chips.get(each.chip)
    if chip is None:
        known = ", ".join(sorted(market.chips))
        return rejected(each, Why.UNKNOWN_CHIP, f"no chip is called {each.chip}; known: {known}")
    if found := by_itself(each):
        return rejected(each, *found)
    devices = devices_of(each, chip) if wish.devices is None else wish.devices
    resource = wish.resource or chip.resource_name or ""
    if wish.resource and vendor(wish.resource) != vendor(chip.resource_name or ""):
        message = f"spec.deviceResourceName {wish.resource} is not of this chip"
        return rejected(each, Why.OTHER_RESOURCE, message)
    bid = Bid(each=each, chip=chip, wish=wish, resource=resource, devices=devices)
    return bid.unseen() if market.stock.unknown else bid.answer(market)


def unknown(wish: Wish, known: Iterable[Candidate]) -> Invalid:
    models = [each.model for each in known]
    offered = close(wish.name, models)
    meant = f"did you mean {' or '.join(offered)}?" if offered else listed(models)
    message = f"spec.model.name: no release serves a model called {wish.name}; {meant}"
    return refused(Refusal.UNKNOWN_MODEL, message)


def elsewhere(wish: Wish, rows: Iterable[Candidate]) -> Invalid:
    chips = ", ".join(sorted({each.chip for each in rows}))
    message = (
        f"{wish.chips_field}: {wish.name} is published for {chips}, "
        f"not for {' or '.join(wish.chips)}"
    )
    return refused(Refusal.NO_RELEASE_FITS, message, needs_user=True)


def unguided(wish: Wish, rows: Iterable[Candidate], market: Market) -> Invalid:
    """Any order of ours would be a guess, and a pod that waits for ever."""
    chips = ", ".join(sorted({each.chip for each in rows}))
    message = (
        f"spec.model.chips: {wish.name} is published for {chips}, and which of them is here is "
        f"not known: {market.stock.unknown}; name the chips, the most wanted first"
    )
    return refused(Refusal.INVENTORY_UNKNOWN, message)


def awaited(others: Iterable[Rejected]) -> tuple[str, ...]:
    """The chips that nodes or free devices could still bring."""
    return tuple(dict.fromkeys(each.chip for each in others if each.reason in OF_THE_CLUSTER))


def nothing_fits(wish: Wish, others: tuple[Rejected, ...], market: Market) -> Invalid:
    """The first ones are the best: their words are what the user can do most about."""
    told = "; ".join(f"{each.release}: {each.message}" for each in others[:MOST_OBJECTIONS])
    more = len(others) - MOST_OBJECTIONS
    rest = f"; and {more} more in status.selection" if more > 0 else ""
    place = first_unknown(wish, market.chips)
    stray = (
        f"; {wish.chip_field(place)}: {wish.chips[place]} is not known"
        if place is not None
        else ""
    )
    waits = bool(awaited(others))
    then = AGAIN if waits else NEVER
    message = f"no release of {wish.name} fits now: {told}{rest}{stray}. {then}"
    return refused(Refusal.NO_RELEASE_FITS, message, needs_user=not waits)
