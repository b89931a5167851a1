"""Containers that ended: which run it was, whether the trouble is over, and why it ended."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flagos_operator.desired import probes
from flagos_operator.desired.plan import Plan
from flagos_operator.status import cures, fetch_cures, fetchlog, loglines, patience, runtime
from flagos_operator.status.logs import LogKey, WantedLog
from flagos_operator.status.memory import became_ready, failure, stalled
from flagos_operator.status.pods import FETCH, SERVER, alive
from flagos_operator.status.reasons import Reason
from flagos_operator.status.view import Culprit, Objection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flagos_operator.observed.facts import ContainerFacts, PodFacts, Termination
    from flagos_operator.status.view import View

LOG_LINES = 200
# A model of many replicas that all crash tells no more than a few of them do.
MOST_LOGS = 4
# The last probe of a budget is sent a period before its end, and times are whole seconds.
SOONER = timedelta(seconds=probes.PERIOD + 1)
# What a busy kubelet adds to the grace period, from the failed probe to the end.
LATER = timedelta(seconds=60)
KILL, TERM = 137, 143
KILLED = {KILL, TERM}
FROM_OUTSIDE = (
    "killed from outside: by its probe, by somebody, or because the node ran out of memory"
)
HOPELESS_FROM_RESTART = 3
# Of what is known to pass by itself: half an hour of the kubelet's pauses.
HOPELESS_AT_LAST = 10
# Of the hub, which is well again some time: the download goes on where it was.
PASSING = frozenset({Reason.SOURCE_UNREACHABLE, Reason.RATE_LIMITED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a container that ended. `number` counts from 0, as restarts do."""

    pod: PodFacts
    container: ContainerFacts
    ended: Termination
    number: int

    @property
    def key(self) -> LogKey:
        return self.pod.uid, self.container.name, self.number


def last_run(pod: PodFacts, container: ContainerFacts) -> Run | None:
    """While a container waits its restart count is still that of the run that ended."""
    ended = container.ended or container.last
    if ended is None or (container.init and ended.exit_code == 0):
        return None
    running = container.state == "running"
    number = max(container.restarts - 1, 0) if running else container.restarts
    return Run(pod=pod, container=container, ended=ended, number=number)


def runs(view: View) -> Iterator[Run]:
    """The last run of each container that ever ended, of pods that are meant to stay."""
    for pod in alive(view):
        for container in pod.containers:
            if run := last_run(pod, container):
                yield run


def troubles(view: View) -> Iterator[Run]:
    """Runs that ended and were not made good: one restart that goes on is no failure."""
    return (run for run in runs(view) if not _recovered(run, view=view))


def wanted_logs(view: View) -> tuple[WantedLog, ...]:
    """Tails worth asking the node for: of crashed containers, each run once."""
    unknown = (run for run in runs(view) if run.key not in view.logs and _log_tells(run))
    return tuple(_wanted(run) for run, _ in zip(unknown, range(MOST_LOGS), strict=False))


def explain(run: Run, *, view: View) -> Objection:
    """Worst knowledge first: what the kernel or the kubelet did, then what the program said."""
    if told := _told_by_node(run, view=view):
        return told
    if _log_tells(run) and (told := _told_before(run, view=view)):
        return told
    if _outlived_budget(run, view=view):
        return _budget(run, view=view)
    return _ended_by_itself(run, view=view)


def _told_by_node(run: Run, *, view: View) -> Objection | None:
    """By the kubelet, or in the last words that a download leaves with it."""
    if run.container.name == FETCH and (told := _told_by_fetch(run, view=view)):
        return told
    if run.ended.reason == "OOMKilled" or "OOM-killed" in run.ended.message:
        return _out_of_memory(run, view=view)
    if run.ended.reason in runtime.NEVER_STARTED:
        return _cannot_start(run)
    lost = run.ended.reason in runtime.LOST and not _names_its_cause(run, view=view)
    return _lost(run) if lost else None


def report(run: Run) -> dict[str, Any]:
    """What `fetch` wrote as its last words; empty when it could not."""
    return _json_line(run.ended.message)


def fetched(pod: PodFacts) -> dict[str, Any] | None:
    """What the completed download of a pod reported; None while it is not complete."""
    found = next((c for c in pod.containers if c.name == FETCH and c.init), None)
    if found is None or found.ended is None or found.ended.exit_code != 0:
        return None
    return _json_line(found.ended.message)


def _recovered(run: Run, *, view: View) -> bool:
    container = run.container
    if container.state != "running":
        # Waiting for anything but its own back-off is another check's matter.
        return container.state == "waiting" and container.reason != "CrashLoopBackOff"
    if container.started and not container.init:
        return True
    if container.name == FETCH and report(run).get("reason"):
        return _got_on(run, view=view)
    deadline = patience.recovery(container, pod=run.pod)
    return deadline is None or patience.over(deadline, now=view.now)


