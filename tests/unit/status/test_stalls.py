"""A start whose log says nothing more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flagos_operator.status.reasons import Reason
from flagos_operator.status.startlog import distil, story
from flagos_operator.status.steps import STEPS
from flagos_operator.status.summary import Summary, summarize
from tests.unit.status.a_start import (
    FLAGOS,
    RUN,
    after,
    at,
    loading,
    seen,
)
from tests.unit.status.build import (
    NOW,
    a_plan,
)
from tests.unit.status.read import condition, ready
from tests.unit.status.timed import log


class TestStalled:
    @pytest.mark.parametrize(
        ("read", "patience", "step"),
        [(60, 600, "Starting"), (107, 900, "Loading"), (230, 1800, "Compiling"),
         (440, 3000, "Capturing"), (586, 1800, "WarmingUp")],
    )  # fmt: skip
    def test_a_log_that_stands_still_is_named_with_its_last_line(
        self, read: float, patience: float, step: str
    ):
        kept = distil("", log(FLAGOS, began=at(RUN), until=read))
        last, words = story(kept).last, story(kept).words
        assert last
        due = (last.at - NOW).total_seconds() + patience

        def look(now: float) -> Summary:
            return summarize(seen(loading(), now=now, heard={("p0", "server", 0): kept}))

        assert ready(look(due - 1))["reason"] == "Starting"
        found = look(due)
        for each in ("Ready", "Progressing"):
            said = condition(found, each)
            assert (said["status"], said["reason"]) == ("False", "Stalled")
            assert said["message"].endswith(f"{words}; {STEPS[Reason.STALLED]}")
        assert found.status["phase"] == step
        assert found.status["progress"].endswith("its log stands still")
        assert all(each["type"] != "Stalled" for each in found.status["conditions"])
        assert "lastFailure" not in found.status

    def test_of_two_replicas_the_one_that_stands_still_is_told(self):
        """And not how far the other one is, which goes on."""
        still, goes_on = loading(), loading(uid="p1", name="qwen-1")
        kept = distil("", log(FLAGOS, began=at(RUN), until=108))
        further = distil("", log(FLAGOS, began=at(RUN), until=300))
        heard = {("p0", "server", 0): kept, ("p1", "server", 0): further}
        found = summarize(seen(still, goes_on, now=RUN + 108 + 900, heard=heard))
        assert (ready(found)["reason"], found.status["phase"]) == ("Stalled", "Loading")
        progress = found.status["progress"]
        assert progress == "loading weights 2/5 shards, but its log stands still"

    def test_it_is_looked_at_when_it_is_due(self):
        summary = summarize(seen(loading(), now=RUN + 60))
        assert summary.requeue_after is not None
        assert 550 < summary.requeue_after <= 600

    def test_it_ends_by_itself_when_the_log_goes_on(self):
        kept = distil("", log(FLAGOS, began=at(RUN), until=60))
        stalled = summarize(seen(loading(), now=1000, heard={("p0", "server", 0): kept}))
        assert ready(stalled)["reason"] == "Stalled"
        on = f"{kept}\n2026-11-25T12:16:41.000000000Z INFO going on"
        again = after(stalled, loading(), now=1002, heard={("p0", "server", 0): on})
        assert ready(summarize(again))["reason"] == "Starting"

    @pytest.mark.parametrize("heard", [{}, {("p0", "server", 0): ""}])
    def test_what_could_not_be_read_is_not_judged(self, heard: Any):
        before = summarize(seen(loading(), now=RUN + 300))
        summary = summarize(after(before, loading(), now=RUN + 90_000, heard=heard))
        assert ready(summary)["reason"] == "Starting"

    def test_a_chip_that_takes_its_time_is_given_time(self):
        """A first start of an hour and a half, most of it without a word."""
        kept = distil("", log(FLAGOS, began=at(RUN), until=300))
        heard = {("p0", "server", 0): kept}
        plan = replace(a_plan(), budget_seconds=7200)
        view = seen(loading(), now=RUN + 300 + 5400, heard=heard, plan=plan)
        assert ready(summarize(view))["reason"] == "Starting"

    def test_who_knows_better_says_how_long_it_may_be_silent(self):
        kept = distil("", log(FLAGOS, began=at(RUN), until=60))
        last = story(kept).last
        assert last
        plan, silent = replace(a_plan(), stall_seconds=30), (last.at - NOW).total_seconds()

        def reason(seconds: float) -> str:
            heard = {("p0", "server", 0): kept}
            view = seen(loading(), now=silent + seconds, heard=heard, plan=plan)
            return str(ready(summarize(view))["reason"])

        assert (reason(29), reason(30)) == ("Starting", "Stalled")

    def test_recorded_starts_are_far_from_it(self):
        for name in ("flagos-h100-cold-default", "sigterm-swallowed-then-ready"):
            for now in range(RUN, RUN + 400, 7):
                found = summarize(seen(loading(), now=now, name=name))
                assert ready(found)["reason"] == "Starting"
