"""The steps of a start: which one it is, since when, how long each took, and whose log tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from flagos_operator.observed.facts import Condition, ContainerFacts, PodFacts
from flagos_operator.status import startup
from flagos_operator.status.startlog import distil, story
from flagos_operator.status.summary import Summary, summarize
from flagos_operator.status.view import View
from tests.unit.status.build import (
    NOW,
    a_container,
    a_model,
    a_plan,
    a_pod,
    a_view,
    ended,
    fetched,
    fetching,
    starting,
    waiting,
)
from tests.unit.status.read import condition, ready
from tests.unit.status.timed import log

FLAGOS = "flagos-h100-cold-default"
# Of a pod that is made at NOW: seconds until it has a node, its download, its server.
NODE, FETCH, FETCHED, RUN = 2, 12, 112, 120
PLACED = Condition(
    type="PodScheduled", status="True", reason="", message="", since=NOW + timedelta(seconds=NODE)
)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def pod(*containers: ContainerFacts, **change: Any) -> PodFacts:
    return a_pod(
        *containers,
        **({"created": NOW, "conditions": (PLACED,), "uid": "p0", "ready": False} | change),
    )


def downloaded() -> ContainerFacts:
    run = replace(ended(0), started=at(FETCH), finished=at(FETCHED))
    return replace(fetched(), ended=run)


def loading(**change: Any) -> PodFacts:
    return pod(downloaded(), starting(since=at(RUN)), **change)


def served(since: float, **change: Any) -> PodFacts:
    told = Condition(type="Ready", status="True", reason="", message="", since=at(since))
    server = a_container(since=at(RUN))
    return pod(downloaded(), server, ready=True, conditions=(PLACED, told), **change)


def seen(
    *pods: PodFacts, now: float, name: str = FLAGOS, status: Any = None, **change: Any
) -> View:
    """Every pod's log is that of one recorded start, as far as it can be read by now."""
    kept = distil("", log(name, began=at(RUN), until=now - RUN))
    heard = {(each.uid, "server", 0): kept for each in pods}
    model = a_model(status=status or {})
    return a_view(*pods, now=at(now), model=model, **({"heard": heard} | change))


def told(view: View) -> dict[str, Any]:
    return summarize(view).status["startup"]


def after(summary: Summary, *pods: PodFacts, now: float, **change: Any) -> View:
    """The next look, with what was written before."""
    return seen(*pods, now=now, status=summary.status, **change)


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
        (seen(loading(), now=RUN + 108), "the server loads the weights"),
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
            assert said["message"].endswith(words)
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


def test_whoever_wrote_nonsense_into_the_status_gets_the_truth():
    for wrong in (
        7,
        {"phase": 7},
        {"pod": "qwen-0", "since": "never", "timings": {"Loading": "x"}},
    ):
        found = told(seen(loading(), now=RUN + 130, status={"startup": wrong}))
        assert found["timings"]["Loading"] == 19
