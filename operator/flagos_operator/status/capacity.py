"""Whether the devices hold what the model's files say it takes, once a pod has them.

Its server says the same when it has loaded for minutes: this is told before.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from flagos_operator.catalog.memory.estimate import GIB, Verdict, estimate, gib
from flagos_operator.catalog.memory.shape import Shape  # noqa: TC001 - pydantic reads it
from flagos_operator.desired import fleet
from flagos_operator.desired.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flagos_operator.catalog.memory.estimate import Estimate
    from flagos_operator.status.view import View

# The estimate was 0.5 GiB off at most where it was measured; not every chip was.
MARGIN = GIB
CURES = {
    Verdict.TOO_LONG: "lower spec.server.maxModelLen or raise spec.devices",
    Verdict.WONT_FIT: "raise spec.devices",
}
LARGEST = 2**60  # of any number of a report: more would not be one


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Of a model's files, as its download has told."""

    loaded: int  # bytes that an engine loads
    shape: Shape


HELD = TypeAdapter(Held)


def held(report: Mapping[str, Any]) -> Held | None:
    """None of one without it: of an older operator, or of files of another kind."""
    try:
        found = HELD.validate_python({"loaded": report.get("loadedBytes"), **report})
    except ValidationError:
        return None
    cache = found.shape.cache
    sound = cache is not None and cache.heads > 0 and all(map(_possible, _numbers(asdict(found))))
    return found if sound else None


def beyond(found: Held, view: View) -> str:
    """With the sum, so that whoever knows better sees where it errs."""
    plan = view.plan
    room = fleet.room(plan, view.fleet) if isinstance(plan, Plan) else None
    if not isinstance(plan, Plan) or room is None or plan.load is None:
        return ""
    needed = estimate(
        replace(plan.load, memory=room.each, shape=found.shape, weights=found.loaded, counted=True)
    )
    if _short(needed) <= MARGIN:
        return ""
    return (
        f"by an estimate the server needs {needed.message}; a device has {gib(room.each)} GiB by "
        f"{room.told_by}: {CURES[needed.verdict]}"
    )


def _short(needed: Estimate) -> int:
    """By how many bytes; below zero is room to spare."""
    taken = (needed.weights or 0) + (needed.cache or 0) + needed.overhead
    return taken - (needed.usable or 0)


def _numbers(found: Mapping[str, Any]) -> Iterator[float]:
    for value in found.values():
        if isinstance(value, dict):
            yield from _numbers(value)
        elif value is not None:
            yield value


def _possible(value: float) -> bool:
    return 0 <= value <= LARGEST  # neither of nan
