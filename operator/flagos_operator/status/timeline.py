"""When each step of a start began: from what Kubernetes says, then from the server's log.

What a status has told of a run before still holds: a log may be cut off, or not be readable now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from flagos_operator.status import reached
from flagos_operator.status.fetchlog import VERIFYING
from flagos_operator.status.pods import FETCH, SERVER, condition, container
from flagos_operator.status.startlog import Mark, story
from flagos_operator.status.text import stamp
from flagos_operator.status.weights import told_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flagos_operator.observed.facts import ContainerFacts, PodFacts
    from flagos_operator.status.logs import LogKey
    from flagos_operator.status.view import View

SCHEDULING, PULLING, DOWNLOADING = "Scheduling", "Pulling", "Downloading"
STARTING, READY = reached.STARTING, reached.READY
ORDER = (SCHEDULING, PULLING, DOWNLOADING, VERIFYING, *reached.NAMES)
OF_THE_LOG = reached.NAMES[1:-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the status says of the start of one pod, or of one run of its server."""

    phase: str
    since: datetime
    timings: Mapping[str, int]
    started: datetime | None

    def marks(self) -> Iterator[Mark]:
        """Of the run of the server; steps lie end to end."""
        at = self.started
        for step in reached.NAMES if at else ():
            if at and step in self.timings:
                yield Mark(step=step, at=at)
                at += timedelta(seconds=self.timings[step])
        if self.phase in reached.NAMES:
            yield Mark(step=self.phase, at=self.since)


def running(pod: PodFacts) -> ContainerFacts | None:
    server = container(pod, SERVER)
    return server if server and server.state == "running" and server.since else None


def begins(pod: PodFacts) -> bool:
    """On its way to its first run, or in a run: not between two of them."""
    server = container(pod, SERVER)
    return running(pod) is not None or server is None or not (server.ended or server.last)


def key(pod: PodFacts, server: ContainerFacts) -> LogKey:
    return pod.uid, SERVER, server.restarts


def told(pod: PodFacts, view: View) -> Told | None:
    """Only if it is about this pod, and about this run of its server."""
    old = view.model.status.get("startup") or {}
    server = running(pod)
    # A definition that is older than the operator has no room for the pod.
    same = old.get("pod") == pod.name or ("pod" not in old and old.get("phase") == VERIFYING)
    if not same or not old.get("since"):
        return None
    if "started" in old and not (server and server.since and old["started"] == _second(server)):
        return None
    return Told(
        phase=str(old.get("phase", "")),
        since=_time(old["since"]),
        timings=old.get("timings") or {},
        started=_time(old["started"]) if "started" in old else None,
    )


def marks(pod: PodFacts, view: View) -> tuple[Mark, ...]:
    """In their order; none is before the one that it follows.

    Where the clock of a node lags, what others have dated gives way.
    """
    server = running(pod)
    if server is None or server.since is None:
        return tuple(_ordered(list(_before(pod, view))))
    found = list(_before(pod, view)) if server.restarts == 0 else []
    found = [replace(each, at=min(each.at, server.since)) for each in found]
    found += [Mark(step=STARTING, at=server.since), *_in_run(pod, server, view=view)]
    return tuple(_ordered(found))


def timings(found: Sequence[Mark]) -> dict[str, int]:
    """Whole seconds of each step that is over."""
    lasted: dict[str, int] = {}
    for one, following in pairwise(found):
        seconds = int(following.at.timestamp()) - int(one.at.timestamp())
        lasted[one.step] = lasted.get(one.step, 0) + seconds
    return lasted


def fields(pod: PodFacts, found: Sequence[Mark]) -> dict[str, Any]:
    server, now = running(pod), found[-1]
    known = {
        "phase": now.step,
        "since": stamp(now.at),
        "pod": pod.name,
        "started": _second(server) if server else None,
        "timings": timings(found) or None,
    }
    return {name: value for name, value in known.items() if value is not None}


def _before(pod: PodFacts, view: View) -> Iterator[Mark]:
    yield Mark(step=SCHEDULING, at=pod.created)
    scheduled, fetch = condition(pod, "PodScheduled"), container(pod, FETCH)
    if pod.node:
        since = scheduled.since if scheduled and scheduled.status == "True" else None
        yield Mark(step=PULLING, at=since or pod.created)
    if fetch and (began := _first_run(fetch)):
        yield from _download(pod, fetch, began, view=view)
        if fetch.ended and fetch.ended.exit_code == 0 and fetch.ended.finished:
            yield Mark(step=PULLING, at=fetch.ended.finished)  # now of the server's image


def _first_run(fetch: ContainerFacts) -> datetime | None:
    """As far as Kubernetes still knows: it tells of the last run and of the one before."""
    ends = (run.started for run in (fetch.last, fetch.ended) if run and run.started)
    return min([*ends, *([fetch.since] if fetch.since else [])], default=None)


def _download(
    pod: PodFacts, fetch: ContainerFacts, began: datetime, *, view: View
) -> Iterator[Mark]:
    before = told(pod, view)
    ended = fetch.ended.finished if fetch.ended else None
    verifying = _verifying(pod, before, ended, view=view)
    until = verifying or ended
    if before and before.phase == DOWNLOADING:
        began = min(began, before.since)
    elif before and until and DOWNLOADING in before.timings:
        began = min(began, until - timedelta(seconds=before.timings[DOWNLOADING]))
    yield Mark(step=DOWNLOADING, at=began)
    if verifying:
        yield Mark(step=VERIFYING, at=verifying)


def _verifying(
    pod: PodFacts, before: Told | None, ended: datetime | None, *, view: View
) -> datetime | None:
    """Only its log tells, without a time: it began when that was first heard."""
    if before and before.phase == VERIFYING:
        return before.since
    if ended:
        lasted = before.timings.get(VERIFYING) if before else None
        return None if lasted is None else ended - timedelta(seconds=lasted)
    now = told_by(pod, view)
    return view.now if now and now.phase == VERIFYING else None


def _in_run(pod: PodFacts, server: ContainerFacts, *, view: View) -> Iterator[Mark]:
    before = told(pod, view)
    found = {each.step: each for each in story(view.heard.get(key(pod, server), "")).marks}
    found.pop(READY, None)  # it is ready when its probe says so
    found |= {each.step: each for each in before.marks()} if before else {}
    yield from (found[step] for step in OF_THE_LOG if step in found)
    if READY in found:
        yield found[READY]
    elif pod.ready:
        ready = condition(pod, READY)
        yield Mark(step=READY, at=(ready and ready.since) or view.now)


def _ordered(found: Sequence[Mark]) -> Iterator[Mark]:
    last: Mark | None = None
    for each in found:
        now = Mark(step=each.step, at=max(each.at, last.at)) if last else each
        if last is None or now.step != last.step:
            yield now
            last = now


def _second(server: ContainerFacts) -> str:
    return stamp(server.since) if server.since else ""


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
