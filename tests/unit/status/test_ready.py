"""What stands against Ready: a row per reason, and which of two counts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from flagos_operator.api.outcome import Invalid
from flagos_operator.status.checks import against_ready
from flagos_operator.status.summary import summarize
from flagos_operator.status.view import Objection, View
from tests.unit.status.build import (
    NOW,
    a_claim,
    a_condition,
    a_container,
    a_deployment,
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
    unscheduled,
    waiting,
    was_ready,
)
from tests.unit.status.read import condition, ready

if TYPE_CHECKING:
    from flagos_operator.observed.facts import PodFacts

INSUFFICIENT = (
    "0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: 0/3 nodes are available: "
    "3 No preemption victims found for incoming pod."
)
REFUSED = a_condition("ReplicaFailure", "True", "FailedCreate", 'pods "qwen-x" is forbidden: no')
QUOTA = a_condition("ReplicaFailure", "True", "FailedCreate", "exceeded quota: q")
UNPREPARED = (
    a_condition("PodScheduled", "True"),
    a_condition("PodReadyToStartContainers", "False"),
)
LOST_NODE = (a_condition("Ready", "False"), a_condition("ContainersReady", "True"))


def evicted(**change: object):
    gone = {"phase": "Failed", "reason": "Evicted", "message": "low on disk", "ready": False}
    return a_pod(**(gone | change))


ROWS = [
    ("Deleting", "Terminating", a_view(a_pod(), model=a_model(deleting=True))),
    ("UnknownChip", "Failed", a_view(plan=Invalid(reason="UnknownChip", message="no chip x"))),
    ("NameTaken", "Failed", a_view(refused=Objection(reason="NameTaken", message="taken"))),
    ("Suspended", "Suspended", a_view(a_pod(), plan=a_plan(suspended=True, replicas=0))),
    ("ScaledToZero", "Idle", a_view(plan=a_plan(replicas=0))),
    ("QuotaExceeded", "Failed", a_view(deployment=a_deployment(conditions=(QUOTA,)))),
    ("PodRejected", "Failed", a_view(deployment=a_deployment(conditions=(REFUSED,)))),
    ("VolumeClaimLost", "Failed", a_view(children=(a_claim("Lost"),))),
    ("CannotPullImage", "Failed", a_view(a_pod(waiting("ErrImagePull", "no route")))),
    ("CannotPullImage", "Failed", a_view(a_pod(waiting("RegistryUnavailable", "down")))),
    ("InvalidImageName", "Failed", a_view(a_pod(waiting("InvalidImageName", "bad")))),
    ("ImageNeverPulled", "Failed", a_view(a_pod(waiting("ErrImageNeverPull", "absent")))),
    (
        "ConfigMissing",
        "Failed",
        a_view(a_pod(waiting("CreateContainerConfigError", "couldn't find key k in Secret a/b"))),
    ),
    ("CannotStart", "Failed", a_view(a_pod(waiting("RunContainerError", "no device")))),
    ("CannotStart", "Failed", a_view(a_pod(crashed(ended(128, reason="StartError"))))),
    ("Unschedulable", "Scheduling", a_view(unscheduled(INSUFFICIENT))),
    (
        "VolumeClaimMissing",
        "Failed",
        a_view(unscheduled('0/1 nodes: persistentvolumeclaim "w" not found')),
    ),
    (
        "VolumeClaimPending",
        "Scheduling",
        a_view(unscheduled("0/1: pod has unbound immediate PersistentVolumeClaims")),
    ),
    (
        "VolumeClaimPending",
        "Scheduling",
        a_view(unscheduled(age=90), children=(a_claim("Bound"), a_claim("Pending"))),
    ),
    (
        "VolumeNotMounted",
        "Pulling",
        a_view(a_pod(waiting("ContainerCreating"), conditions=UNPREPARED), now=ago(-200)),
    ),
    ("SourceNotFound", "Failed", a_view(a_pod(fetch_failing(), waiting("PodInitializing")))),
    ("LockHeld", "Downloading", a_view(a_pod(fetch_failing('{"reason":"LockHeld"}')))),
    ("FetchFailed", "Failed", a_view(a_pod(fetch_failing("Traceback\nValueError: odd")))),
    ("FetchFailed", "Failed", a_view(a_pod(fetch_failing("{not json")))),
    ("OutOfMemory", "Failed", a_view(a_pod(crashed(ended(137, reason="OOMKilled"))))),
    ("OutOfMemory", "Failed", a_view(a_pod(fetch_failing("", reason="OOMKilled")))),
    ("Evicted", "Failed", a_view(evicted())),
    ("Evicted", "Failed", a_view(evicted(reason="", message=""))),
    ("NodeLost", "Failed", a_view(evicted(reason="NodeLost"))),
    ("RefusedByNode", "Failed", a_view(evicted(reason="UnexpectedAdmissionError"))),
    ("NodeLost", "Failed", a_view(a_pod(conditions=LOST_NODE, ready=False))),
    ("StartupBudgetExceeded", "Failed", a_view(a_pod(crashed(ended(137, ran=640))))),
    ("EngineDied", "Failed", a_view(a_pod(fetched(), crashed(ended(0))))),
    ("CrashLoop", "Failed", a_view(a_pod(fetched(), crashed(ended(1))))),
    ("CrashLoop", "Failed", a_view(a_pod(fetched(), crashed(ended(137))))),
    ("CrashLoop", "Failed", a_view(a_pod(a_container(), crashed(ended(0), name="sidecar")))),
    ("NotResponding", "Degraded", a_view(was_ready())),
    ("Pending", "Pending", a_view()),
    ("Scheduling", "Scheduling", a_view(unscheduled())),
    ("Scheduling", "Scheduling", a_view(unscheduled(INSUFFICIENT, age=2))),
    ("Pulling", "Pulling", a_view(a_pod(waiting("ContainerCreating")))),
    ("Pulling", "Pulling", a_view(a_pod(fetched(), waiting("PodInitializing")))),
    ("Downloading", "Downloading", a_view(a_pod(fetching(), waiting("PodInitializing")))),
    ("Starting", "Starting", a_view(a_pod(fetched(), starting()))),
    ("Starting", "Starting", a_view(a_pod(fetched(), a_container(ready=False)))),
    ("Rolling", "Starting", a_view(a_pod(), a_pod(name="old", template="t0"))),
]


@pytest.mark.parametrize(("reason", "phase", "view"), ROWS)
def test_a_reason_is_told_with_its_phase(reason: str, phase: str, view: View):
    summary = summarize(view)
    assert (ready(summary)["status"], ready(summary)["reason"]) == ("False", reason)
    assert summary.status["phase"] == phase
    assert ready(summary)["message"]


def test_one_ready_pod_of_the_newest_spec_is_enough():
    summary = summarize(a_view(a_pod(), a_pod(fetching(), name="b"), plan=a_plan(replicas=2)))
    assert ready(summary)["status"] == "True"
    assert summary.status["phase"] == "Ready"
    assert summary.status["progress"] == "1/2 replicas ready"
    assert condition(summary, "Progressing")["status"] == "True"


def test_scaling_up_does_not_take_ready_away():
    pods = (a_pod(), unscheduled(INSUFFICIENT, name="qwen-1"))
    summary = summarize(a_view(*pods, plan=a_plan(replicas=2)))
    assert ready(summary)["status"] == "True"


def test_a_replica_that_fails_beside_one_that_serves_degrades():
    broken = a_pod(fetched(), crashed(ended(1)), name="qwen-1")
    summary = summarize(a_view(a_pod(), broken, plan=a_plan(replicas=2)))
    assert ready(summary)["status"] == "True"
    assert summary.status["phase"] == "Degraded"
    assert condition(summary, "Progressing")["reason"] == "CrashLoop"


def test_an_older_pod_that_serves_keeps_it_available():
    broken = a_pod(fetched(), crashed(ended(1)))
    summary = summarize(a_view(broken, a_pod(name="old", template="t0")))
    assert ready(summary)["reason"] == "CrashLoop"
    assert condition(summary, "Available")["status"] == "True"
    assert summary.status["phase"] == "Degraded"


def test_worst_news_wins():
    pulls = a_pod(waiting("ImagePullBackOff", "not found"), name="a")
    crashes = a_pod(crashed(ended(1)), name="b")
    loads = a_pod(starting(), name="c")
    summary = summarize(a_view(loads, crashes, pulls, plan=a_plan(replicas=3)))
    assert ready(summary)["reason"] == "CannotPullImage"


def test_a_spec_that_cannot_be_served_is_worse_than_any_pod():
    view = a_view(a_pod(crashed(ended(1))), plan=Invalid(reason="InvalidSpec", message="x"))
    assert ready(summarize(view))["reason"] == "InvalidSpec"


def test_the_pod_that_is_furthest_speaks():
    pods = (unscheduled(), a_pod(fetched(), starting(), name="b"), a_pod(fetching(), name="c"))
    assert ready(summarize(a_view(*pods)))["reason"] == "Starting"


def test_a_pod_that_is_told_to_go_does_not_count():
    leaving = a_pod(deleting=True, gone_by=ago(-30))
    summary = summarize(a_view(leaving))
    assert ready(summary)["reason"] == "Pending"
    told = condition(summary, "Available")
    assert (told["status"], told["reason"]) == ("False", "NoPodReady")
    assert told["message"] == "no pod stays that answers; 1 pod ending still may"
    assert summary.status["replicas"] == 0


def test_an_old_pod_holds_ready_back_until_its_grace_period_is_over():
    draining = a_pod(name="old", template="t0", deleting=True, gone_by=ago(-20))
    view = a_view(a_pod(), draining)
    assert ready(summarize(view))["reason"] == "Rolling"
    assert summarize(view).requeue_after == 50
    later = replace(view, now=ago(-60))
    assert ready(summarize(later))["status"] == "True"


def test_a_pod_that_was_evicted_once_is_forgotten_when_its_successor_starts():
    view = a_view(evicted(created=ago(300)), a_pod(fetched(), starting(), name="b"))
    summary = summarize(view)
    assert ready(summary)["reason"] == "Starting"
    assert summary.status["lastFailure"]["reason"] == "Evicted"


def test_two_evictions_in_a_row_are_a_reason():
    gone = (evicted(created=ago(300)), evicted(created=ago(200), name="b"))
    view = a_view(*gone, a_pod(fetched(), starting(), name="c"))
    assert ready(summarize(view))["reason"] == "Evicted"


OUTGROWN = 'Usage of EmptyDir volume "weights" exceeds the limit "100Ki". '


def outgrown(*ages: float, message: str = OUTGROWN) -> list[PodFacts]:
    return [evicted(created=ago(age), message=message, name=f"p{age}") for age in ages]


@pytest.mark.parametrize(
    ("gone", "replicas", "stalled"),
    [
        (outgrown(4000, 2500, 1000), 1, True),
        (outgrown(2500, 1000), 1, False),
        (outgrown(9000, 2500, 1000), 1, False),
        (outgrown(40_000, 39_000, 38_000), 1, False),
        (outgrown(300, 200, 100, message="low on disk"), 1, False),
        (outgrown(300, 200, 100), 2, False),
        (outgrown(300, 299, 200, 199, 100, 99), 2, True),
    ],
    ids=["again", "twice", "long before", "yesterday", "of the node", "replicas", "all of them"],
)
def test_pods_that_outgrow_their_own_limit_again_and_again_wait_for_somebody(
    gone: list[PodFacts], replicas: int, *, stalled: bool
) -> None:
    view = a_view(*gone, a_pod(fetching(), name="new"), plan=a_plan(replicas=replicas))
    summary = summarize(view)
    assert (condition(summary, "Stalled").get("reason") == "Evicted") == stalled
    if stalled:
        assert ready(summary)["message"] == (
            'Usage of EmptyDir volume "weights" exceeds the limit "100Ki"; raise '
            "spec.weights.emptyDir.sizeLimit, or use a claim in spec.weights"
        )


def test_one_that_outgrew_its_limit_is_no_reason_while_another_serves() -> None:
    view = a_view(*outgrown(300, 200, 100), a_pod(name="new"))
    assert condition(summarize(view), "Stalled") == {}


def test_evictions_of_yesterday_are_no_reason_today():
    gone = (evicted(created=ago(90_000)), evicted(created=ago(90_100), name="b"))
    view = a_view(*gone, a_pod(fetched(), starting(), name="c"))
    assert ready(summarize(view))["reason"] == "Starting"


def test_an_old_refusal_is_no_news_before_the_newest_spec_was_looked_at():
    stale = a_deployment(conditions=(QUOTA,), generation=2)
    assert ready(summarize(a_view(deployment=stale)))["reason"] == "Pending"


def test_a_refusal_that_is_over_is_no_reason():
    over = a_deployment(conditions=(replace(QUOTA, status="False"),))
    assert ready(summarize(a_view(deployment=over)))["reason"] == "Pending"


def test_a_refusal_does_not_hide_what_the_pods_do_once_all_are_there():
    view = a_view(a_pod(starting()), deployment=a_deployment(conditions=(QUOTA,)))
    assert ready(summarize(view))["reason"] == "Starting"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"suspended": True, "replicas": 0}, "spec.suspend is true: set it to false to serve"),
        ({"replicas": 0}, "spec.replicas is 0: raise it to serve"),
    ],
)
def test_a_model_at_rest_says_what_would_make_it_serve(change, message: str):
    summary = summarize(a_view(plan=a_plan(**change)))
    assert ready(summary)["message"] == message
    assert condition(summary, "FlagOSActive")["message"] == (
        "No pod runs that could tell; Ready says why none does."
    )


def test_no_deployment_yet_is_pending():
    assert ready(summarize(a_view(deployment=None)))["reason"] == "Pending"


def test_a_kubelet_that_does_not_tell_of_preparation_is_not_accused():
    quiet = a_pod(waiting("ContainerCreating"), conditions=())
    assert ready(summarize(a_view(quiet, now=ago(-900))))["reason"] == "Pulling"


def test_readiness_gates_are_not_a_lost_node():
    gated = (a_condition("Ready", "False", "ReadinessGatesNotReady"), LOST_NODE[1])
    summary = summarize(a_view(a_pod(conditions=gated, ready=False)))
    assert ready(summary)["reason"] == "Starting"


def test_a_restart_after_service_is_starting_not_silence():
    """Ready was lost before this run began, so this run never answered."""
    lost = replace(a_condition("Ready", "False"), since=ago(90))
    pod = a_pod(fetched(), a_container(ready=False), conditions=(lost,))
    assert ready(summarize(a_view(pod)))["reason"] == "Starting"


@pytest.mark.parametrize("ago_seconds", [2, 300])
def test_a_server_whose_image_is_not_there_yet_does_not_start(ago_seconds: float):
    """Of an image that cannot be pulled it was said that the server loads the model."""
    just = fetched(ended=ended(0, at=ago_seconds))
    summary = summarize(a_view(a_pod(just, waiting("PodInitializing"))))
    assert ready(summary)["reason"] == "Pulling"
    assert ready(summary)["message"] == (
        "the weights are complete; node node1 prepares the image of the server"
    )
    assert summary.status["phase"] == "Pulling"
    assert summary.status["progress"] == "weights complete, preparing the image"


def test_of_two_pods_the_one_that_has_its_weights_is_further():
    done = a_pod(fetched(), waiting("PodInitializing"))
    loads = a_pod(fetching(), waiting("PodInitializing"), name="qwen-1", uid="p1")
    assert ready(summarize(a_view(loads, done)))["reason"] == "Pulling"


def test_an_init_container_of_the_user_is_told_by_its_name():
    first = {"name": "driver-check", "image": "tools:1"}
    beside = {"name": "proxy", "image": "tools:1", "restartPolicy": "Always"}
    plan = a_plan(pod={"initContainers": [first, beside]})
    runs = a_container("driver-check", init=True, ready=False)
    view = a_view(a_pod(runs, waiting("PodInitializing")), plan=plan)
    assert ready(summarize(view))["message"] == (
        "init container driver-check of spec.pod runs; the server starts after it"
    )
    assert summarize(view).status["progress"] == "init container driver-check runs"


def test_a_sidecar_holds_up_nothing():
    beside = {"name": "proxy", "image": "tools:1", "restartPolicy": "Always"}
    plan = a_plan(pod={"initContainers": [beside]})
    pod = a_pod(a_container("proxy", init=True), waiting("PodInitializing"))
    assert ready(summarize(a_view(pod, plan=plan)))["message"] == (
        "node node1 prepares volumes, network and image"
    )


def test_ready_has_no_objection():
    assert against_ready(a_view(a_pod(), now=NOW)) is None
