"""How long a model took to its first Ready, and each phase of a start to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flagos_operator.observed.parse import conditions
from flagos_operator.status.reached import READY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flagos_operator.observed.facts import Condition, ModelFacts


def seconds_to_first_ready(model: ModelFacts, now_told: Mapping[str, Any]) -> float | None:
    """None unless this status is the model's first that says Ready.

    No count of starts is kept anywhere. The conditions of the first status have one time, and some
    of them never turn: while Ready is as old as the oldest, it has not turned either.
    """
    before = conditions(model.status)
    was, is_now = _ready(before), _ready(conditions(now_told))
    if not (model.created and was and was.since and is_now and is_now.since):
        return None
    turns = was.status != "True" and is_now.status == "True"
    if not turns or was.since > min(each.since for each in before if each.since):
        return None
    return max(0.0, (is_now.since - model.created).total_seconds())


def _ready(told: Iterable[Condition]) -> Condition | None:
    return next((each for each in told if each.type == "Ready"), None)


def of_phases(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Of a start that has just become Ready; what its log tells later is told once more."""
    was, is_now = before.get("startup") or {}, now.get("startup") or {}
    if is_now.get("phase") != READY:
        return
    run = (is_now.get("pod"), is_now.get("started"))
    same = was.get("phase") == READY and (was.get("pod"), was.get("started")) == run
    known = (was.get("timings") or {}) if same else {}
    for phase, seconds in (is_now.get("timings") or {}).items():
        if phase not in known:
            yield phase, float(seconds)
