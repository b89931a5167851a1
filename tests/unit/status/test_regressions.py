"""Defects that other serving operators shipped; none may come back here."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from flagos_operator.status.summary import summarize
from tests.unit.status.build import (
    NOW,
    a_model,
    a_plan,
    a_pod,
    a_view,
    ago,
    crashed,
    ended,
    fetched,
    starting,
    waiting,
)
from tests.unit.status.read import condition, ready, written


def test_a_condition_recovers():
    """LLMKube #1536: a condition stayed False after its cause had gone."""
    view = a_view(a_pod(waiting("ImagePullBackOff", "not found")))
    broken = summarize(view)
    assert ready(broken)["status"] == "False"
    assert condition(broken, "Stalled")["status"] == "True"
    cured = summarize(replace(written(view, broken), pods=(a_pod(),), now=ago(-60)))
    assert ready(cured)["status"] == "True"
    assert ready(cured)["lastTransitionTime"] == "2026-11-25T12:01:00Z"
    assert condition(cured, "Stalled") == {}
    assert cured.status["phase"] == "Ready"


def test_old_pods_do_not_make_a_new_spec_ready():
    """Dynamo #3567: pods of the old spec satisfied the count, and the new one read as Ready."""
    old = [a_pod(name=f"old-{i}", template="t0") for i in range(2)]
    none_yet = summarize(a_view(*old, plan=a_plan(replicas=2)))
    assert ready(none_yet)["status"] == "False"
    assert none_yet.status["updatedReplicas"] == 0
    loading = summarize(a_view(*old, a_pod(fetched(), starting()), plan=a_plan(replicas=2)))
    assert (ready(loading)["status"], ready(loading)["reason"]) == ("False", "Starting")
    one_left = summarize(a_view(old[0], a_pod(name="new"), plan=a_plan(replicas=2)))
    assert (ready(one_left)["status"], ready(one_left)["reason"]) == ("False", "Rolling")
    assert condition(one_left, "Available")["status"] == "True"
    rolled = summarize(a_view(a_pod(name="new"), plan=a_plan(replicas=2)))
    assert ready(rolled)["status"] == "True"


def test_a_spec_edit_leaves_the_counts_as_they_are():
    """OME #412: any edit of the spec scaled to one. An autoscaler reads these fields."""
    pods = [a_pod(name=f"qwen-{i}", uid=f"u{i}") for i in range(3)]
    before = a_view(*pods, plan=a_plan(replicas=3))
    edited = a_view(
        *pods,
        plan=a_plan(replicas=3, revision="v2"),
        model=a_model(generation=2, status=summarize(before).status),
    )
    counts = ("replicas", "readyReplicas", "updatedReplicas", "selector")
    first, second = summarize(before).status, summarize(edited).status
    assert [first[key] for key in counts] == [second[key] for key in counts]
    assert second["replicas"] == 3


def test_a_status_that_was_written_does_not_ask_for_another_write():
    """LLMKube wrote 119 times a second at rest: a field that says "now" woke the next pass."""
    crash = a_pod(fetched(), crashed(ended(1)))
    for pods in ((a_pod(),), (crash,), (a_pod(waiting("ErrImagePull", "no")),), ()):
        view = a_view(*pods)
        status = summarize(view).status
        for seconds in range(1, 100):
            later = replace(
                view, model=a_model(status=status), now=NOW + timedelta(seconds=seconds)
            )
            assert summarize(later).status == status
            assert summarize(later).events == ()


def test_a_loop_of_restarts_does_not_flap_between_reasons():
    """NIM posted an event each 30 s for every object that was not ready."""
    runs = (
        crashed(ended(1, at=5), restarts=3),
        starting(restarts=4, last=ended(1, at=6), since=ago(1)),
        starting(state="terminated", restarts=4, ended=ended(1, at=1), last=ended(1, at=30)),
        crashed(ended(1, at=2), restarts=4),
    )
    view = a_view(a_pod(fetched(), runs[0]))
    events = []
    for server in runs:
        view = replace(view, pods=(a_pod(fetched(), server),))
        summary = summarize(view)
        events += summary.events
        assert ready(summary)["reason"] == "CrashLoop"
        view = written(view, summary)
    assert [each.reason for each in events] == ["Complete", "CrashLoop"]


def test_the_kubelets_two_words_for_one_failed_pull_read_the_same():
    """The state alternates between ErrImagePull and ImagePullBackOff with each attempt."""
    words = "failed to pull and unpack image: not found"
    error = a_pod(waiting("ErrImagePull", words))
    back_off = a_pod(
        waiting("ImagePullBackOff", f'Back-off pulling image "x/y:1": ErrImagePull: {words}')
    )
    assert summarize(a_view(error)).status == summarize(a_view(back_off)).status
