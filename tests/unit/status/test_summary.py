"""The status as a whole: what api.md promises, at rest, bounded, and the same twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from flagos_operator.api.outcome import Invalid
from flagos_operator.status.summary import summarize
from flagos_operator.status.view import Objection, View
from tests.unit.status.build import (
    NOW,
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
    fetched,
    fetching,
    starting,
    unscheduled,
    waiting,
)
from tests.unit.status.read import condition, kinds, ready, written
from tests.unit.status.test_ready import QUOTA, ROWS

CRD = yaml.safe_load((Path(__file__).parents[3] / "crds" / "flagosmodels.yaml").read_text())
STATUS = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
ALL = (
    "Ready",
    "Available",
    "WeightsReady",
    "FlagOSActive",
    "Progressing",
    "UpToDate",
    "AccuracyVerified",
)


def test_a_serving_model_reads_like_this():
    status = summarize(a_view(a_pod())).status
    assert {key: value for key, value in status.items() if key != "conditions"} == {
        "observedGeneration": 1,
        "phase": "Ready",
        "progress": "1/1 replicas ready",
        "replicas": 1,
        "readyReplicas": 1,
        "updatedReplicas": 1,
        "selector": "app.kubernetes.io/managed-by=flagos-operator,flagos.io/model=qwen",
        "url": "http://qwen.prod.svc:8000",
        "stack": "Unknown",
        "resolved": {
            "chip": "nvidia",
            "image": "harbor.example/flagos:1.6",
            "devices": 1,
            "resourceName": "nvidia.com/gpu",
        },
        "weights": {
            "source": "modelscope:FlagRelease/X",
            "revision": "master",
            "digest": "sha256:c0ffee",
            "totalBytes": 9_000_000_000,
        },
        "startup": {
            "phase": "Ready",
            "since": "2026-11-25T11:59:00Z",
            "pod": "qwen-0",
            "started": "2026-11-25T11:59:00Z",
            "timings": {"Scheduling": 0, "Pulling": 40, "Downloading": 20, "Starting": 0},
        },
    }


def test_all_conditions_are_there_from_the_first_write():
    conditions = summarize(a_view()).status["conditions"]
    assert tuple(each["type"] for each in conditions) == ALL
    assert {each["observedGeneration"] for each in conditions} == {1}
    assert all(each["message"] for each in conditions)


def unknown(value: Any, schema: dict[str, Any], at: str = "status") -> list[str]:
    """Places that the API server would prune."""
    if isinstance(value, list):
        return [place for each in value for place in unknown(each, schema["items"], at)]
    if not isinstance(value, dict):
        return []
    known = schema.get("properties", {})
    if anything := schema.get("additionalProperties"):
        known = dict.fromkeys(value, anything)
    return [
        place
        for key, inner in value.items()
        for place in (
            unknown(inner, known[key], f"{at}.{key}") if key in known else [f"{at}.{key}"]
        )
    ]


@pytest.mark.parametrize("view", [view for *_, view in ROWS])
def test_the_definition_knows_every_field_that_is_written(view: View):
    assert unknown(summarize(view).status, STATUS) == []


@pytest.mark.parametrize("view", [view for *_, view in ROWS])
def test_nothing_moves_when_nothing_happens(view: View):
    """A fixed point: the status that was written gives itself, now and a minute later."""
    first = summarize(view)
    second = summarize(written(view, first))
    assert second.status == first.status
    assert second.events == ()


def test_the_time_of_a_condition_moves_only_when_it_flips():
    before = a_view(a_pod(fetching()))
    after = replace(
        written(before, summarize(before)), now=ago(-60), pods=(a_pod(fetched(), starting()),)
    )
    flipped = summarize(after)
    assert ready(flipped)["reason"] == "Starting"
    assert ready(flipped)["lastTransitionTime"] == "2026-11-25T12:00:00Z"
    assert condition(flipped, "WeightsReady")["lastTransitionTime"] == "2026-11-25T12:01:00Z"


def test_conditions_tell_which_generation_they_are_about():
    summary = summarize(a_view(a_pod(), model=a_model(generation=9)))
    assert summary.status["observedGeneration"] == 9
    assert ready(summary)["observedGeneration"] == 9


class TestBounds:
    def test_messages_and_the_whole_are_bounded_in_bytes(self):
        """NIM #891: a status grew until it could not be stored."""
        long = Objection(reason="InvalidPod", message="\u4e2d" * 5000)
        summary = summarize(a_view(refused=long))
        message = ready(summary)["message"]
        assert len(message.encode()) <= 1024
        assert message.endswith("...; correct what it names in spec.pod or spec.server")
        assert len(json.dumps(summary.status).encode()) <= 16 * 1024

    def test_display_fields_are_bounded_too(self):
        plan = a_plan(image="x" * 4000, source="y" * 4000, url="z" * 4000)
        pod = a_pod(fetched(), crashed(ended(1, message="ValueError: " + "v" * 4000)))
        status = summarize(a_view(pod, plan=plan)).status
        assert len(json.dumps(status)) <= 16 * 1024
        assert len(status["resolved"]["image"]) <= 512


