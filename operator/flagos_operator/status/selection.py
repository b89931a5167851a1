"""What is told of the choice among releases: the one that was taken, and why not the others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flagos_operator.status.text import bounded, stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flagos_operator.desired.wish import Rejected, Selection
    from flagos_operator.status.view import View

Fields = dict[str, Any]

MOST_REJECTED, LONGEST_WORDS = 12, 160
MOST_BYTES = 2048
CHECKED, UNCHECKED = "Fits", "InventoryUnknown"


def fields(view: View) -> Fields:
    """A choice that stays is told as it was made; so is the last one while another is made."""
    before = view.model.status.get("selection") or {}
    made = view.selection
    if made is None:
        return {}
    if made.chosen and made.chosen.kept and before.get("release") == made.chosen.release:
        return {**before, "wish": bounded(made.wish, limit=LONGEST_WORDS)}
    if made.chosen is None and not made.rejected:
        return dict(before)
    return within(told(made, view), made.rejected)


def told(made: Selection, view: View) -> Fields:
    chosen = made.chosen
    if chosen is None:
        return {}
    why = f"{chosen.message}; {made.unchecked}" if made.unchecked else chosen.message
    return {
        "release": chosen.release,
        "chip": chosen.chip,
        "wish": bounded(made.wish, limit=LONGEST_WORDS),
        "reason": UNCHECKED if made.unchecked else CHECKED,
        "message": bounded(why, limit=2 * LONGEST_WORDS),
        "time": stamp(view.now),
    }


def within(found: Fields, rejected: Iterable[Rejected]) -> Fields:
    """The first ones are the likeliest; those that find no room are left out."""
    room = MOST_BYTES - len(json.dumps(found).encode())
    kept: list[Fields] = []
    for each in _rejected(rejected):
        room -= len(json.dumps(each).encode()) + 2
        if room < 0 or len(kept) == MOST_REJECTED:
            break
        kept.append(each)
    return {**found, "rejected": kept} if kept else found


def _rejected(rejected: Iterable[Rejected]) -> Iterator[Fields]:
    for each in rejected:
        yield {
            "release": each.release,
            "chip": each.chip,
            "reason": str(each.reason),
            "message": bounded(each.message, limit=LONGEST_WORDS),
        }


def event(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Type, reason and message, where another release was chosen."""
    release = now.get("release")
    if not release or release == before.get("release"):
        return None
    kind = "Warning" if now.get("reason") == UNCHECKED else "Normal"
    words = f"{release} for {now.get('chip')}: {now.get('message')}"
    return kind, "ReleaseChosen", bounded(words)
