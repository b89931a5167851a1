"""How far the newest start is: which pod tells, what the status says, whose log is read for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flagos_operator.status import startwords, timeline
from flagos_operator.status.logs import LiveLog
from flagos_operator.status.pods import SERVER, alive, condition
from flagos_operator.status.startlog import story
from flagos_operator.status.timeline import ORDER, READY, key, running, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flagos_operator.observed.facts import ContainerFacts, PodFacts
    from flagos_operator.status.view import View

# A line is in the status within five seconds: half of them until it is read.
PACE = 2.5
# Of many replicas that start, those that are furthest.
MOST_LIVE_LOGS = 3


def startup(view: View) -> Mapping[str, Any]:
    """What was told last is kept until another start begins."""
    pod = leading(view)
    if pod is None:
        return view.model.status.get("startup") or {}
    return timeline.fields(pod, timeline.marks(pod, view))


def leading(view: View) -> PodFacts | None:
    """The pod that is told: one that is ready, else the furthest; of several the one before."""
    pods = [pod for pod in alive(view) if timeline.begins(pod)]

    def rank(pod: PodFacts) -> tuple[bool, int, bool]:
        before = told(pod, view)
        return pod.ready, 0 if pod.ready else place(pod, view), before is not None

    return max(pods, key=rank, default=None)


def step(pod: PodFacts, view: View) -> str:
    return timeline.marks(pod, view)[-1].step


def place(pod: PodFacts, view: View) -> int:
    return ORDER.index(step(pod, view))


def words(view: View) -> str:
    """For a column: how far the server is that is furthest."""
    pod = leading(view)
    return words_of(pod, view) if pod else ""


def words_of(pod: PodFacts, view: View) -> str:
    server = running(pod)
    if server is None:
        return ""
    heard, now = view.heard.get(key(pod, server), ""), step(pod, view)
    if server.ready:
        return "answers, its pod is not ready yet"
    if not heard and now == timeline.STARTING:
        return "its container runs, no line of its log read yet"
    said = story(heard)
    is_of_log = bool(said.marks) and said.marks[-1].step == now
    return (said.far if is_of_log else "") or startwords.BY_DEFAULT.get(now, "")


def doing(pod: PodFacts, view: View) -> str:
    """For conditions: what is known of a server that does not serve yet, and no more."""
    server = running(pod)
    if server is None:
        return "the server's container is made again"
    if server.ready:
        return f"the server answers, but its pod is not ready{_why(pod)}"
    if said := startwords.DOING.get(step(pod, view)) if _tells(pod, view) else None:
        return f"the server {said}"
    return "the server's container runs; no line of its log has been read yet"


def _why(pod: PodFacts) -> str:
    """A container beside it, or a gate, in the node's words."""
    told = condition(pod, READY)
    words = (told.message or told.reason) if told else ""
    return f": {words}" if words else ""


def _tells(pod: PodFacts, view: View) -> bool:
    """Whether its log, now or when it was last told of, says more than that it runs."""
    server = running(pod)
    heard = server is not None and view.heard.get(key(pod, server))
    return bool(heard) or step(pod, view) != timeline.STARTING


def live_logs(view: View) -> tuple[LiveLog, ...]:
    """Of servers that start; and what is left of the log of one that has become ready."""
    starting = [(pod, server) for pod, server in _running(view) if _starts(pod, view)]
    furthest = sorted(starting, key=lambda each: -place(each[0], view))[:MOST_LIVE_LOGS]
    lead = leading(view)
    done = running(lead) if lead and lead.ready else None
    last = (live_log(lead, done, last=True),) if lead and done and _owed(lead, view) else ()
    return (*(live_log(pod, server) for pod, server in furthest), *last)


def _running(view: View) -> Iterator[tuple[PodFacts, ContainerFacts]]:
    for pod in alive(view):
        if server := running(pod):
            yield pod, server


def _starts(pod: PodFacts, view: View) -> bool:
    """One that was ready and does not answer now has no start to tell of."""
    before = told(pod, view)
    return not pod.ready and not (before and before.phase == READY)


def _owed(pod: PodFacts, view: View) -> bool:
    """Whether its log may still tell of the start of a pod that is ready."""
    server, before = running(pod), told(pod, view)
    if server is None:
        return False
    is_told = before is not None and before.phase == READY
    if key(pod, server) in view.heard_out:
        return not is_told
    if heard := view.heard.get(key(pod, server)):
        marks = story(heard).marks
        return not marks or marks[-1].step != READY
    steps = before.timings.keys() if before else ()
    return not (is_told and any(each in timeline.OF_THE_LOG for each in steps))


def live_log(pod: PodFacts, server: ContainerFacts, *, last: bool = False) -> LiveLog:
    return LiveLog(
        namespace=pod.namespace,
        pod=pod.name,
        node=pod.node,
        container=SERVER,
        key=key(pod, server),
        pace=PACE,
        follows=True,
        last=last,
    )