class TestUrl:
    def test_it_is_shown_while_pods_are_wanted(self):
        assert summarize(a_view()).status["url"] == "http://qwen.prod.svc:8000"

    @pytest.mark.parametrize(
        "view",
        [
            a_view(plan=a_plan(suspended=True, replicas=0)),
            a_view(plan=Invalid(reason="InvalidSpec", message="x")),
            a_view(model=a_model(deleting=True)),
        ],
    )
    def test_else_it_is_not(self, view: View):
        assert "url" not in summarize(view).status


class TestWeights:
    def test_a_pod_without_a_node_is_not_said_to_be_missing(self):
        told = condition(summarize(a_view(unscheduled("Insufficient x"))), "WeightsReady")
        assert told["message"] == "the download begins when its pod does"

    @pytest.mark.parametrize(
        ("pods", "status", "reason"),
        [
            ((), "Unknown", "NotRunning"),
            ((a_pod(waiting("PodInitializing")),), "False", "Pending"),
            ((a_pod(fetching()),), "False", "Downloading"),
            ((a_pod(fetched(), starting()),), "True", "Complete"),
            ((a_pod(fetched("old fetch, no JSON")),), "True", "Complete"),
            ((a_pod(fetching(), name="a"), a_pod(name="b")), "True", "Complete"),
        ],
    )
    def test_the_download_is_told_by_its_container(self, pods, status: str, reason: str):
        told = condition(summarize(a_view(*pods)), "WeightsReady")
        assert (told["status"], told["reason"]) == (status, reason)

    def test_a_failed_download_says_so_in_both_conditions(self):
        words = '{"reason":"Unauthorized","message":"the hub refuses the token"}'
        pod = a_pod(crashed(ended(11, message=words), name="fetch", init=True))
        summary = summarize(a_view(pod))
        assert condition(summary, "WeightsReady")["reason"] == "Unauthorized"
        assert ready(summary)["message"].startswith(
            "the hub refuses the token; check spec.source."
        )
        assert kinds(summary.events) == [("Warning", "Unauthorized")]

    def test_weights_in_place_are_ready_where_a_pod_has_them(self):
        plan = a_plan(fetches=False, source="hostPath:/models/x", revision=None)
        summary = summarize(a_view(a_pod(a_container()), plan=plan))
        told = condition(summary, "WeightsReady")
        assert (told["status"], told["reason"]) == ("True", "ServedInPlace")
        assert summary.status["weights"] == {"source": "hostPath:/models/x"}
        assert "ServedInPlace" not in {event.reason for event in summary.events}

    def test_what_was_checked_once_is_not_told_of_weights_that_are_no_longer_checked(self):
        checked = a_view(a_pod())
        unchecked = replace(
            written(checked, summarize(checked)), pods=(), plan=a_plan(fetches=False)
        )
        assert summarize(checked).status["weights"]["digest"]
        assert summarize(unchecked).status["weights"] == {"source": "modelscope:FlagRelease/X"}

    def test_a_missing_claim_takes_them_away(self):
        pod = unscheduled('persistentvolumeclaim "w" not found')
        told = condition(summarize(a_view(pod, plan=a_plan(fetches=False))), "WeightsReady")
        assert (told["status"], told["reason"]) == ("False", "VolumeClaimMissing")

    def test_what_was_verified_is_remembered_while_no_pod_runs(self):
        served = a_view(a_pod())
        idle = replace(
            written(served, summarize(served)), pods=(), plan=a_plan(suspended=True, replicas=0)
        )
        assert summarize(idle).status["weights"]["digest"] == "sha256:c0ffee"

    def test_another_revision_forgets_it(self):
        served = a_view(a_pod())
        other = replace(written(served, summarize(served)), pods=(), plan=a_plan(revision="v2"))
        assert summarize(other).status["weights"] == {"source": "modelscope:FlagRelease/X"}


