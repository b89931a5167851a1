"""Tuning in the status: how long it took of a start, and whether it goes on while pods answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flagos_operator.status import patience, text
from flagos_operator.status.pods import SERVER, container, ready
from flagos_operator.status.tuning import Tuning, news_until, tuning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from flagos_operator.observed.facts import PodFacts
    from flagos_operator.status.view import View

TUNING = "Tuning"


def timed(startup: Mapping[str, Any], view: View) -> Mapping[str, Any]:
    """What of the start that is told was spent on it: a share of its phases, not one of them."""
    pod = startup.get("pod")
    spent = [found.seconds for name, found in _told(view) if found.before and name == pod]
    timings = startup.get("timings") or {}
    tuning = {TUNING: round(spent[0])} if spent else _before(startup, view)
    return {**startup, "timings": {**timings, **tuning}} if tuning else startup


def _before(startup: Mapping[str, Any], view: View) -> dict[str, int]:
    old = view.model.status.get("startup") or {}
    same = old.get("pod") == startup.get("pod") and old.get("started") == startup.get("started")
    known = (old.get("timings") or {}).get(TUNING)
    return {} if known is None or not same else {TUNING: known}


def still(view: View) -> Tuning | None:
    """Of the pods that answer, the one that has tuned most since."""
    goes_on = [each for _, each in _told(view) if _over(each, view=view) is False]
    return max(goes_on, key=lambda each: each.later, default=None)


def words(found: Tuning) -> str:
    """Of one log, for a person."""
    told = (("before", found.before, found.seconds), ("after", found.after, found.later))
    parts = (
        f"{text.count(many, 'kernel')} in {text.duration(round(spent))} {when} Ready"
        for when, many, spent in told
        if many
    )
    last = f"; the last one was {found.last}" if found.last else ""
    return ", ".join(parts) + last


def next_look(view: View) -> datetime | None:
    """When what goes on now is no news any more."""
    ends = (until for _, each in _told(view) if (until := news_until(each)))
    return min((until for until in ends if until > view.now), default=None)


def tunes(view: View) -> tuple[PodFacts, ...]:
    """Pods that answer and whose logs name kernels: what they tune from now on is there too.

    Not for ever: the first requests show most shapes, and while new ones come it goes on.
    """
    named = {name for name, found in _told(view) if found.last and _may_go_on(found, view=view)}
    return tuple(pod for pod in ready(view) if pod.name in named)


def _may_go_on(found: Tuning, *, view: View) -> bool:
    latest = max(filter(None, (found.at, found.ready)), default=None)
    return latest is not None and not patience.over(latest + patience.TUNING, now=view.now)


def _over(found: Tuning, *, view: View) -> bool | None:
    until = news_until(found)
    return None if until is None else patience.over(until, now=view.now)


def _told(view: View) -> Iterator[tuple[str, Tuning]]:
    for pod in ready(view):
        server = container(pod, SERVER)
        kept = view.heard.get((pod.uid, SERVER, server.restarts), "") if server else ""
        if kept:
            yield pod.name, tuning(kept)
