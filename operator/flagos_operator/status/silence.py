"""How long the log of a server that starts may say nothing before something is wrong.

Generous: at least four times what was seen on a slow machine with empty caches. While graphs are
captured a log is silent by its nature: 300 s with FlagOS on an H100, for one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from flagos_operator.desired.plan import Plan
from flagos_operator.status.reached import READY, STARTING
from flagos_operator.status.startlog import story

if TYPE_CHECKING:
    from datetime import datetime

    from flagos_operator.observed.facts import PodFacts
    from flagos_operator.status.view import View

# Seconds, where a start has the usual budget; where it has more, as long in proportion.
USUAL_BUDGET = 3600
SILENT = {
    STARTING: 600,
    "Loading": 900,
    "Compiling": 1800,
    "Capturing": 3000,
    "WarmingUp": 1800,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Of one log since its last line; it is too long at `until`."""

    step: str
    line: str
    seconds: int
    until: datetime


def silence(pod: PodFacts, view: View) -> Silence | None:
    """None unless its log was read of late and is that of a start."""
    server = next((each for each in pod.containers if each.name == "server"), None)
    if server is None or server.state != "running" or server.started or pod.ready:
        return None
    told = story(view.heard.get((pod.uid, server.name, server.restarts), ""))
    step = told.marks[-1].step if told.marks else STARTING
    if told.last is None or step == READY:
        return None
    seconds = _allowed(step, view)
    return Silence(
        step=step,
        line=told.words,
        seconds=seconds,
        until=told.last.at + timedelta(seconds=seconds),
    )


def _allowed(step: str, view: View) -> int:
    """Seconds: what the spec or the chip says, else by the step and how slow the chip is."""
    plan = view.plan if isinstance(view.plan, Plan) else None
    if plan and plan.stall_seconds:
        return plan.stall_seconds
    slowness = max(1.0, plan.budget_seconds / USUAL_BUDGET) if plan else 1.0
    return round(SILENT[step] * slowness)
