"""Whose logs are read while they run, and what of a server's log is kept of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flagos_operator.status import kernels, proof, stack, startlog, startup, weights
from flagos_operator.status.timeline import running
from flagos_operator.status.tuning import is_summary, tuned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flagos_operator.observed.facts import PodFacts
    from flagos_operator.status.logs import LiveLog
    from flagos_operator.status.view import View

# Tuning that goes on is told for a minute.
SLOW = 15.0
MOST_OF_A_KIND = 3


def live_logs(view: View) -> tuple[LiveLog, ...]:
    """A server that starts is wanted sooner than one that answers."""
    found = {each.key: each for each in _tuning(view)}
    found |= {each.key: each for each in _unread(view)}
    found |= {each.key: each for each in (*startup.live_logs(view), *weights.live_logs(view))}
    return tuple(found.values())


def distil(kept: str, new: str) -> str:
    """What tells of the start, of FlagOS and of tuning; the last line is that of the log."""
    before = kept.split("\n")
    summary = next(filter(is_summary, before), "")
    rest = "\n".join(line for line in before if not is_summary(line))
    told = startlog.distil(rest, new, patterns=proof.KEPT).split("\n")
    total = tuned(summary, _fresh(rest, new))
    return "\n".join([*told[:-1], *filter(None, [total]), *told[-1:]])


def _fresh(kept: str, new: str) -> Iterator[str]:
    """What was read already comes again: the kubelet counts in whole seconds."""
    known = [each.moment for each in startlog.lines(kept)][-1:]
    for each in startlog.lines(new):
        if not known or each.moment > known[0]:
            yield str(each)


def _unread(view: View) -> Iterator[LiveLog]:
    """Once, from its head: a replica that nobody followed, or one from before this operator."""
    return (replace(each, last=True) for each in _logs(stack.unread(view)[:MOST_OF_A_KIND]))


def _tuning(view: View) -> Iterator[LiveLog]:
    return (replace(each, pace=SLOW) for each in _logs(kernels.tunes(view)[:MOST_OF_A_KIND]))


def _logs(pods: Iterable[PodFacts]) -> Iterator[LiveLog]:
    return (startup.live_log(pod, server) for pod in pods if (server := running(pod)))
