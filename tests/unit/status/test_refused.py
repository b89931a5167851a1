"""Input: a spec that cannot be served. Asserted: what the columns and conditions say meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flagos_operator.api.outcome import Invalid
from flagos_operator.desired.wish import Rejected, Selection
from flagos_operator.status.summary import Summary, summarize
from tests.unit.status.build import a_model, a_view
from tests.unit.status.read import condition, ready

LONG = "spec.server.args[0]: --max-model-len has a field of its own: set that and remove it here; "


def refused(
    reason: str, message: str = "x", *, spec: Any = None, status: Any = None, **change: Any
) -> Summary:
    model = a_model(raw={"spec": spec or {}}, status=status or {})
    return summarize(a_view(plan=Invalid(reason=reason, message=message), model=model, **change))


def waiting_for(*chips: str, reason: str = "NotEnoughFree", needs_user: bool = False) -> Summary:
    fault = Invalid(reason="NoReleaseFits", message="none fits", needs_user=needs_user)
    others = tuple(Rejected(release=f"m-{c}", chip=c, reason=reason, message="x") for c in chips)
    made = Selection(wish="m on any chip", rejected=others, fault=fault)
    return summarize(a_view(plan=fault, selection=made))


def columns(summary: Summary) -> tuple[str, str]:
    resolved = summary.status.get("resolved", {})
    return resolved.get("chip", ""), summary.status.get("progress", "")


def test_a_model_that_waits_for_chips_says_for_which() -> None:
    assert columns(waiting_for("nvidia")) == ("nvidia", "waiting for nvidia")
    assert columns(waiting_for("nvidia", "metax")) == ("", "waiting for nvidia or metax")
    assert condition(waiting_for("nvidia"), "Stalled") == {}
    assert waiting_for("nvidia").status["phase"] == "Pending"


def test_one_that_waits_for_somebody_says_what_is_wrong() -> None:
    summary = waiting_for("nvidia", reason="ImageRequired", needs_user=True)
    assert columns(summary) == ("", "none fits")
    assert condition(summary, "Stalled")["reason"] == "NoReleaseFits"


def test_while_a_choice_is_made_the_columns_say_so() -> None:
    summary = refused("Choosing", spec={"model": {"name": "m"}})
    assert columns(summary) == ("", "looking for free chips")


@pytest.mark.parametrize(
    ("reason", "chip"),
    [("ManagedFlag", "nvidia"), ("UnknownChip", ""), ("InvalidSpec", ""), ("UnknownModel", "")],
)
def test_the_chip_that_a_spec_names_is_shown_once_it_is_known_to_exist(
    reason: str, chip: str
) -> None:
    assert columns(refused(reason, "spec.x: no", spec={"chip": "nvidia"})) == (chip, "spec.x: no")


def test_what_runs_counts_more_than_what_is_asked_for() -> None:
    runs = {"resolved": {"chip": "metax", "image": "x:1"}}
    assert columns(refused("ManagedFlag", spec={"chip": "nvidia"}, status=runs))[0] == "metax"
    guessed = {"resolved": {"chip": "metax"}}
    assert columns(refused("ManagedFlag", spec={"chip": "nvidia"}, status=guessed))[0] == "nvidia"


def test_a_column_takes_the_beginning_of_a_long_message() -> None:
    shown = columns(refused("ManagedFlag", LONG * 2))[1]
    assert (LONG * 2).startswith(shown.removesuffix("..."))
    assert shown.endswith("...")
    assert len(shown.encode()) <= 120


def test_a_model_that_is_deleted_says_nothing_of_its_spec() -> None:
    view = a_view(plan=Invalid(reason="ManagedFlag", message="x"), model=a_model(deleting=True))
    summary = summarize(view)
    assert "progress" not in summary.status
    assert ready(summary)["reason"] == "Deleting"


@pytest.mark.parametrize("reason", ["NoReleaseFits", "UnknownChip", "InvalidSpec"])
def test_the_weights_of_a_refused_spec_point_to_what_there_is(reason: str) -> None:
    told = condition(refused(reason), "WeightsReady")
    assert (told["status"], told["reason"]) == ("Unknown", reason)
    assert told["message"] == (
        "the spec is not followed, so no weights are judged by it; Ready says why"
    )


@pytest.mark.parametrize(
    ("stop", "phase", "says"),
    [
        ({"suspend": True}, "Suspended", "spec.suspend is true, so no pod runs; "),
        ({"replicas": 0}, "Idle", "spec.replicas is 0, so no pod runs; "),
        ({"suspend": "yes"}, "Failed", ""),
    ],
)
def test_a_model_that_is_stopped_says_that_beside_what_is_wrong_with_it(
    stop: Any, phase: str, says: str
) -> None:
    """Its pods went, and it was told Failed as if it could go on once the fault is mended."""
    summary = refused("UnknownChip", "spec.chip: no chip nvidea", spec={"chip": "nvidea", **stop})
    assert summary.status["phase"] == phase
    for kind in ("Ready", "UpToDate", "Stalled"):
        told = condition(summary, kind)
        assert (told["reason"], told["message"]) == (
            "UnknownChip",
            f"{says}spec.chip: no chip nvidea",
        )
    assert summary.status["progress"] == "spec.chip: no chip nvidea"


def test_raw_specs_of_any_shape_are_survived() -> None:
    for raw in ({}, {"spec": None}, {"spec": ["x"]}, {"spec": {"chip": ["x"]}}):
        view = a_view(plan=Invalid(reason="InvalidPod", message="x"), model=a_model(raw=raw))
        assert summarize(replace(view)).status["phase"] == "Failed"
