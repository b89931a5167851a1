"""A claim that cannot become what is asked serves on: what else is wrong is told first."""

from __future__ import annotations

from typing import Any

import pytest

from flagos_operator.status.summary import Summary, summarize
from flagos_operator.status.view import Objection, View
from tests.unit.status.build import (
    a_claim,
    a_plan,
    a_pod,
    a_view,
    crashed,
    ended,
    fetched,
    starting,
    unscheduled,
)
from tests.unit.status.read import condition, kinds, ready, written
from tests.unit.status.test_ready import INSUFFICIENT

SAID = (
    "persistentvolumeclaims is invalid: field can not be less than status.capacity; it has 64Mi: "
    "set spec.weights.volumeClaimTemplate.size to that"
)
REFUSED = Objection(reason="VolumeClaimRefused", message=SAID)


def refused(*pods: Any, **change: Any) -> View:
    held = {"children": (a_claim("Bound"),)} | change
    return a_view(*pods, claim_refused=REFUSED, **held)


def told(summary: Summary, kind: str) -> tuple[str, str]:
    found = condition(summary, kind)
    return found.get("status", ""), found.get("reason", "")


def test_a_model_that_serves_is_ready_and_not_up_to_date() -> None:
    summary = summarize(refused(a_pod()))
    assert told(summary, "Ready") == ("True", "Serving")
    assert told(summary, "UpToDate") == ("False", "VolumeClaimRefused")
    assert condition(summary, "UpToDate")["message"] == SAID
    assert condition(summary, "Stalled") == {}
    assert summary.status["phase"] == "Ready"
    assert summary.status["progress"] == (
        "1/1 replicas ready, spec.weights.volumeClaimTemplate refused"
    )


def test_it_is_an_event_once() -> None:
    serves = a_view(a_pod())
    before = written(serves, summarize(serves))
    view = refused(a_pod(), model=before.model)
    summary = summarize(view)
    assert kinds(summary.events) == [("Warning", "VolumeClaimRefused")]
    assert summarize(written(view, summary)).events == ()


@pytest.mark.parametrize(
    ("pod", "reason", "progress"),
    [
        (a_pod(fetched(), crashed(ended(2, message="vllm: error: argument -x: y"))),
         "InvalidArgument", "restarted once"),
        (unscheduled(INSUFFICIENT), "Unschedulable", "no usable node has 1 nvidia.com/gpu free"),
    ],
)  # fmt: skip
def test_what_stops_the_pods_comes_first(pod: Any, reason: str, progress: str) -> None:
    summary = summarize(refused(pod))
    for kind in ("Ready", "Progressing"):
        assert told(summary, kind) == ("False", reason)
    assert told(summary, "UpToDate") == ("False", "VolumeClaimRefused")
    assert condition(summary, "Stalled").get("reason", reason) == reason
    assert progress in summary.status["progress"]
    assert ready(summary)["message"].endswith(f"; beside that the claim stays as it is: {SAID}")


def test_a_start_that_goes_on_is_told_without_it() -> None:
    summary = summarize(refused(a_pod(fetched(), starting())))
    assert told(summary, "Ready") == ("False", "Starting")
    assert told(summary, "Progressing") == ("True", "Starting")
    assert "claim" not in ready(summary)["message"]


def test_a_stop_is_told_before_it() -> None:
    summary = summarize(refused(plan=a_plan(suspended=True, replicas=0)))
    assert told(summary, "Ready") == ("False", "Suspended")
    assert summary.status["phase"] == "Suspended"


def test_one_without_a_volume_stops_the_pods() -> None:
    summary = summarize(refused(unscheduled(), children=(a_claim("Pending"),)))
    assert told(summary, "Ready") == ("False", "VolumeClaimRefused")
    assert told(summary, "UpToDate") == ("False", "VolumeClaimRefused")
    assert told(summary, "Stalled") == ("True", "VolumeClaimRefused")
    assert summary.status["progress"] == (
        "the claim is refused: spec.weights.volumeClaimTemplate.size"
    )


def test_one_without_which_no_pod_can_be_is_the_reason() -> None:
    summary = summarize(a_view(refused=REFUSED))
    assert told(summary, "Ready") == ("False", "VolumeClaimRefused")
    assert told(summary, "Stalled") == ("True", "VolumeClaimRefused")
