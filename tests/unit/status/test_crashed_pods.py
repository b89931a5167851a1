"""What a container that ended makes of Ready."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flagos_operator.observed.facts import PodFacts
from flagos_operator.status.briefly import briefly
from flagos_operator.status.crash_remedies import CRASHES
from flagos_operator.status.summary import summarize
from flagos_operator.status.view import Objection
from tests.unit.status.build import (
    NO_REPO,
    a_condition,
    a_model,
    a_plan,
    a_pod,
    a_view,
    ago,
    crashed,
    ended,
    fetch_failing,
    fetched,
    fetching,
    starting,
    waiting,
)
from tests.unit.status.read import ready


class TestCrashes:
    def test_one_restart_that_goes_on_is_starting_with_the_failure_kept(self):
        again = starting(restarts=1, last=ended(1, at=30, message="OSError: odd"), since=ago(29))
        summary = summarize(a_view(a_pod(fetched(), again)))
        assert ready(summary)["reason"] == "Starting"
        assert summary.status["progress"] == (
            "its container runs, no line of its log read yet, restarted once (CrashLoop)"
        )
        assert summary.status["lastFailure"]["message"] == (
            "container server ended with exit code 1: OSError: odd"
        )

    def test_a_loop_stays_a_loop_while_it_tries_again(self):
        again = starting(restarts=4, last=ended(1, at=9, ran=20), since=ago(8))
        view = a_view(a_pod(fetched(), again))
        assert ready(summarize(view))["reason"] == "CrashLoop"
        assert summarize(view).requeue_after == 32  # twice the 20 s of the last run, less 8

    def test_a_run_that_lasts_a_little_longer_under_load_is_still_the_loop(self):
        again = starting(restarts=5, last=ended(1, at=36, ran=20), since=ago(35))
        assert ready(summarize(a_view(a_pod(fetched(), again))))["reason"] == "CrashLoop"

    def test_a_loop_of_very_short_runs_takes_ten_seconds_more_to_end(self):
        again = starting(restarts=5, last=ended(1, at=9, ran=2), since=ago(8))
        view = a_view(a_pod(fetched(), again))
        assert ready(summarize(view))["reason"] == "CrashLoop"
        assert summarize(view).requeue_after == 4

    def test_a_run_twice_as_long_as_the_one_before_ends_the_loop(self):
        again = starting(restarts=4, last=ended(1, at=41, ran=20), since=ago(40))
        assert ready(summarize(a_view(a_pod(fetched(), again))))["reason"] == "Starting"

    def test_a_run_of_hours_was_no_part_of_a_loop(self):
        again = starting(restarts=4, last=ended(1, at=9, ran=9000), since=ago(8))
        assert ready(summarize(a_view(a_pod(fetched(), again))))["reason"] == "Starting"

    def test_a_container_that_ended_is_told_at_once(self):
        over = starting(state="terminated", ended=ended(2, message="vllm: error: argument -x: y"))
        summary = summarize(a_view(a_pod(fetched(), over)))
        assert ready(summary)["reason"] == "InvalidArgument"
        assert "error: argument -x: y" in ready(summary)["message"]

    def test_a_container_that_is_made_anew_is_not_in_trouble(self):
        anew = waiting("ContainerCreating", last=ended(1), restarts=1)
        assert ready(summarize(a_view(a_pod(fetched(), anew))))["reason"] == "Starting"

    def test_a_run_without_times_does_not_loop(self):
        again = starting(restarts=4, last=ended(1, started=None), since=ago(8))
        assert ready(summarize(a_view(a_pod(fetched(), again))))["reason"] == "Starting"

    def test_a_second_try_of_the_download_is_downloading(self):
        again = fetching(restarts=1, last=ended(10, message=NO_REPO))
        summary = summarize(a_view(a_pod(again, waiting("PodInitializing"))))
        assert ready(summary)["reason"] == "Downloading"
        assert summary.status["lastFailure"]["reason"] == "SourceNotFound"

    def test_a_kill_long_after_the_budget_is_a_crash(self):
        killed = crashed(ended(137, ran=7200))
        assert ready(summarize(a_view(a_pod(fetched(), killed))))["reason"] == "CrashLoop"

    def test_a_server_that_does_not_hear_sigterm_is_killed_when_its_grace_is_over(self):
        """So a vLLM that loads does, and its grace is as long as requests may take to finish."""
        plan = a_plan()
        patient = replace(plan, pod=replace(plan.pod, grace_seconds=320))
        killed = a_pod(fetched(), crashed(ended(137, ran=600 + 322)))
        assert ready(summarize(a_view(killed, plan=patient)))["reason"] == "StartupBudgetExceeded"

    def test_the_last_probe_fails_a_period_before_the_budget_is_over(self):
        killed = a_pod(fetched(), crashed(ended(143, ran=595)))
        assert ready(summarize(a_view(killed)))["reason"] == "StartupBudgetExceeded"

    def test_one_that_was_told_to_end_while_it_read_its_configuration_had_no_budget_left(self):
        said = "KeyboardInterrupt: terminated"
        killed = a_pod(fetched(), crashed(ended(1, ran=605, message=said)))
        assert ready(summarize(a_view(killed)))["reason"] == "StartupBudgetExceeded"

    def test_one_that_was_ready_did_answer_in_time_whenever_it_is_killed(self):
        run = ended(137, ran=640)
        told = {"phase": "Ready", "since": "2026-11-25T11:50:00Z", "pod": "qwen-0"}
        seen = {"startup": {**told, "started": "2026-11-25T11:49:15Z"}}
        view = a_view(a_pod(fetched(), crashed(run)), model=a_model(status=seen))
        assert ready(summarize(view))["reason"] == "CrashLoop"

    def test_the_budget_message_has_what_the_server_last_said(self):
        killed = crashed(ended(137, ran=640, message="Loading weights"))
        told = ready(summarize(a_view(a_pod(fetched(), killed))))["message"]
        assert "within 600 s" in told
        assert "Loading weights" in told

    def test_the_budget_message_says_how_it_came_about_and_what_to_raise(self):
        killed = a_pod(fetched(), crashed(ended(137, ran=640, message="x" * 5000)))
        told = ready(summarize(a_view(killed)))["message"]
        assert "2 x 588 s to start with an empty kernel cache" in told
        assert "raise spec.startup.budgetSeconds" in told

    def test_a_run_that_was_ready_makes_no_loop_of_the_next_start(self):
        again = starting(restarts=2, last=ended(137, at=6, ran=46), since=ago(5))
        pod = a_pod(fetched(), again)
        told = replace(a_condition("Ready", "False", "ContainersNotReady"), since=ago(6))
        assert ready(summarize(a_view(pod)))["reason"] == "CrashLoop"
        summary = summarize(a_view(replace(pod, conditions=(told,))))
        assert ready(summary)["reason"] == "Starting"
        assert "restarted 2 times (CrashLoop)" in summary.status["progress"]

    def test_a_pod_that_was_ready_before_the_run_says_nothing_of_it(self):
        again = starting(restarts=3, last=ended(1, at=6, ran=20), since=ago(5))
        told = replace(a_condition("Ready", "False", "ContainersNotReady"), since=ago(26))
        pod = replace(a_pod(fetched(), again), conditions=(told,))
        assert ready(summarize(a_view(pod)))["reason"] == "CrashLoop"

    def test_out_of_memory_names_the_field_of_its_container(self):
        fetch = a_pod(fetch_failing("", reason="OOMKilled"))
        assert "spec.fetch.resources" in ready(summarize(a_view(fetch)))["message"]
        server = a_pod(crashed(ended(137, reason="OOMKilled")))
        assert "spec.server.resources" in ready(summarize(a_view(server)))["message"]


@pytest.mark.parametrize(
    ("pod", "progress"),
    [
        (
            a_pod(fetch_failing(), waiting("PodInitializing")),
            "the hub has no such repo: spec.source.modelscope.repo",
        ),
        (
            a_pod(fetched(), crashed(ended(2, message="vllm: error: argument -x: y"))),
            "the server refuses an argument: spec.server",
        ),
        (
            a_pod(fetched(), crashed(ended(137, reason="OOMKilled"))),
            "more host memory is used than allowed: spec.server.resources.limits.memory",
        ),
        (
            a_pod(fetched(), crashed(ended(1, message="OSError: odd"), restarts=0)),
            "server ended with exit code 1: OSError: odd",
        ),
        (
            a_pod(fetched(), crashed(ended(137, message="Route: /a, Methods: POST"))),
            "server ended with exit code 137, killed from outside",
        ),
        (
            a_pod(fetched(), crashed(ended(0), restarts=0)),
            "the engine died",
        ),
    ],
)
def test_the_column_says_what_is_to_be_corrected(pod: PodFacts, progress: str):
    """And not only how often it was tried; the sentence with the cure is the condition's."""
    assert summarize(a_view(pod)).status["progress"].startswith(progress)


@pytest.mark.parametrize("code", [0, 137])
def test_what_was_written_last_is_no_cause_of_a_kill(code: int):
    killed = a_pod(fetched(), crashed(ended(code, message="Route: /a, Methods: POST")))
    told = ready(summarize(a_view(killed)))["message"]
    assert told.startswith(f"container server ended with exit code {code}")
    assert "; the last line of its log: Route: /a, Methods: POST" in told
    failed = a_pod(fetched(), crashed(ended(code, message="OSError: odd")))
    told = ready(summarize(a_view(failed)))["message"]
    assert told.startswith(f"container server ended with exit code {code}: OSError: odd")


@pytest.mark.parametrize("reason", CRASHES)
def test_no_failed_start_leaves_the_column_empty(reason: str):
    assert briefly(Objection(reason=reason, message=""))