def _got_on(run: Run, *, view: View) -> bool:
    """Whether a download that is tried again is past the hub's list; by time if none can tell."""
    told = fetchlog.told(view.heard.get((run.pod.uid, FETCH, run.container.restarts), ""))
    if told:
        return told.phase != fetchlog.LISTING
    return patience.over(patience.another_try(run.container), now=view.now)


def _log_tells(run: Run) -> bool:
    """The download reports by itself, and a container that never ran has no log."""
    silent = run.ended.reason in {"OOMKilled", *runtime.NEVER_STARTED}
    return run.container.name != FETCH and not silent


def _wanted(run: Run) -> WantedLog:
    return WantedLog(
        namespace=run.pod.namespace,
        pod=run.pod.name,
        container=run.container.name,
        previous=run.container.ended is None,
        lines=LOG_LINES,
        key=run.key,
        spoke=bool(run.ended.message),
    )


def _told_by_fetch(run: Run, *, view: View) -> Objection | None:
    told = report(run)
    reason, message = str(told.get("reason", "")), str(told.get("message", ""))
    if not reason:
        return None
    if isinstance(view.plan, Plan):
        message = fetch_cures.with_field(message, reason=reason, plan=view.plan)
    worn = reason not in PASSING and _hopeless(run, reason=reason)
    return _objection(run, reason, message, needs_user=True if worn else None)


def _told_before(run: Run, *, view: View) -> Objection | None:
    """A log that was read once may be gone, or its node away: what it told still holds."""
    status, ended = view.model.status, run.ended.finished
    told = failure(status, pod=run.pod.name, container=run.container.name, ended=ended)
    if view.logs.get(run.key) or not told:
        return None
    reason, words, operator = (told.get(key, "") for key in ("reason", "message", "operator"))
    needs_user = True if reason == stalled(status) else None
    return _objection(run, reason, words, needs_user=needs_user, operator=operator)


def _cannot_start(run: Run) -> Objection:
    words = runtime.start(run.ended.message)
    message = f"container {run.container.name}: {words}"
    hopeless = runtime.start_is_hopeless(words) or _hopeless(run)
    return _objection(run, Reason.CANNOT_START, message, needs_user=hopeless)


def _names_its_cause(run: Run, *, view: View) -> bool:
    told = _telling(run, view=view)
    return told is not None and told.number > 0 and told.reason is not None


def _lost(run: Run) -> Objection:
    """A node that starts again finds containers of before, and no exit code of theirs."""
    message = (
        f"container {run.container.name} was lost: its node, or the container runtime there, "
        "has started again (nothing to cure in the model)"
    )
    hopeless = _hopeless(run, after=HOPELESS_AT_LAST)
    return _objection(run, Reason.TERMINATED, message, needs_user=hopeless)


def _out_of_memory(run: Run, *, view: View) -> Objection:
    name, plan = run.container.name, view.plan
    message = f"container {name} used more host memory than its limit and was killed"
    if isinstance(plan, Plan):
        message += f"; {_more_memory(plan, container=name)}"
    return _objection(run, Reason.OUT_OF_MEMORY, message, needs_user=_hopeless(run))


def _more_memory(plan: Plan, *, container: str) -> str:
    """Files in /dev/shm count as memory of the container too."""
    field = cures.memory_field(plan, container=container)
    if limit := cures.memory_limit(plan, container=container):
        return f"raise {field}, which is {limit}"
    return (
        f"{field} is not set, so the limit is of a LimitRange of the namespace, or all that the "
        "node has: set it to what the container needs"
    )


def _outlived_budget(run: Run, *, view: View) -> bool:
    """A server that was ended just when its budget was over did not answer in time.

    One that loads does not hear SIGTERM, so it lasts until its grace period is over, too.
    """
    plan, lasted = view.plan, patience.ran(run.ended)
    if lasted is None or run.container.name != SERVER or not isinstance(plan, Plan):
        return False
    budget = timedelta(seconds=plan.budget_seconds)
    grace = timedelta(seconds=plan.pod.grace_seconds)
    then = budget - SOONER <= lasted <= budget + grace + LATER
    ready = became_ready(view.model.status, pod=run.pod.name, started=run.ended.started)
    return then and not ready and _was_told_to_end(run, view=view)


def _was_told_to_end(run: Run, *, view: View) -> bool:
    """By a signal, or in Python's words for it."""
    told = _telling(run, view=view)
    terminated = told is not None and told.reason is Reason.TERMINATED
    return terminated or run.ended.exit_code in KILLED


