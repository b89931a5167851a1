"""The weights on their way: whose download is listened to, and what the status says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flagos_operator.desired import fleet
from flagos_operator.desired.plan import Plan
from flagos_operator.status import crashes, fetchlog
from flagos_operator.status.fetchlog import DOWNLOADING, LISTING, VERIFYING, WAITING, Told
from flagos_operator.status.logs import LiveLog, LogKey
from flagos_operator.status.memory import same_source, verified
from flagos_operator.status.pods import FETCH, alive, container
from flagos_operator.status.reasons import Reason
from flagos_operator.status.text import LONGEST_FIELD, bounded, duration, share, size, stamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from flagos_operator.observed.facts import ContainerFacts, PodFacts
    from flagos_operator.status.view import View

# A line every two seconds: what went wrong is still there when the pause after it is long.
LIVE_LINES = 40
# Of many replicas one downloads for all, or all do the same.
MOST_LIVE_LOGS = 3
# Only what a running download says; what it leaves behind is kept.
PASSING = frozenset(
    {
        "phase",
        "pod",
        "since",
        "message",
        "downloadedBytes",
        "percent",
        "bytesPerSecond",
        "etaSeconds",
    }
)
_LEAVES = ("revision", "digest", "totalBytes")
_FOUND = {"present", "verified"}
LOOKED_AT = "looking at the weights that are there"
_FURTHEST = (WAITING, LISTING, DOWNLOADING, VERIFYING)
LONGEST_HOST_NAME = 63  # a pod's own name, cut off there
LONGEST_TROUBLE = 160  # bytes, of a column of a table


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What one pod's download says of itself."""

    pod: PodFacts
    since: datetime | None
    told: Told


def live_logs(view: View) -> tuple[LiveLog, ...]:
    """Downloads worth listening to: the one that works, first of all."""
    running = list(_running(view))
    named = {_holder(told.message) for _, _, told in _all_told(view) if told.phase == WAITING}

    def rank(each: tuple[PodFacts, ContainerFacts]) -> int:
        told = _heard(*each, view=view)
        if told and told.phase != WAITING:
            return 0
        if each[0].name[:LONGEST_HOST_NAME] in named:
            return 1
        return 3 if _key(*each) in view.heard else 2

    wanted = sorted(running, key=rank)[:MOST_LIVE_LOGS]
    return tuple(_live_log(pod, fetch) for pod, fetch in wanted)


def arriving(view: View) -> Arrival | None:
    """The download that is furthest: one pod is enough to serve."""
    found = (Arrival(pod=p, since=fetch.since, told=told) for p, fetch, told in _all_told(view))
    return max(found, key=lambda each: far(each.told), default=None)


def far(told: Told | None) -> tuple[int, int]:
    return (_FURTHEST.index(told.phase), told.percent or 0) if told else (-1, 0)


def told_by(pod: PodFacts, view: View) -> Told | None:
    fetch = container(pod, FETCH)
    return _heard(pod, fetch, view=view) if fetch and fetch.state == "running" else None


def looked_at(view: View) -> bool:
    """Whether all downloads that run seem to find what was there before.

    One that has to download says so within seconds, and an emptyDir is empty.
    """
    running = list(_running(view))
    return bool(running) and all(seems_there(pod, fetch, view=view) for pod, fetch in running)


def downloaded(view: View) -> bool:
    """False of weights that a pod only found."""
    return report(view).get("how") not in _FOUND


def weights(view: View) -> Mapping[str, Any]:
    plan, old = view.plan, view.model.status.get("weights") or {}
    lasting = {key: value for key, value in old.items() if key not in PASSING}
    if not isinstance(plan, Plan):
        return lasting
    told = report(view)
    if told or not same_source(view.model.status, plan):
        source = bounded(plan.source, limit=LONGEST_FIELD)
        lasting = {"source": source, **{key: told.get(key) for key in _LEAVES}}
    elif not plan.fetches:  # what was checked once is not checked any more
        lasting = {key: value for key, value in lasting.items() if key not in _LEAVES}
    found = lasting | _on_the_way(view)
    return {key: value for key, value in found.items() if value is not None}


def report(view: View) -> Mapping[str, Any]:
    """Of a pod that has all; empty if none has."""
    return next(filter(None, map(crashes.fetched, alive(view))), {})


def words(told: Told) -> str:
    """How far it is, in a column of a table."""
    if told.phase == WAITING:
        return "waiting for another pod's download"
    trouble = bounded(told.message, limit=LONGEST_TROUBLE)
    if told.phase == LISTING:
        return trouble or "listing files"
    if told.phase == VERIFYING:
        far = "verifying" if told.percent is None else f"verifying {told.percent}%"
    else:
        far = _downloading(told)
    return f"{far}; {trouble}" if trouble else far


