"""How long the log of a server that starts may say nothing before something is wrong.

One that has said nothing at all is held to the same from the start of its container, but for
engines of the user's own, which may be silent by nature. Generous: at least four times what was
seen on a slow machine with empty caches. While graphs are captured a log is silent by its nature:
300 s with FlagOS on an H100, for one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from flagos_operator.desired.plan import Plan
from flagos_operator.status import startwords
from flagos_operator.status.reached import READY, STARTING
from flagos_operator.status.startlog import story
from flagos_operator.status.text import duration, stamp

if TYPE_CHECKING:
    from datetime import datetime

    from flagos_operator.observed.facts import ContainerFacts, PodFacts
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
    """Of one log since its last line; it is too long at `until`.

    `never`: it has said nothing at all, since its container began.
    """

    step: str
    line: str
    seconds: int
    since: datetime
    until: datetime
    never: bool = False


def words(found: Silence, view: View) -> str:
    if found.never:
        began = stamp(found.since)
        return f"nothing in its log since its container began at {began}; {first_words(view)}"
    doing = startwords.BY_DEFAULT.get(found.step, "starting")
    silent = duration(found.seconds)
    return f"{doing}: no line in its log for {silent}; the last one: {found.line}"


def silence(pod: PodFacts, view: View) -> Silence | None:
    """None unless its log was read of late and is that of a start."""
    server = next((each for each in pod.containers if each.name == "server"), None)
    if server is None or server.state != "running" or server.started or pod.ready:
        return None
    log = (pod.uid, server.name, server.restarts)
    if log in view.silent:
        return _from_the_start(pod, server, view=view)
    told = story(view.heard.get(log, ""))
    step = told.marks[-1].step if told.marks else STARTING
    if told.last is None or step == READY:
        return None
    return _since(told.last.at, step=step, line=told.words, view=view)


def first_words(view: View) -> str:
    """What runs before a server has anything to say: what was said of it, else what may hang."""
    said = (view.model.raw.get("spec") or {}).get("server") or {}
    if said.get("preStart"):
        return "look at spec.server.preStart, which runs before it"
    if said.get("command"):
        return "look at spec.server.command"
    plan = view.plan
    if isinstance(plan, Plan) and plan.pod.server.command[:1] == ("bash",):
        return f"look at the preStart of chip {plan.chip}; spec.server.preStart replaces it"
    return "kubectl exec POD -c server -- bash looks inside; spec.server.command is what it runs"


def _from_the_start(pod: PodFacts, server: ContainerFacts, *, view: View) -> Silence | None:
    plan = view.plan if isinstance(view.plan, Plan) else None
    speaks = plan is None or plan.engine != "Custom" or plan.stall_seconds
    if server.since is None or not speaks or _has_spoken(pod, server.since, view=view):
        return None
    return _since(server.since, step=STARTING, line="", view=view, never=True)


def _has_spoken(pod: PodFacts, began: datetime, *, view: View) -> bool:
    """A log that was cut off is empty, too; what was told of this run before still holds."""
    told = view.model.status.get("startup") or {}
    same = (told.get("pod"), told.get("started")) == (pod.name, stamp(began))
    return same and told.get("phase") != STARTING


def _since(when: datetime, *, step: str, line: str, view: View, never: bool = False) -> Silence:
    seconds = _allowed(step, view)
    until = when + timedelta(seconds=seconds)
    return Silence(step=step, line=line, seconds=seconds, since=when, until=until, never=never)


def _allowed(step: str, view: View) -> int:
    """Seconds: what the spec or the chip says, else by the step and how slow the chip is."""
    plan = view.plan if isinstance(view.plan, Plan) else None
    if plan and plan.stall_seconds:
        return plan.stall_seconds
    slowness = max(1.0, plan.budget_seconds / USUAL_BUDGET) if plan else 1.0
    return round(SILENT[step] * slowness)
