"""The last failure: where, when and how, and kept after its cure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flagos_operator.status.summary import summarize
from tests.unit.status.build import (
    a_model,
    a_pod,
    a_view,
    ago,
    crashed,
    ended,
    fetched,
    starting,
    unscheduled,
    waiting,
)
from tests.unit.status.read import written


class TestLastFailure:
    def test_a_crash_tells_where_when_and_how(self):
        pod = a_pod(
            fetched(), crashed(ended(2, message="vllm: error: unrecognized arguments: -x"))
        )
        assert summarize(a_view(pod)).status["lastFailure"] == {
            "reason": "InvalidArgument",
            "message": "container server ended with exit code 2: vllm: error: unrecognized "
            "arguments: -x (correct spec.server.args)",
            "container": "server",
            "pod": "qwen-0",
            "node": "node1",
            "exitCode": 2,
            "time": "2026-11-25T11:59:55Z",
        }

    def test_exit_code_zero_is_kept(self):
        pod = a_pod(fetched(), crashed(ended(0)))
        assert summarize(a_view(pod)).status["lastFailure"]["exitCode"] == 0

    def test_it_outlives_its_cure(self):
        broken = a_view(a_pod(fetched(), crashed(ended(1))))
        cured = replace(written(broken, summarize(broken)), pods=(a_pod(),))
        assert summarize(cured).status["lastFailure"] == summarize(broken).status["lastFailure"]

    @pytest.mark.parametrize("logs", [{}, {("p0", "server", 1): ""}])
    def test_a_new_operator_that_cannot_read_the_log_says_what_was_told(self, logs: Any):
        """Its node is away, or the container of that run is gone; the kubelet's word is less."""
        pod = a_pod(fetched(), crashed(ended(1, message="EngineCore failed")))
        cause = "ValueError: ... estimated maximum model length is 4096"
        seen = a_view(pod, logs={("p0", "server", 1): cause})
        told = summarize(seen)
        again = summarize(replace(written(seen, told), logs=logs))
        assert told.status["lastFailure"]["reason"] == "KVCacheTooSmall"
        assert again.status == told.status

    def test_what_was_told_of_one_run_is_not_told_of_the_next(self):
        pod = a_pod(fetched(), crashed(ended(1, at=50)))
        cause = "ValueError: ... estimated maximum model length is 4096"
        seen = a_view(pod, logs={("p0", "server", 1): cause})
        later = a_pod(fetched(), crashed(ended(1, at=5), restarts=2))
        again = summarize(replace(written(seen, summarize(seen)), logs={}, pods=(later,)))
        assert again.status["lastFailure"]["reason"] == "CrashLoop"

    def test_what_has_no_time_of_its_own_keeps_the_time_of_its_first_sight(self):
        pulls = a_view(a_pod(waiting("ErrImagePull", "no route")))
        later = replace(
            written(pulls, summarize(pulls)),
            now=ago(-600),
            pods=(a_pod(waiting("ErrImagePull", "no such host")),),
        )
        failure = summarize(later).status["lastFailure"]
        assert failure["message"] == "no such host"
        assert failure["time"] == "2026-11-25T12:00:00Z"

    def test_another_failure_takes_its_place(self):
        pulls = a_view(a_pod(waiting("ErrImagePull", "no route")))
        later = replace(
            written(pulls, summarize(pulls)),
            now=ago(-600),
            pods=(a_pod(waiting("InvalidImageName", "bad")),),
        )
        failure = summarize(later).status["lastFailure"]
        assert (failure["reason"], failure["time"]) == ("InvalidImageName", "2026-11-25T12:10:00Z")

    def test_an_older_crash_does_not_take_the_place_of_a_newer(self):
        newer = {"reason": "CannotPullImage", "time": "2026-11-25T11:59:58Z"}
        again = starting(restarts=1, last=ended(1, at=5), since=ago(4))
        view = a_view(a_pod(fetched(), again), model=a_model(status={"lastFailure": newer}))
        assert summarize(view).status["lastFailure"] == newer

    def test_of_two_crashes_the_later_counts(self):
        early = starting(restarts=1, last=ended(3, at=50), since=ago(49))
        late = starting(restarts=1, last=ended(4, at=9), since=ago(8))
        pods = (a_pod(fetched(), early, name="a"), a_pod(fetched(), late, name="b"))
        assert summarize(a_view(*pods)).status["lastFailure"]["pod"] == "b"

    def test_what_waits_is_no_failure(self):
        assert "lastFailure" not in summarize(a_view(unscheduled("0/1: no room"))).status