def _budget(run: Run, *, view: View) -> Objection:
    """How the budget came about stands before what the log says, which may be long."""
    told = _telling(run, view=view)
    last = f"; its log says: {told.line}" if told and told.line else ""
    came = f" ({view.plan.budget_origin})" if isinstance(view.plan, Plan) else ""
    budget = view.plan.budget_seconds if isinstance(view.plan, Plan) else 0
    message = (
        f"container {run.container.name} did not answer within {budget} s{came} and was killed; "
        f"raise spec.startup.budgetSeconds{last}"
    )
    reason = Reason.STARTUP_BUDGET_EXCEEDED
    return _objection(run, reason, message, needs_user=_hopeless(run, reason=reason))


def _ended_by_itself(run: Run, *, view: View) -> Objection:
    code = run.ended.exit_code
    told = _telling(run, view=view)
    cause, last = _line(told, code=code)
    parts = [f"container {run.container.name} ended with exit code {code}"]
    parts.append(f": {cause}" if cause else "")
    cure = _cure(run, told, view=view)
    parts.append(f" ({cure})" if cure else "")
    parts.append(f"; the last line of its log: {last}" if last else "")
    reason, operator = _crash_reason(run, told), told.operator if told else ""
    heals = told is not None and told.needs_user is False
    after = HOPELESS_AT_LAST if heals else HOPELESS_FROM_RESTART
    worn = _hopeless(run, reason=reason, after=after)
    needs_user = bool(told and told.needs_user) or worn
    return _objection(run, reason, "".join(parts), needs_user=needs_user, operator=operator)


def _line(told: loglines.Telling | None, *, code: int) -> tuple[str, str]:
    """The line that tells the cause, or one that only tells how far it was when it was killed."""
    if told is None:
        return "", ""
    silent = not told.failed and code in {0, KILL}
    return ("", told.line) if silent else (told.line, "")


def _cure(run: Run, told: loglines.Telling | None, *, view: View) -> str:
    """The causes are those of a server; of another container its place is told."""
    name, plan = run.container.name, view.plan
    if name == SERVER and told and (first := cures.of_first_line(told, view)):
        return first
    if name == SERVER and told and told.cure:
        return told.cure
    killed = run.ended.exit_code == KILL
    if not isinstance(plan, Plan):
        return FROM_OUTSIDE if killed else ""
    place = cures.place(plan, container=name)
    if killed:
        return f"{FROM_OUTSIDE}: {place}.resources.requests.memory sets more of it aside"
    return "" if name in {SERVER, FETCH} else f"act on what it says, in {place}"


def _hopeless(run: Run, *, reason: str = "", after: int = HOPELESS_FROM_RESTART) -> bool:
    """Again and again, and soon each time: a crash after a week is no loop."""
    lasted = patience.ran(run.ended)
    # A start that is killed for its budget lasts as long as that, and was never ready.
    late = reason == Reason.STARTUP_BUDGET_EXCEEDED
    soon = late or lasted is None or lasted < patience.LONG_RUN
    return soon and run.container.restarts >= after


def _crash_reason(run: Run, told: loglines.Telling | None) -> Reason:
    if run.container.name == FETCH:
        return Reason.FETCH_FAILED
    if told and told.reason and run.container.name == SERVER:
        return told.reason
    died = run.ended.exit_code == 0 and run.container.name == SERVER
    return Reason.ENGINE_DIED if died else Reason.CRASH_LOOP


def _telling(run: Run, *, view: View) -> loglines.Telling | None:
    """The log if it was read; else its last 2 KiB, which the kubelet keeps."""
    server = run.container.name == SERVER
    code = run.ended.exit_code if server else None
    told = loglines.telling(view.logs.get(run.key) or run.ended.message, exit_code=code)
    if told and server and isinstance(view.plan, Plan):
        return cures.fitted(told, plan=view.plan)
    return told


def _objection(
    run: Run,
    reason: str,
    message: str,
    *,
    needs_user: bool | None = None,
    operator: str = "",
) -> Objection:
    culprit = Culprit(
        pod=run.pod.name,
        node=run.pod.node,
        container=run.container.name,
        exit_code=run.ended.exit_code,
        time=run.ended.finished,
        operator=operator,
    )
    return Objection(reason=reason, message=message, culprit=culprit, needs_user=needs_user)


def _json_line(text: str) -> dict[str, Any]:
    """The last line that is a JSON object: a log tail may stand before it."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            try:
                found = json.loads(line)
            except ValueError:
                continue
            return found if isinstance(found, dict) else {}
    return {}
