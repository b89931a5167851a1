"""One recorded start of one pod, and looks at it some seconds after the pod was made."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from flagos_operator.observed.facts import Condition, ContainerFacts, PodFacts
from flagos_operator.status.startlog import distil
from flagos_operator.status.summary import Summary, summarize
from flagos_operator.status.view import View
from tests.unit.status.build import (
    NOW,
    a_container,
    a_model,
    a_pod,
    a_view,
    ended,
    fetched,
    starting,
)
from tests.unit.status.timed import log

FLAGOS = "flagos-h100-cold-default"
# Of a pod that is made at NOW: seconds until it has a node, its download, its server.
NODE, FETCH, FETCHED, RUN = 2, 12, 112, 120
PLACED = Condition(
    type="PodScheduled", status="True", reason="", message="", since=NOW + timedelta(seconds=NODE)
)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def pod(*containers: ContainerFacts, **change: Any) -> PodFacts:
    return a_pod(
        *containers,
        **({"created": NOW, "conditions": (PLACED,), "uid": "p0", "ready": False} | change),
    )


def downloaded() -> ContainerFacts:
    run = replace(ended(0), started=at(FETCH), finished=at(FETCHED))
    return replace(fetched(), ended=run)


def loading(**change: Any) -> PodFacts:
    return pod(downloaded(), starting(since=at(RUN)), **change)


def served(since: float, **change: Any) -> PodFacts:
    told = Condition(type="Ready", status="True", reason="", message="", since=at(since))
    server = a_container(since=at(RUN))
    return pod(downloaded(), server, ready=True, conditions=(PLACED, told), **change)


def seen(
    *pods: PodFacts, now: float, name: str = FLAGOS, status: Any = None, **change: Any
) -> View:
    """Every pod's log is that of one recorded start, as far as it can be read by now."""
    kept = distil("", log(name, began=at(RUN), until=now - RUN))
    heard = {(each.uid, "server", 0): kept for each in pods}
    model = a_model(status=status or {})
    return a_view(*pods, now=at(now), model=model, **({"heard": heard} | change))


def told(view: View) -> dict[str, Any]:
    return summarize(view).status["startup"]


def after(summary: Summary, *pods: PodFacts, now: float, **change: Any) -> View:
    """The next look, with what was written before."""
    return seen(*pods, now=now, status=summary.status, **change)
