"""spec.flagos.strict: without proof that FlagOS is on a model is not Ready."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from flagos_operator.status.summary import summarize
from tests.unit.status.build import (
    NOW,
    a_view,
)
from tests.unit.status.read import condition, ready, written
from tests.unit.status.test_proof import HEAD
from tests.unit.status.test_stack import OFF, ON, SILENT, a_server, asked, seen

if TYPE_CHECKING:
    from flagos_operator.status.summary import Summary


class TestStrict:
    def strict(self, log: str | None, **change: Any) -> Summary:
        pod = change.pop("pod", None)
        return summarize(seen(log, plan=asked(**({"strict": True} | change)), pod=pod))

    def test_proof_makes_it_ready(self):
        summary = self.strict(ON)
        assert ready(summary)["status"] == "True"
        assert summary.status["phase"] == "Ready"

    @pytest.mark.parametrize("log", [OFF, SILENT])
    def test_a_native_server_is_not_ready_and_waits_for_the_user(self, log: str):
        summary = self.strict(log)
        told = ready(summary)
        assert (told["status"], told["reason"]) == ("False", "PluginNotLoaded")
        assert "spec.flagos.strict" in told["message"]
        assert condition(summary, "Stalled")["status"] == "True"
        assert condition(summary, "Available")["status"] == "True"
        assert condition(summary, "Progressing")["status"] == "False"
        assert summary.status["phase"] == "Degraded"

    def test_while_proof_may_come_it_is_starting(self):
        summary = self.strict(HEAD, pod=a_server(since=10))
        told = ready(summary)
        assert (told["status"], told["reason"]) == ("False", "Starting")
        assert "waiting for proof in the log of qwen-0" in told["message"]
        assert summary.status["progress"] == "waiting for proof that FlagOS is on"
        assert summary.status["phase"] == "Starting"
        assert condition(summary, "Progressing")["status"] == "True"

    def test_a_log_that_was_not_read_yet_is_waited_for(self):
        summary = self.strict(None, pod=a_server(since=10))
        assert ready(summary)["reason"] == "Starting"
        assert summary.requeue_after == 80

    @pytest.mark.parametrize("log", [None, "", "all is quiet"])
    def test_a_log_that_cannot_tell_is_said_and_nobody_waits_for_ever(self, log):
        summary = self.strict(log)
        told = ready(summary)
        assert (told["status"], told["reason"]) == ("False", "FlagOSUnproven")
        assert "the log of qwen-0" in told["message"]
        assert summary.status["phase"] == "Degraded"
        assert condition(summary, "Progressing")["status"] == "False"
        assert summary.status["progress"] == "no proof that FlagOS is on"

    def test_it_asks_for_flagos_where_nobody_else_does(self):
        assert ready(self.strict(SILENT, mode=None))["reason"] == "PluginNotLoaded"
        assert ready(self.strict(ON, mode=None))["status"] == "True"

    def test_a_chip_of_mode_native_contradicts_it(self):
        told = ready(self.strict(SILENT, mode="Native"))
        assert (told["status"], told["reason"]) == ("False", "PluginNotLoaded")
        assert "spec.flagos.mode" in told["message"]

    def test_one_native_replica_is_too_many(self):
        pods = (a_server("a"), a_server("b"))
        heard = {("a", "server", 0): ON, ("b", "server", 0): OFF}
        plan = asked(replicas=2, strict=True)
        summary = summarize(a_view(*pods, plan=plan, heard=heard))
        assert ready(summary)["reason"] == "PluginNotLoaded"

    def test_scaling_up_does_not_flip_it(self):
        pods = (a_server("a"), a_server("b", since=5))
        heard = {("a", "server", 0): ON, ("b", "server", 0): HEAD}
        plan = asked(replicas=2, strict=True)
        assert ready(summarize(a_view(*pods, plan=plan, heard=heard)))["status"] == "True"

    def test_what_was_proven_outlives_the_log(self):
        plan = asked(strict=True)
        view = seen(ON, plan=plan)
        again = summarize(replace(written(view, summarize(view)), heard={}, now=NOW))
        assert ready(again)["status"] == "True"

    def test_an_older_pod_is_named_before_proof_that_is_outstanding(self):
        old = a_server("old", template="t0")
        view = seen(HEAD, plan=asked(strict=True), pod=a_server(since=10))
        summary = summarize(replace(view, pods=(*view.pods, old)))
        assert ready(summary)["reason"] == "Rolling"


def test_a_model_that_says_nothing_of_strict_is_ready_without_proof():
    for log in (None, SILENT, OFF):
        assert ready(summarize(seen(log)))["status"] == "True"
