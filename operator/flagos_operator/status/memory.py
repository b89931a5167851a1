"""What an earlier status says that is still worth keeping.

Others may have written it, or an older definition let it in: what has not the shape that this
operator gives it is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flagos_operator.status.reached import READY
from flagos_operator.status.text import LONGEST_FIELD, bounded, stamp

if TYPE_CHECKING:
    from flagos_operator.desired.plan import Plan

_PARTS = ("resolved", "weights", "lastFailure")
_LISTS = ("operators", "fallbacks")
RUN_WORDS = 400
_WORDS = ("stack", "applied")
_NUMBERS = {
    "bytesPerSecond",
    "devices",
    "downloadedBytes",
    "etaSeconds",
    "exitCode",
    "observedGeneration",
    "percent",
    "totalBytes",
}
_TIMES = {"lastTransitionTime", "since", "started", "time", "verificationTime"}

LONGEST_STEP = 10**8  # seconds, three years
MOST_STEPS, LONGEST_NAME = 20, 63


def remembered(status: Mapping[str, Any]) -> dict[str, Any]:
    conditions = status.get("conditions")
    listed = conditions if isinstance(conditions, list | tuple) else ()
    kept: dict[str, Any] = {name: _part(status.get(name)) for name in _PARTS}
    for name in _WORDS:
        word = status.get(name)
        kept[name] = bounded(word) if isinstance(word, str) else ""
    kept["conditions"] = [_part(each) for each in listed]
    kept["flagos"] = _flagos(status.get("flagos"))
    kept["startup"] = _startup(status.get("startup"))
    kept["selection"] = _selection(status.get("selection"))
    return kept


def runs(status: Mapping[str, Any]) -> Mapping[str, str]:
    """What is known of each run of a server, by pod and number of the run."""
    found: Mapping[str, str] = (status.get("flagos") or {}).get("runs") or {}
    return found


def became_ready(status: Mapping[str, Any], *, pod: str, started: datetime | None) -> bool:
    """Whether the start that the status tells of is that of this run, and came to its end."""
    told = status.get("startup") or {}
    run = (told.get("pod"), told.get("started"))
    same = started is not None and run == (pod, stamp(started))
    return same and told.get("phase") == READY


def failure(
    status: Mapping[str, Any], *, pod: str, container: str, ended: datetime | None
) -> Mapping[str, Any] | None:
    """What was told of this very run, if it was the last that failed."""
    told = status.get("lastFailure") or {}
    run = (told.get("pod"), told.get("container"), told.get("time"))
    same = ended is not None and run == (pod, container, stamp(ended))
    return told if same and "reason" in told else None


def stalled(status: Mapping[str, Any]) -> str:
    """For what reason somebody had to act; empty if nobody had."""
    told = {each.get("type"): each for each in status.get("conditions") or ()}
    return str(told.get("Stalled", {}).get("reason", ""))


def same_source(status: Mapping[str, Any], plan: Plan) -> bool:
    """Whether the weights that the status tells of are those that the plan wants."""
    told = (status.get("weights") or {}).get("source")
    asked = (status.get("resolved") or {}).get("revision")
    return told == bounded(plan.source, limit=LONGEST_FIELD) and asked == plan.revision


def verified(status: Mapping[str, Any], plan: Plan) -> bool:
    return same_source(status, plan) and "digest" in status["weights"]


def _part(found: object) -> dict[str, Any]:
    if not isinstance(found, Mapping):
        return {}
    return {
        name: bounded(value) if isinstance(value, str) else value
        for name, value in found.items()
        if _fits(name, value)
    }


def _flagos(found: object) -> dict[str, Any]:
    lists = {name: _words(_inside(found, name)) for name in _LISTS}
    return {**lists, "runs": _part(_inside(found, "runs"))}


def _inside(found: object, name: str) -> object:
    return found.get(name) if isinstance(found, Mapping) else None


def _words(found: object) -> list[str]:
    listed = found if isinstance(found, list | tuple) else ()
    return [bounded(each) for each in listed if isinstance(each, str)]


def _startup(found: object) -> dict[str, Any]:
    kept = _part(found)
    timings = found.get("timings") if isinstance(found, Mapping) else None
    if kept and isinstance(timings, Mapping) and len(timings) <= MOST_STEPS:
        kept["timings"] = {
            bounded(name, limit=LONGEST_NAME): value
            for name, value in timings.items()
            if isinstance(name, str) and _counts(value)
        }
    return kept


def _selection(found: object) -> dict[str, Any]:
    """Most that is listed there by an operator is a dozen."""
    kept = _part(found)
    listed = _inside(found, "rejected")
    rejected = [_part(each) for each in listed[:MOST_STEPS]] if isinstance(listed, list) else []
    return {**kept, "rejected": rejected} if rejected else kept


def _counts(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LONGEST_STEP


def _fits(name: str, value: object) -> bool:
    if name in _NUMBERS:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str) and (name not in _TIMES or _is_time(value))


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
