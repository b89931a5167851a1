"""How long a model took from its creation to its first Ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flagos_operator.observed.parse import conditions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
