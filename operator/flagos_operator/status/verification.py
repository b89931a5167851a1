"""What became of a look at the weights that somebody asked for: told once, and remembered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flagos_operator.desired.plan import Plan
from flagos_operator.status.text import LONGEST_FIELD, bounded, stamp
from flagos_operator.status.view import Verified

if TYPE_CHECKING:
    from flagos_operator.status.view import View

FINE, REPAIRED, FAILED = "WeightsVerified", "WeightsRepaired", "VerificationFailed"
_FIELDS = ("verification", "verificationTime", "verificationResult")


def last_verified(status: Mapping[str, Any]) -> str:
    weights = status.get("weights")
    return str(weights.get("verification") or "") if isinstance(weights, Mapping) else ""


def fields(view: View) -> dict[str, Any]:
    """The last result stays until there is another one."""
    old = view.model.status.get("weights") or {}
    if (found := _found(view)) is None:
        return {key: old[key] for key in _FIELDS if key in old}
    return {
        "verification": bounded(found.text, limit=LONGEST_FIELD),
        "verificationTime": stamp(view.now),
        "verificationResult": bounded(result(found.said), limit=LONGEST_FIELD),
    }


def result(said: str) -> str:
    told = _json(said)
    if told.get("reason") != "Complete":
        words = (told.get("reason"), told.get("message"))
        return ": ".join(str(word) for word in words if word) or said or "no pod told why"
    repaired = told.get("repaired")
    if isinstance(repaired, list) and repaired:
        return f"fetched again: {', '.join(map(str, repaired))}"
    return f"all {told.get('files')} files are as recorded"


def event(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Type, reason and message, if there is a new result."""
    if new.get("verification") in (None, old.get("verification")):
        return None
    words = str(new.get("verificationResult"))
    if words.startswith("all "):
        return "Normal", FINE, words
    if words.startswith("fetched again: "):
        return "Warning", REPAIRED, words
    return "Warning", FAILED, words


def _found(view: View) -> Verified | None:
    asked = view.plan.verification if isinstance(view.plan, Plan) else None
    if asked is None or asked.done:
        return None
    if asked.impossible:
        return Verified(text=asked.text, said=asked.impossible)
    return view.verified if view.verified and view.verified.text == asked.text else None


def _json(said: str) -> Mapping[str, Any]:
    try:
        found = json.loads(said)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
