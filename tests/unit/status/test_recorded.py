"""Pods and Deployments as a real cluster showed them, and what the status says of each."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from flagos_operator.observed.parse import PodFacts, deployment_facts, pod_facts
from flagos_operator.status.summary import summarize
from tests.unit.status.build import a_plan, a_view
from tests.unit.status.read import condition, ready

BODIES = Path(__file__).parents[1] / "observed" / "bodies"


def pod(name: str) -> PodFacts:
    return pod_facts(json.loads((BODIES / f"pod-{name}.json").read_text()))


@pytest.mark.parametrize(
    ("name", "phase", "reason", "words"),
    [
        ("downloading", "Downloading", "Downloading", "downloading"),
        ("starting", "Starting", "Starting", "no line of its log"),
        ("image-error", "Failed", "CannotPullImage", "localhost/no-such-image:1"),
        ("image-back-off", "Failed", "CannotPullImage", "connection refused"),
        ("image-name", "Failed", "InvalidImageName", "must be lowercase"),
        ("image-never", "Failed", "ImageNeverPulled", "localhost/no:1"),
        ("secret-missing", "Failed", "ConfigMissing", 'secret "nowhere" not found'),
        ("root-refused", "Failed", "CannotStart", "runAsNonRoot"),
        ("no-program", "Failed", "CannotStart", 'exec: "vllm": executable file not found'),
        ("no-device", "Scheduling", "Unschedulable", "1 Insufficient nvidia.com/gpu"),
        ("no-claim", "Failed", "VolumeClaimMissing", '"nowhere" not found'),
        ("unbound", "Scheduling", "VolumeClaimPending", "unbound immediate"),
        ("not-mounted", "Pulling", "Pulling", "node1"),
        ("fetch-failed", "Failed", "SourceNotFound", "modelscope has no nobody/nothing"),
        ("crash-once", "Starting", "Starting", "no line of its log"),
        (
            "crash-loop",
            "Failed",
            "InvalidArgument",
            "exit code 2: vllm: error: unrecognized arguments",
        ),
        ("engine-died", "Failed", "EngineDied", "exit code 0"),
        ("out-of-memory", "Failed", "OutOfMemory", "limits.memory"),
        ("over-budget", "Starting", "Starting", "no line of its log"),
        ("not-responding", "Degraded", "NotResponding", "no longer answers"),
        ("evicted", "Failed", "Evicted", 'Usage of EmptyDir volume "keep" exceeds the limit'),
    ],
)
def test_a_recorded_pod_is_told_by_its_reason(name: str, phase: str, reason: str, words: str):
    seen = pod(name)
    summary = summarize(a_view(seen, now=seen.created + timedelta(seconds=20)))
    assert summary.status["phase"] == phase
    told = ready(summary)
    assert (told["status"], told["reason"]) == ("False", reason)
    assert words in told["message"]


def test_a_recorded_ready_pod_is_ready():
    summary = summarize(a_view(pod("ready")))
    assert ready(summary)["status"] == "True"
    assert summary.status["phase"] == "Ready"
    assert summary.status["weights"] == {
        "source": "modelscope:FlagRelease/X",
        "revision": "a1b2",
        "totalBytes": 370000,
        "digest": "sha256:c0ffee",
    }


def test_a_volume_that_is_not_mounted_is_news_after_minutes():
    seen = pod("not-mounted")
    summary = summarize(a_view(seen, now=seen.created + timedelta(minutes=5)))
    assert ready(summary)["reason"] == "VolumeNotMounted"


def test_a_server_killed_at_the_end_of_its_budget_is_remembered_as_that():
    seen = pod("over-budget")
    view = a_view(seen, plan=replace(a_plan(), budget_seconds=5))
    assert summarize(view).status["lastFailure"]["reason"] == "StartupBudgetExceeded"


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("quota", "QuotaExceeded", "exceeded quota: none, requested: pods=1"),
        ("pod-security", "PodRejected", 'violates PodSecurity "restricted:latest"'),
        ("limit-range", "PodRejected", "maximum memory usage per Container is 10Mi"),
    ],
)
def test_a_pod_that_admission_refuses_is_told(name: str, reason: str, words: str):
    deployment = deployment_facts(json.loads((BODIES / f"deployment-{name}.json").read_text()))
    summary = summarize(a_view(deployment=deployment))
    assert ready(summary)["reason"] == reason
    assert ready(summary)["message"].startswith(words)
    assert condition(summary, "Stalled")["status"] == "True"
