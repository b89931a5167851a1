"""The last failure: kept after it is over, so that a restart in the night leaves a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flagos_operator.status import checks, crashes, endings
from flagos_operator.status.pods import finished, newest
from flagos_operator.status.reasons import Kind, kind_of
from flagos_operator.status.text import bounded, stamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flagos_operator.status.view import Culprit, Objection, View

_IDENTITY = ("reason", "pod", "container")


def last_failure(view: View) -> Mapping[str, Any] | None:
    """The present trouble, else the latest run that ended, else what was known before."""
    old = view.model.status.get("lastFailure") or None
    found = _present(view) or _latest(view)
    if found is None or found.culprit is None:
        return old
    fresh = _described(found, at=found.culprit)
    if "time" in fresh:
        return fresh if old is None or old.get("time", "") <= fresh["time"] else old
    same = old is not None and all(old.get(key, "") == fresh.get(key, "") for key in _IDENTITY)
    return {**fresh, "time": old["time"] if old and same and "time" in old else stamp(view.now)}


def _present(view: View) -> Objection | None:
    found = checks.trouble(view)
    return found if found and found.culprit and kind_of(found.reason) in _FAILING else None


_FAILING = {Kind.FAILED, Kind.BLOCKED}


def _latest(view: View) -> Objection | None:
    ended = [run for run in crashes.runs(view) if run.ended.finished]
    if ended:
        last = max(ended, key=lambda run: stamp(run.ended.finished or view.now))
        return crashes.explain(last, view=view)
    gone = [pod for pod in newest(view) if finished(pod)]
    return endings.eviction(gone[-1]) if gone else None


def _described(found: Objection, *, at: Culprit) -> dict[str, Any]:
    told = {
        "reason": str(found.reason),
        "message": bounded(found.message),
        "container": at.container,
        "pod": at.pod,
        "node": at.node,
        "exitCode": at.exit_code,
        "operator": at.operator,
        "time": stamp(at.time) if at.time else "",
    }
    return {key: value for key, value in told.items() if value not in ("", None)}
