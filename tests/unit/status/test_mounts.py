"""A pod that waits for its volumes, told by what the kubelet says in its Events."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flagos_operator.observed.facts import EventFacts, PodFacts
from flagos_operator.observed.parse import event_facts
from flagos_operator.status import mounts
from flagos_operator.status.summary import Summary, summarize
from tests.unit.status.build import (
    NOW,
    a_condition,
    a_model,
    a_plan,
    a_pod,
    a_view,
    ago,
    fetched,
    starting,
    waiting,
)
from tests.unit.status.read import condition, ready

BODIES = Path(__file__).parents[1] / "observed" / "bodies"
IN_PLACE = {"source": {"hostPath": {"path": "/x"}}, "weights": None}
CLAIM = {"source": {"persistentVolumeClaim": {"claimName": "c", "path": "x"}}}
ON_HOST = {"hostPath": {"path": "/x"}}
MOUNT = 'MountVolume.SetUp failed for volume "{}" : {}'
NO_DIRECTORY = MOUNT.format("weights", "hostPath type check failed: /x is not a directory")


def recorded(name: str) -> EventFacts:
    """What Kubernetes 1.36 says, now."""
    found = event_facts(json.loads((BODIES / f"event-{name}.json").read_text()))
    return replace(found, at=NOW)


def said(message: str, *, at: float = 5, reason: str = "FailedMount") -> EventFacts:
    return EventFacts(reason=reason, message=message, at=ago(at))


def preparing(age: float = 20, **change: Any) -> PodFacts:
    since = ago(age)
    told = replace(a_condition("PodReadyToStartContainers", "False"), since=since)
    well = {"created": since, "conditions": (told,), "ready": False, "phase": "Pending"}
    return a_pod(waiting("ContainerCreating"), **(well | change))


def look(
    *events: EventFacts, pod: PodFacts | None = None, raw: Any = None, **spec: Any
) -> Summary:
    seen = pod or preparing()
    model = a_model(raw={"spec": raw or {}})
    return summarize(a_view(seen, model=model, plan=a_plan(**spec), complaints={seen.uid: events}))


@pytest.mark.parametrize(
    ("event", "spec", "words"),
    [
        (
            recorded("no-host-path"),
            {"said": IN_PLACE},
            (
                "volume weights: /nowhere/x is not a directory; "
                "make it on node1, or correct spec.source.hostPath"
            ),
        ),
        (
            recorded("no-host-path"),
            {"weights": ON_HOST},
            (
                "volume weights: /nowhere/x is not a directory; "
                "make it on node1, or correct spec.weights.hostPath"
            ),
        ),
        (
            recorded("no-local-path"),
            {"said": CLAIM},
            (
                'volume pv-local: path "/mnt/nolocal" does not exist; '
                "make it on node1, or correct spec.source.persistentVolumeClaim"
            ),
        ),
        (
            recorded("nfs"),
            {"weights": {"persistentVolumeClaim": {"claimName": "c"}}},
            (
                "volume weights: unknown filesystem type 'nfs'; "
                "check spec.weights.persistentVolumeClaim, and that node1 reaches it"
            ),
        ),
        (
            said('AttachVolume.Attach failed for volume "pv" : timed out waiting for x'),
            {"weights": {"volumeClaimTemplate": {"size": "1Gi"}}},
            (
                "volume pv: timed out waiting for x; "
                "check spec.weights.volumeClaimTemplate, and that node1 reaches it"
            ),
        ),
        (
            said('Multi-Attach error for volume "pv" Volume is already used by pod(s) a'),
            {"said": CLAIM},
            (
                "volume pv: Volume is already used by pod(s) a; "
                "a pod on another node holds it: see spec.source.persistentVolumeClaim"
            ),
        ),
        (
            said(
                'MountVolume.SetUp failed for volume "weights" : kubernetes.io/csi: '
                "mounter.SetUpAt failed to get CSI client: driver name no.such.driver not found "
                "in the list of registered CSI drivers"
            ),
            {"said": CLAIM},
            (
                "driver name no.such.driver not found in the list of registered CSI drivers; "
                "install that driver on node1, or change spec.source.persistentVolumeClaim"
            ),
        ),
        (
            said("Unable to attach or mount volumes: unmounted volumes=[weights], timed out"),
            {"said": IN_PLACE},
            "check spec.source.hostPath, and that node1 reaches it",
        ),
        (
            recorded("no-runtime"),
            {},
            (
                'its network: failed to get sandbox runtime: no runtime for "nohandler" is '
                "configured; give node1 that runtime, or correct spec.pod.runtimeClassName"
            ),
        ),
        (
            said(
                "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup "
                f'network for sandbox "{"ab" * 32}": plugin type="x" failed',
                reason="FailedCreatePodSandBox",
            ),
            {},
            (
                'its network: failed to setup network for sandbox "...": plugin type="x" failed; '
                "look at the network plugin and the container runtime of node1"
            ),
        ),
    ],
)
def test_the_kubelets_words_are_told_with_the_field_and_the_cure(
    event: EventFacts, spec: Any, words: str
):
    summary = look(event, **spec)
    for each in ("Ready", "Progressing"):
        told = condition(summary, each)
        assert (told["status"], told["reason"]) == ("False", "VolumeNotMounted")
        assert told["message"].startswith("node node1 cannot prepare ")
        assert told["message"].endswith(words)
    assert summary.status["progress"].startswith(("volume", "its"))


@pytest.mark.parametrize(
    ("volume", "error", "step"),
    [
        (
            {"secret": {"secretName": "s"}},
            'secret "s" not found',
            "create it, or correct its name",
        ),
        (
            {"configMap": {"name": "c"}},
            'configmap "c" not found',
            "create it, or correct its name",
        ),
        (
            {"configMap": {"name": "c", "items": [{"key": "k", "path": "k"}]}},
            "configmap references non-existent config key: k",
            "add the key, or correct",
        ),
    ],
)
def test_what_is_missing_for_a_volume_of_the_pod_is_told_and_waits_for_the_user(
    volume: Any, error: str, step: str
):
    pod = {"volumes": [{"name": "extra", **volume}]}
    summary = look(
        said(MOUNT.format("extra", error)), pod=None, raw={"pod": pod}, said={"pod": pod}
    )
    assert ready(summary)["message"].startswith(
        f"node node1 cannot prepare volume extra: {error}; {step}"
    )
    assert ready(summary)["message"].endswith("spec.pod.volumes[extra]")
    assert summary.status["progress"] == f"volume extra: {error}"
    assert condition(summary, "Stalled")["status"] == "True"


def test_what_may_pass_by_itself_does_not_wait_for_the_user():
    summary = look(recorded("nfs"), said=CLAIM)
    assert condition(summary, "Stalled") == {}


def test_a_volume_that_the_chip_brings_is_told_as_that():
    event = said(MOUNT.format("drivers", "hostPath type check failed: /usr/x is not a directory"))
    plan = a_plan()
    brought = ({"name": "drivers", "hostPath": {"path": "/usr/x"}},)
    plan = replace(plan, pod=replace(plan.pod, volumes=brought))
    seen = preparing()
    told = ready(summarize(a_view(seen, plan=plan, complaints={seen.uid: (event,)})))
    assert told["message"].endswith("or correct the volumes of spec.chip nvidia")


def test_of_several_volumes_the_first_is_told_whichever_spoke_last():
    pod = {"volumes": [{"name": "extra", "secret": {"secretName": "s"}}]}
    other = said(MOUNT.format("extra", 'secret "s" not found'), at=1)
    mine = said(NO_DIRECTORY, at=3)
    for events in ((mine, other), (other, mine)):
        summary = look(*events, raw={"pod": pod}, said={**IN_PLACE, "pod": pod})
        assert "volume weights" in ready(summary)["message"]


def test_a_volume_that_is_there_by_now_is_not_told_beside_one_that_is_not():
    pod = {"volumes": [{"name": "extra", "secret": {"secretName": "s"}}]}
    other = said(MOUNT.format("extra", 'secret "s" not found'), at=1)
    summary = look(
        said(NO_DIRECTORY, at=120),
        other,
        pod=preparing(200),
        raw={"pod": pod},
        said={**IN_PLACE, "pod": pod},
    )
    assert "volume extra" in ready(summary)["message"]


def test_what_was_said_before_the_node_started_anew_is_not_told():
    summary = look(said(NO_DIRECTORY, at=1800), pod=preparing(20, created=ago(3600)))
    assert ready(summary)["reason"] == "Pulling"


def test_other_warnings_are_none_of_it():
    summary = look(said("0/1 nodes are available", reason="FailedScheduling"))
    assert ready(summary)["reason"] == "Pulling"


def test_without_events_it_is_told_after_minutes_as_before():
    assert ready(look(pod=preparing(129)))["reason"] == "Pulling"
    late = look(pod=preparing(130))
    assert ready(late)["reason"] == "VolumeNotMounted"
    assert ready(late)["message"].endswith("kubectl describe pod names what is missing")
    assert late.status["progress"] == "volumes or network are not prepared"


class TestAsked:
    def test_only_a_pod_that_has_waited(self):
        assert not mounts.asked(a_view(preparing(4)))
        assert mounts.asked(a_view(preparing(5)))
        assert not mounts.asked(a_view(a_pod(starting())))
        prepared = (a_condition("PodReadyToStartContainers", "True"),)
        assert not mounts.asked(a_view(preparing(900, conditions=prepared))), "it pulls an image"

    def test_a_look_is_due_then(self):
        summary = summarize(a_view(preparing(2)))
        assert summary.requeue_after == 3

    def test_few_pods_speak_for_all(self):
        many = [preparing(uid=f"p{n}", name=f"qwen-{n}") for n in range(9)]
        assert len(mounts.asked(a_view(*many))) == mounts.MOST_ASKED


class TestWeightsReady:
    """Served in place was said of a place that no pod had ever seen."""

    PLAN = a_plan(said=IN_PLACE)

    def told(self, *pods: PodFacts, status: Any = None, **change: Any) -> tuple[str, str]:
        view = a_view(*pods, plan=self.PLAN, model=a_model(status=status or {}), **change)
        found = condition(summarize(view), "WeightsReady")
        return found["status"], found["reason"]

    @pytest.mark.parametrize(
        "pod",
        [
            a_pod(starting()),
            a_pod(waiting("CrashLoopBackOff", last=fetched().ended)),
            preparing(conditions=(a_condition("PodReadyToStartContainers", "True"),)),
        ],
    )
    def test_a_pod_that_has_its_volumes_proves_the_place(self, pod: PodFacts):
        assert self.told(pod) == ("True", "ServedInPlace")

    def test_a_pod_that_waits_proves_nothing(self):
        assert self.told(preparing(1)) == ("Unknown", "NotRunning")
        assert self.told() == ("Unknown", "NotRunning")

    def test_a_volume_that_cannot_be_mounted_is_told(self):
        events = {"p0": (said(NO_DIRECTORY),)}
        assert self.told(preparing(), complaints=events) == ("False", "VolumeNotMounted")

    def test_it_stays_while_a_pod_of_an_older_spec_serves_from_the_same_place(self):
        old = a_pod(template="t0", uid="old", name="old")
        before = summarize(a_view(a_pod(), plan=self.PLAN)).status
        events = {"p0": (said(NO_DIRECTORY),)}
        told = self.told(old, preparing(), status=before, complaints=events)
        assert told == ("True", "ServedInPlace")

    def test_an_older_pod_that_serves_from_another_place_proves_nothing(self):
        old = a_pod(template="t0", uid="old", name="old")
        other = a_plan(said={**IN_PLACE, "source": {"hostPath": {"path": "/other"}}})
        before = summarize(a_view(a_pod(), plan=other)).status
        assert self.told(old, preparing(1), status=before) == ("Unknown", "NotRunning")

    def test_a_download_that_has_no_volume_says_so(self):
        view = a_view(
            preparing(), plan=a_plan(weights=ON_HOST), complaints={"p0": (said(NO_DIRECTORY),)}
        )
        told = condition(summarize(view), "WeightsReady")
        assert (told["status"], told["reason"]) == ("False", "VolumeNotMounted")
        assert told["message"].endswith("spec.weights.hostPath")


def test_the_words_are_those_of_one_event_and_short():
    long = look(said(MOUNT.format("weights", "x" * 5000) + " y"), said=IN_PLACE)
    assert len(ready(long)["message"].encode()) <= 1024
    assert len(long.status["progress"].encode()) <= mounts.LONGEST_COLUMN + 3


def test_a_pod_of_an_older_spec_is_not_asked_about():
    old = preparing(template="t0")
    assert not mounts.asked(a_view(old))
