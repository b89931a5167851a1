"""A server whose log was read to its end, and in which nothing was ever written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from flagos_operator.status.summary import Summary, summarize
from tests.unit.status.build import a_plan
from tests.unit.status.read import condition, ready
from tests.unit.status.test_startup import RUN, loading, seen

if TYPE_CHECKING:
    from flagos_operator.status.view import View


def silent(*, now: float, **plan: Any) -> View:
    """Its log was read to its end, and nothing was ever in it."""
    heard, log = {("p0", "server", 0): ""}, frozenset({("p0", "server", 0)})
    return seen(loading(), now=now, heard=heard, silent=log, plan=replace(a_plan(), **plan))


@pytest.mark.parametrize("engine", ["VLLM", "SGLang"])
def test_a_log_with_nothing_in_it_is_held_to_the_first_step(engine: str):
    """A server behind `preStart: sleep 10000` was Starting for ever."""

    def look(now: float) -> Summary:
        return summarize(silent(now=RUN + now, engine=engine))

    assert ready(look(599))["reason"] == "Starting"
    assert look(599).requeue_after == 1
    found = look(600)
    for each in ("Ready", "Progressing"):
        said = condition(found, each)
        assert (said["status"], said["reason"]) == ("False", "Stalled")
        assert (
            "nothing in its log since its container began at 2026-11-25T12:02:00Z"
            in said["message"]
        )
    assert (found.status["phase"], found.status["progress"]) == (
        "Starting",
        "starting, but nothing is in its log",
    )


def test_an_engine_of_the_users_own_may_be_silent_unless_it_is_said_how_long():
    late = silent(now=RUN + 90_000, engine="Custom")
    assert ready(summarize(late))["reason"] == "Starting"
    limited = silent(now=RUN + 30, engine="Custom", stall_seconds=30)
    assert ready(summarize(limited))["reason"] == "Stalled"


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ({"preStart": "sleep 10000"}, "look at spec.server.preStart, which runs before it"),
        ({"command": ["sleep"]}, "look at spec.server.command"),
        ({}, "spec.server.command is what it runs"),
    ],
)
def test_what_to_look_at_is_what_runs_before_the_first_line(server: Any, words: str):
    view = silent(now=RUN + 30, stall_seconds=30)
    model = replace(view.model, raw={"spec": {"server": server}})
    assert ready(summarize(replace(view, model=model)))["message"].endswith(words)


def test_a_log_that_was_cut_off_is_not_one_that_has_said_nothing():
    before = summarize(seen(loading(), now=RUN + 300))
    view = silent(now=RUN + 90_000)
    model = replace(view.model, status=before.status)
    assert ready(summarize(replace(view, model=model)))["reason"] == "Starting"


def test_it_ends_with_the_first_line():
    on = seen(loading(), now=RUN + 50)
    plan = replace(a_plan(), stall_seconds=60)
    assert ready(summarize(replace(on, plan=plan)))["reason"] == "Starting"