class TestWeightsOfAnOlderSpec:
    """An edit whose pod cannot be made: the old pod serves on, and its weights are not lost."""

    served = a_view(a_pod())
    edited = replace(
        written(served, summarize(served)),
        plan=a_plan(image="harbor.example/flagos:1.7"),
        pods=(a_pod(template="t0"),),
    )

    @pytest.mark.parametrize("reason", ["InvalidPod", "Forbidden", "PodRejected"])
    def test_what_was_verified_stays_true(self, reason: str):
        view = replace(self.edited, refused=Objection(reason=reason, message="x"))
        first = summarize(view)
        for summary in (first, summarize(written(view, first))):
            told = condition(summary, "WeightsReady")
            assert (told["status"], told["reason"]) == ("True", "Complete")
            assert "older spec" in told["message"]

    def test_a_pod_that_admission_refuses_changes_nothing_about_them_either(self):
        view = replace(self.edited, deployment=a_deployment(conditions=(QUOTA,)))
        assert condition(summarize(view), "WeightsReady")["reason"] == "Complete"

    def test_other_weights_have_not_been_downloaded_by_it(self):
        view = replace(self.edited, plan=a_plan(revision="v2"))
        first = summarize(view)
        for summary in (first, summarize(written(view, first))):
            told = condition(summary, "WeightsReady")
            assert (told["status"], told["reason"]) == ("False", "Pending")
            assert told["message"] == "the download begins when its pod does"

    def test_without_any_pod_nobody_can_tell(self):
        told = condition(summarize(replace(self.edited, pods=())), "WeightsReady")
        assert (told["status"], told["reason"]) == ("Unknown", "NotRunning")


class TestInvalid:
    """A wrong edit: what ran goes on running and is still described."""

    before = a_view(a_pod())
    after = replace(
        written(before, summarize(before)),
        model=a_model(generation=2, status=summarize(before).status),
        plan=Invalid(reason="ManagedFlag", message="use maxModelLen"),
    )

    def test_the_reason_is_told_and_the_model_is_degraded_not_gone(self):
        summary = summarize(self.after)
        assert ready(summary)["reason"] == "ManagedFlag"
        assert condition(summary, "Available")["status"] == "True"
        assert condition(summary, "UpToDate")["status"] == "False"
        assert condition(summary, "WeightsReady")["status"] == "Unknown"
        assert summary.status["phase"] == "Degraded"

    def test_what_it_was_resolved_to_stays(self):
        status = summarize(self.after).status
        assert status["resolved"] == summarize(self.before).status["resolved"]
        assert status["weights"] == summarize(self.before).status["weights"]


class TestClock:
    def test_a_model_at_rest_is_not_looked_at_again(self):
        assert summarize(a_view(a_pod())).requeue_after is None
        assert summarize(a_view(a_pod(fetched(), starting()))).requeue_after is None

    def test_a_pod_of_which_no_scheduler_has_spoken_is_not_looked_at_again(self):
        assert summarize(a_view(unscheduled(age=2))).requeue_after is None

    def test_a_pod_without_a_node_is_looked_at_when_its_grace_is_over(self):
        view = a_view(unscheduled("no room", age=2))
        assert summarize(view).requeue_after == 3
        assert ready(summarize(replace(view, now=ago(-3))))["reason"] == "Unschedulable"

    def test_a_mount_is_looked_at_when_it_should_be_done(self):
        told = (a_condition("PodReadyToStartContainers", "False"),)
        view = a_view(a_pod(waiting("ContainerCreating"), conditions=told, created=ago(60)))
        assert summarize(view).requeue_after == 70

    def test_a_pod_that_goes_without_a_term_is_not_waited_for(self):
        assert summarize(a_view(a_pod(), a_pod(name="b", deleting=True))).requeue_after is None


def test_native_mode_is_told_and_else_nothing_is_claimed_about_the_stack():
    native = summarize(a_view(a_pod(), plan=a_plan(mode="Native")))
    assert condition(native, "FlagOSActive")["status"] == "False"
    assert condition(native, "FlagOSActive")["reason"] == "NativeRequested"
    claimed = summarize(a_view(a_pod()))
    assert condition(claimed, "FlagOSActive")["status"] == "Unknown"
    assert claimed.status["stack"] == "Unknown"


def test_a_second_replica_on_its_way_is_progress():
    view = a_view(a_pod(), plan=a_plan(replicas=2), deployment=a_deployment(wanted=2))
    told = condition(summarize(view), "Progressing")
    assert (told["status"], told["reason"]) == ("True", "Pending")


def test_a_write_that_was_refused_is_not_up_to_date():
    view = a_view(a_pod(), refused=Objection(reason="QuotaExceeded", message="exceeded quota"))
    assert condition(summarize(view), "UpToDate")["reason"] == "QuotaExceeded"


def test_a_reason_that_nobody_knows_is_passed_on():
    words = '{"reason":"MoonPhase","message":"wait"}'
    summary = summarize(a_view(a_pod(crashed(ended(9, message=words), name="fetch", init=True))))
    assert ready(summary)["reason"] == "MoonPhase"
    assert summary.status["phase"] == "Failed"


def test_now_is_only_read_where_something_begins():
    first = summarize(a_view(a_pod(starting())))
    again = summarize(replace(written(a_view(a_pod(starting())), first), now=ago(-3600)))
    assert again.status == first.status
    assert NOW.isoformat()[:10] in json.dumps(first.status)
