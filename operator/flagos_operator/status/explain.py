"""Explains a log without a cluster: how far the start came, why it ended and what helps."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flagos_operator.status import kernels, loglines, proof, reached, text
from flagos_operator.status.reasons import Reason
from flagos_operator.status.remedies import REMEDIES
from flagos_operator.status.tuning import tuning

FIELD = re.compile(r"\bspec\.[A-Za-z]+(?:\.[A-Za-z]+)*(?:: \[[\w, ]+\])?")
# What the server writes when it is told to end, and does.
TOLD_TO_END = re.compile(r"\[shutdown\]|Shutting down$|Waiting for application shutdown")
KILLED = 137
FROM_OUTSIDE = (
    "it was killed from outside (SIGKILL): for want of host memory if kubectl describe pod says "
    "OOMKilled (raise spec.server.resources.limits.memory), else by its probe (raise "
    "spec.startup.budgetSeconds) or with its pod"
)
SILENT = (
    "the log says nothing: kubectl describe pod may; else run the command by hand in its image"
)
UNKNOWN = "not a known cause: act on this line and on those before it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Line numbers count from 1; 0: no line says it. An empty reason: no failure was seen."""

    phase: str
    phase_line: int
    reason: str
    line: str
    line_number: int
    cure: str
    fields: tuple[str, ...]
    operator: str
    heals: bool | None
    stack: str  # as in the status; Unknown: the log does not tell
    stack_line: int
    stack_why: str  # why the plugin is not in use, if the log says so
    tuning: str  # empty: no kernel was seen to be tuned


def explain(log: str, *, exit_code: int | None = None) -> Explanation:
    log = text.plain(log)
    step = reached.reached(log.split("\n"))
    told = loglines.telling(log, exit_code=exit_code)
    reason = _reason(told, log=log, step=step, exit_code=exit_code)
    if not reason and step.name == reached.READY:
        told = None  # the last words of a server that is well tell nothing
    cure = _cure(told, reason=reason, exit_code=exit_code)
    seen = proof.seen(log)
    return Explanation(
        phase=step.name,
        phase_line=step.number,
        reason=reason or "",
        line=told.line if told else "",
        line_number=told.number if told else 0,
        cure=cure,
        fields=tuple(dict.fromkeys(FIELD.findall(cure))),
        operator=told.operator if told else "",
        heals=None if told is None or told.needs_user is None else not told.needs_user,
        stack=seen.stack,
        stack_line=seen.number,
        stack_why=f"{seen.line} ({seen.cure})" if seen.line and seen.cure else "",
        tuning=kernels.words(tuning(log)),
    )


def _reason(
    told: loglines.Telling | None, *, log: str, step: reached.Reached, exit_code: int | None
) -> Reason | None:
    if told and told.reason:
        return told.reason
    if exit_code == 0:
        asked = any(TOLD_TO_END.search(line) for line in log.splitlines()[-60:])
        return None if asked and step.name == reached.READY else Reason.ENGINE_DIED
    if exit_code is not None or (told and told.failed):
        return Reason.CRASH_LOOP
    return None


def _cure(told: loglines.Telling | None, *, reason: Reason | None, exit_code: int | None) -> str:
    if told and told.cure:
        return told.cure
    if exit_code == KILLED:
        return FROM_OUTSIDE
    if reason is Reason.CRASH_LOOP:
        return UNKNOWN if told else SILENT
    return REMEDIES[reason].cure if reason else ""
