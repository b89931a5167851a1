"""What is told of the choice among releases: the one that was taken, and why not the others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flagos_operator.desired import selection as desired
from flagos_operator.desired.plan import Plan
from flagos_operator.status.reasons import Reason
from flagos_operator.status.text import bounded, stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flagos_operator.desired.wish import Rejected, Selection
    from flagos_operator.status.view import View

Fields = dict[str, Any]

# Of a spec that is refused for one of these nobody has looked whether its chip exists.
BEFORE_CHIPS: frozenset[str] = frozenset(
    {
        Reason.INVALID_SPEC,
        Reason.UNKNOWN_CHIP,
        Reason.INVALID_CHIP,
        Reason.UNKNOWN_RELEASE,
        Reason.INVALID_RELEASE,
        Reason.UNKNOWN_MODEL,
    }
)

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


def awaited(view: View) -> tuple[str, ...]:
    """The chips that a model waits for; none where no chip that comes would help."""
    made = view.selection
    if made is None or made.fault is None or made.fault.needs_user:
        return ()
    return desired.awaited(made.rejected)


def only_chip(view: View) -> str:
    """Of a model that has no release yet: the one that it can come to, or that it names."""
    if isinstance(view.plan, Plan) or view.plan.reason in BEFORE_CHIPS:
        return ""
    spec = view.model.raw.get("spec")
    chips = awaited(view)
    if isinstance(spec, Mapping) and spec.get("chip"):
        return str(spec["chip"])
    return chips[0] if len(chips) == 1 else ""


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
