"""The steps of a start: which one it is, since when, how long each took, and whose log tells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flagos_operator.observed.facts import Condition
from flagos_operator.status import startup
from flagos_operator.status.startlog import distil
from flagos_operator.status.summary import summarize
from flagos_operator.status.view import View
from tests.unit.status.a_start import (
    FETCH,
    FETCHED,
    FLAGOS,
    NODE,
    PLACED,
    RUN,
    after,
    at,
    downloaded,
    loading,
    pod,
    seen,
    served,
    told,
)
from tests.unit.status.build import (
    a_container,
    ended,
    fetching,
    starting,
    waiting,
)
from tests.unit.status.read import condition, ready
from tests.unit.status.timed import log


@pytest.mark.parametrize(
    ("now", "phase", "progress"),
    [
        (RUN + 1, "Starting", "its container runs, no line of its log read yet"),
        (RUN + 50, "Starting", "starting the engine"),
        (RUN + 108, "Loading", "loading weights 2/5 shards"),
        (RUN + 120, "Loading", "weights loaded"),
        (RUN + 130, "Compiling", "compiling"),
        (RUN + 200, "Compiling", "compiled, measuring memory"),
        (RUN + 300, "Capturing", "capturing graphs"),
        (RUN + 557, "Capturing", "capturing graphs 51/51"),
        (RUN + 585, "WarmingUp", "warming up"),
    ],
)
def test_a_start_reads_as_a_story(now: float, phase: str, progress: str):
    summary = summarize(seen(loading(), now=now))
    assert (summary.status["phase"], summary.status["progress"]) == (phase, progress)
    assert ready(summary)["reason"] == "Starting"
    assert condition(summary, "Progressing")["status"] == "True"
    assert summary.status["startup"]["phase"] == phase


@pytest.mark.parametrize(
    ("view", "message"),
    [
        (
            seen(loading(), now=RUN + 1, heard={}),
            "the server's container runs; no line of its log has been read yet",
        ),
        (seen(loading(), now=RUN + 50), "the server starts its engine"),
        (seen(loading(), now=RUN + 108), "the server loads the model"),
        (
            seen(pod(downloaded(), waiting("ContainerCreating", last=ended())), now=RUN + 9),
            "the server's container is made again",
        ),
        (
            seen(replace(served(RUN + 590), ready=False, conditions=()), now=RUN + 600),
            "the server answers, but its pod is not ready",
        ),
    ],
)
def test_no_more_is_said_than_is_known(view: View, message: str):
    """Of a container that had not written a line it was said that the server loads the model."""
    assert ready(summarize(view))["message"] == message


def test_what_keeps_a_pod_from_being_ready_is_told_in_the_nodes_words():
    words = "containers with unready status: [proxy]"
    told = Condition(
        type="Ready", status="False", reason="ContainersNotReady", message=words, since=at(RUN)
    )
    beside = starting(name="proxy", since=at(RUN))
    one = pod(downloaded(), a_container(since=at(RUN)), beside, conditions=(PLACED, told))
    assert ready(summarize(seen(one, now=RUN + 600)))["message"] == (
        f"the server answers, but its pod is not ready: {words}"
    )


def test_once_it_serves_the_times_of_all_steps_are_kept():
    assert told(seen(served(RUN + 590), now=RUN + 600)) == {
        "phase": "Ready",
        "since": "2026-11-25T12:11:50Z",
        "pod": "qwen-0",
        "started": "2026-11-25T12:02:00Z",
        "timings": {
            "Scheduling": NODE,
            "Pulling": FETCH - NODE + RUN - FETCHED,
            "Downloading": FETCHED - FETCH,
            "Starting": 106,
            "Loading": 19,
            "Compiling": 130,
            "Capturing": 329,
            "WarmingUp": 6,
        },
    }


def test_the_times_add_up():
    timings = told(seen(served(RUN + 590), now=RUN + 600))["timings"]
    assert sum(timings.values()) == RUN + 590


@pytest.mark.parametrize(
    ("containers", "change", "now", "phase"),
    [
        ((), {"node": "", "conditions": ()}, 1, "Scheduling"),
        ((waiting("PodInitializing"),), {}, 5, "Pulling"),
        ((fetching(since=at(FETCH)), waiting("PodInitializing")), {}, 50, "Downloading"),
        ((downloaded(), waiting("PodInitializing")), {}, RUN - 1, "Pulling"),
        ((downloaded(), starting(since=at(RUN))), {}, RUN + 1, "Starting"),
    ],
)
def test_before_a_log_kubernetes_tells(containers: Any, change: Any, now: float, phase: str):
    one = replace(pod(), containers=containers, **change)
    assert told(seen(one, now=now, heard={}))["phase"] == phase


def verifies(now: float, status: Any = None, percent: int = 40) -> View:
    one = pod(fetching(since=at(FETCH)), waiting("PodInitializing"))
    heard = {("p0", "fetch", 0): f"verifying: {percent} B of 100 B ({percent}%) [{percent}/100]"}
    return seen(one, now=now, heard=heard, status=status)


def test_verifying_begins_when_it_is_first_heard_of_and_is_told_apart_ever_after():
    first = summarize(verifies(60))
    later = summarize(verifies(80, first.status, percent=90))
    assert first.status["phase"] == "Verifying"
    assert later.status["startup"] == first.status["startup"]
    assert later.status["startup"]["timings"]["Downloading"] == 60 - FETCH
    done = summarize(after(later, loading(), now=RUN + 1, heard={}))
    again = summarize(after(done, loading(), now=RUN + 9, heard={}))
    for each in (done, again):
        timings = each.status["startup"]["timings"]
        assert (timings["Downloading"], timings["Verifying"]) == (60 - FETCH, FETCHED - 60)


def test_a_download_that_was_started_again_and_again_counts_from_the_first_time():
    first = pod(fetching(since=at(FETCH)), waiting("PodInitializing"))
    summary = summarize(seen(first, now=20, heard={}))
    run = replace(ended(1), started=at(60), finished=at(70))
    third = pod(fetching(since=at(80), last=run, restarts=2), waiting("PodInitializing"))
    summary = summarize(after(summary, third, now=90, heard={}))
    assert summary.status["startup"]["since"] == "2026-11-25T12:00:12Z"
    summary = summarize(after(summary, loading(), now=RUN + 1, heard={}))
    assert summary.status["startup"]["timings"]["Downloading"] == FETCHED - FETCH


class TestRestarts:
    def test_a_run_after_a_crash_is_a_start_of_its_own(self):
        server = starting(since=at(RUN), restarts=1, last=ended(1))
        view = seen(pod(downloaded(), server), now=RUN + 130)
        kept = distil("", log(FLAGOS, began=at(RUN), until=130))
        found = told(replace(view, heard={("p0", "server", 1): kept}))
        assert found["timings"] == {"Starting": 106, "Loading": 19}

    def test_what_was_told_of_the_run_before_is_not_told_of_the_next(self):
        before = summarize(seen(loading(), now=RUN + 300)).status
        server = starting(since=at(RUN + 400), restarts=1, last=ended(1))
        found = told(seen(pod(downloaded(), server), now=RUN + 401, status=before, heard={}))
        assert (found["phase"], found.get("timings")) == ("Starting", None)

    def test_between_two_runs_the_last_step_stays_to_be_seen(self):
        before = summarize(seen(loading(), now=RUN + 300)).status
        crashed = waiting("CrashLoopBackOff", last=ended(1), restarts=1)
        found = told(seen(pod(downloaded(), crashed), now=RUN + 310, status=before, heard={}))
        assert found == before["startup"]


class TestAnOperatorThatComesAnew:
    def test_reads_the_head_again_and_says_the_same(self):
        before = summarize(seen(loading(), now=RUN + 300))
        assert told(after(before, loading(), now=RUN + 301)) == before.status["startup"]

    @pytest.mark.parametrize("heard", [{}, {("p0", "server", 0): ""}], ids=["not yet", "mute"])
    def test_until_it_has_read_what_was_told_still_holds(self, heard: Any):
        before = summarize(seen(loading(), now=RUN + 300))
        summary = summarize(after(before, loading(), now=RUN + 301, heard=heard))
        assert summary.status["startup"] == before.status["startup"]
        assert summary.status["phase"] == "Capturing"
        assert summary.status["progress"] == "capturing graphs"

    def test_of_a_log_without_its_beginning_it_takes_what_is_left(self):
        before = summarize(seen(loading(), now=RUN + 300))
        tail = "2026-11-25T12:11:50.000000000Z init engine (profile) took 473.41 s\n"
        heard = {("p0", "server", 0): tail}
        found = told(after(before, loading(), now=RUN + 600, heard=heard))
        assert found["phase"] == "WarmingUp"
        assert found["timings"] | before.status["startup"]["timings"] == found["timings"]

    def test_that_was_away_until_it_served_reads_the_head_once(self):
        pod = served(RUN + 590)
        view = seen(pod, now=RUN + 600, heard={})
        (wanted,) = startup.live_logs(view)
        assert (wanted.key, wanted.follows, wanted.last) == (("p0", "server", 0), True, True)
        first = summarize(view)
        read = after(first, pod, now=RUN + 601, heard_out=frozenset({wanted.key}))
        assert startup.live_logs(read) == ()
        assert told(read)["timings"]["Capturing"] == 329


class TestWhoseLogIsRead:
    def test_of_one_that_starts_and_of_none_that_waits_for_its_weights(self):
        waits = pod(fetching(since=at(FETCH)), waiting("PodInitializing"), uid="p1", name="qwen-1")
        assert [each.pod for each in startup.live_logs(seen(loading(), waits, now=130))] == [
            "qwen-0"
        ]

    def test_after_the_last_step_nothing_is_read(self):
        view = seen(served(RUN + 590), now=RUN + 600)
        assert startup.live_logs(view) == ()

    def test_what_is_left_is_read_once_after_it_is_ready(self):
        early = seen(served(RUN + 590), now=RUN + 586)
        assert [each.last for each in startup.live_logs(early)] == [True]

    def test_a_server_without_words_is_read_to_the_end_once(self):
        pod, key = served(RUN + 5), ("p0", "server", 0)
        first = summarize(seen(pod, now=RUN + 6, heard={key: ""}))
        out = after(first, pod, now=RUN + 7, heard={key: ""}, heard_out=frozenset({key}))
        assert startup.live_logs(out) == ()
        assert summarize(out).status["startup"] == first.status["startup"]

    def test_of_many_replicas_the_furthest_three(self):
        pods = [loading(uid=f"p{n}", name=f"qwen-{n}") for n in range(9)]
        view = seen(*pods, now=RUN + 5)
        kept = distil("", log(FLAGOS, began=at(RUN), until=300))
        view = replace(view, heard={**view.heard, ("p7", "server", 0): kept})
        assert [each.pod for each in startup.live_logs(view)] == ["qwen-7", "qwen-0", "qwen-1"]

    def test_one_that_stops_answering_has_no_start_to_tell_of(self):
        before = summarize(seen(served(RUN + 590), now=RUN + 600))
        silent = pod(downloaded(), a_container(since=at(RUN), ready=False, started=True))
        view = after(before, silent, now=RUN + 700, heard={})
        assert startup.live_logs(view) == ()
        assert told(view) == before.status["startup"]


class TestSeveralReplicas:
    def test_the_furthest_is_told(self):
        one, two = loading(), loading(uid="p1", name="qwen-1")
        view = seen(one, two, now=RUN + 108)
        kept = distil("", log(FLAGOS, began=at(RUN), until=300))
        summary = summarize(replace(view, heard={**view.heard, ("p1", "server", 0): kept}))
        assert summary.status["startup"]["pod"] == "qwen-1"
        assert summary.status["phase"] == "Capturing"

    def test_side_by_side_it_does_not_change_with_every_line(self):
        one, two = loading(), loading(uid="p1", name="qwen-1")
        before = summarize(seen(two, now=RUN + 108))
        assert told(after(before, one, two, now=RUN + 109))["pod"] == "qwen-1"

    def test_another_replica_that_starts_takes_nothing_from_what_is_kept(self):
        one, two = served(RUN + 590), loading(uid="p1", name="qwen-1")
        before = summarize(seen(one, now=RUN + 600))
        assert told(after(before, one, two, now=RUN + 700)) == before.status["startup"]

    def test_without_pods_it_is_kept(self):
        before = summarize(seen(served(RUN + 590), now=RUN + 600))
        assert told(after(before, now=RUN + 700)) == before.status["startup"]


def test_whoever_wrote_nonsense_into_the_status_gets_the_truth():
    for wrong in (
        7,
        {"phase": 7},
        {"pod": "qwen-0", "since": "never", "timings": {"Loading": "x"}},
    ):
        found = told(seen(loading(), now=RUN + 130, status={"startup": wrong}))
        assert found["timings"]["Loading"] == 19