def says_more(told: Told) -> bool:
    """More than that it has begun."""
    return told.phase != LISTING or bool(told.message)


def arrival_reason(told: Told | None) -> Reason:
    """While `fetch` itself tries again nothing has failed yet: the message says what is wrong."""
    return Reason.LOCK_HELD if told and told.phase == WAITING else Reason.DOWNLOADING


def message(told: Told | None) -> str:
    """For conditions: it does not change with every byte."""
    if told is None or told.phase in (LISTING, DOWNLOADING):
        doing = "downloading the weights"
    elif told.phase == VERIFYING:
        doing = "verifying the weights"
    else:
        return told.message
    return f"{doing}: {told.message}" if told and told.message else doing


def caution(told: Told | None, view: View) -> str:
    found = beyond(told.total if told else None, view)
    return f"; {found}" if found else ""


def beyond(total: int | None, view: View) -> str:
    """Before a server dies of it. Only a caution: a repository may hold weights twice."""
    room = fleet.room(view.plan, view.fleet) if isinstance(view.plan, Plan) else None
    if total is None or room is None or total <= room.total:
        return ""
    return (
        f"the download has {size(total)}, more than {room.words}: unless it holds its weights "
        f"twice, it takes spec.devices {room.fewest(total)} at least"
    )


def _downloading(told: Told) -> str:
    parts = [f"downloading {told.percent}%"]
    if told.done is not None and told.total is not None:
        parts.append(share(told.done, told.total))
    if told.rate and not told.message:
        parts.append(f"{size(told.rate)}/s")
    if told.left is not None and not told.message:
        parts.append(f"{duration(told.left)} left")
    return ", ".join(parts)


def seems_there(pod: PodFacts, fetch: ContainerFacts, *, view: View) -> bool:
    plan, told = view.plan, _heard(pod, fetch, view=view)
    if not isinstance(plan, Plan) or "emptyDir" in plan.pod.weights or fetch.restarts:
        return False
    silent = told is None or told.phase == VERIFYING
    return silent and verified(view.model.status, plan)


def _on_the_way(view: View) -> dict[str, Any]:
    found = arriving(view)
    if found is None:
        return {}
    told = found.told
    counts = {"totalBytes": told.total} if told.total is not None else {}
    return {
        "phase": told.phase,
        "pod": found.pod.name,
        "since": stamp(found.since) if found.since else None,
        "message": bounded(told.message) or None,
        "downloadedBytes": told.done if told.phase == DOWNLOADING else None,
        **counts,
        "percent": told.percent,
        "bytesPerSecond": told.rate,
        "etaSeconds": told.left,
    }


def _running(view: View) -> Iterator[tuple[PodFacts, ContainerFacts]]:
    """None once one pod has all: then it is told whether that one serves."""
    pods = alive(view)
    if any(crashes.fetched(pod) is not None for pod in pods):
        return
    for pod in pods:
        fetch = container(pod, FETCH)
        if fetch and fetch.init and fetch.state == "running":
            yield pod, fetch


def _all_told(view: View) -> Iterator[tuple[PodFacts, ContainerFacts, Told]]:
    for pod, fetch in _running(view):
        if told := _heard(pod, fetch, view=view):
            yield pod, fetch, told


def _heard(pod: PodFacts, fetch: ContainerFacts, *, view: View) -> Told | None:
    """Until the log of a run was read, what the status says of that run still holds."""
    before = _written(pod, fetch, view=view)
    text = view.heard.get(_key(pod, fetch))
    if text is None:
        return before
    told = fetchlog.told(text)
    return fetchlog.further(told, before) if told and before else told


def _written(pod: PodFacts, fetch: ContainerFacts, *, view: View) -> Told | None:
    old = view.model.status.get("weights") or {}
    since = stamp(fetch.since) if fetch.since else None
    phase, counts = old.get("phase"), "percent" in old
    same = (old.get("pod"), old.get("since")) == (pod.name, since)
    if not same or phase not in _FURTHEST or (phase == DOWNLOADING and not counts):
        return None
    return Told(
        phase=phase,
        message=old.get("message", ""),
        percent=old.get("percent"),
        done=old.get("downloadedBytes"),
        total=old.get("totalBytes"),
        rate=old.get("bytesPerSecond"),
        left=old.get("etaSeconds"),
    )


def _holder(words: str) -> str:
    """Of `NAME (what) is writing to this volume`."""
    return words.split(" ", 1)[0]


def _live_log(pod: PodFacts, fetch: ContainerFacts) -> LiveLog:
    return LiveLog(
        namespace=pod.namespace,
        pod=pod.name,
        node=pod.node,
        container=FETCH,
        lines=LIVE_LINES,
        key=_key(pod, fetch),
    )


def _key(pod: PodFacts, fetch: ContainerFacts) -> LogKey:
    return pod.uid, FETCH, fetch.restarts
