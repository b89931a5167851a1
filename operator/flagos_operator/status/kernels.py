"""Tuning in the status: how long it took of a start, and whether it goes on while pods answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flagos_operator.status import patience, text
from flagos_operator.status.pods import SERVER, container, ready
from flagos_operator.status.tuning import Tuning, news_until, tuning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from flagos_operator.status.view import View

TUNING = "Tuning"


def startup(view: View) -> dict[str, Any]:
    """The longest of the pods that answer; a share of the phases beside it, not one of them."""
    old = (view.model.status.get("startup") or {}).get("timings") or {}
    spent = [round(found.seconds) for found in _told(view) if found.before]
    timings = {**old, TUNING: max(spent)} if spent else old
    return {"timings": timings} if timings else {}


def still(view: View) -> Tuning | None:
    """Of the pods that answer, the one that has tuned most since."""
    goes_on = [each for each in _told(view) if _over(each, view=view) is False]
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
    ends = (until for each in _told(view) if (until := news_until(each)))
    return min((until for until in ends if until > view.now), default=None)


def _over(found: Tuning, *, view: View) -> bool | None:
    until = news_until(found)
    return None if until is None else patience.over(until, now=view.now)


def _told(view: View) -> Iterator[Tuning]:
    for pod in ready(view):
        server = container(pod, SERVER)
        kept = view.heard.get((pod.uid, SERVER, server.restarts), "") if server else ""
        if kept:
            yield tuning(kept)
