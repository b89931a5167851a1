"""Reads a summary the way a person reads `kubectl get -o yaml`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flagos_operator.status.summary import Event, Summary
    from flagos_operator.status.view import View


def condition(summary: Summary, kind: str) -> dict[str, Any]:
    """Empty when there is none of that type."""
    return next((each for each in summary.status["conditions"] if each["type"] == kind), {})


def ready(summary: Summary) -> dict[str, Any]:
    return condition(summary, "Ready")


def kinds(events: tuple[Event, ...]) -> list[tuple[str, str]]:
    return [(each.type, each.reason) for each in events]


def written(view: View, summary: Summary) -> View:
    """The view of the next pass: the status is in the cluster, nothing else has changed."""
    return replace(view, model=replace(view.model, status=summary.status))
