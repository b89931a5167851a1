"""A pod without a node: what it waits for, by name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flagos_operator.desired.fleet import ABSENT, UNREAD, Fleet
from flagos_operator.status.summary import summarize
from tests.unit.status.build import a_claim, a_plan, a_view, unscheduled
from tests.unit.status.read import ready, written
from tests.unit.status.test_ready import INSUFFICIENT

UNBOUND = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"


def test_unschedulable_says_what_was_asked_for():
    told = ready(summarize(a_view(unscheduled(INSUFFICIENT), plan=a_plan(devices=2))))["message"]
    assert told.startswith(
        "no usable node has 2 nvidia.com/gpu free, or none offers it: "
        "0/3 nodes are available: 3 Insufficient nvidia.com/gpu"
    )


NOWHERE = "no node has nvidia.com/gpu"
PLUGIN = "is the vendor's device plugin installed? (flagos-operator chips)"


class TestNodesThatAreKnown:
    """The scheduler has the same words for devices in use and for those that no node has."""

    @pytest.mark.parametrize("words", [INSUFFICIENT, "0/1: didn't match Pod's node affinity"])
    def test_devices_that_no_node_has_are_said_to_be_nowhere(self, words: str):
        summary = summarize(a_view(unscheduled(words), fleet=ABSENT))
        assert ready(summary)["message"].startswith(f"{NOWHERE}: 0/")
        assert PLUGIN in ready(summary)["message"]
        assert summary.status["progress"] == f"{NOWHERE}: {PLUGIN}"

    def test_devices_that_nodes_have_are_said_to_be_in_use(self):
        summary = summarize(a_view(unscheduled(INSUFFICIENT), fleet=Fleet(most=8)))
        assert summary.status["progress"] == "no usable node has 1 nvidia.com/gpu free"
        assert ready(summary)["message"].startswith("no usable node has 1 nvidia.com/gpu free: 0/")

    def test_nodes_that_are_too_small_are_said_to_be(self):
        view = a_view(unscheduled(INSUFFICIENT), plan=a_plan(devices=16), fleet=Fleet(most=8))
        assert summarize(view).status["progress"] == (
            "no node has 16 nvidia.com/gpu; the largest has 8"
        )

    @pytest.mark.parametrize("fleet", [ABSENT, Fleet(most=8)])
    def test_until_nodes_are_listed_anew_the_words_stay(self, fleet: Fleet):
        view = a_view(unscheduled(INSUFFICIENT), fleet=fleet)
        before = summarize(view)
        assert summarize(written(replace(view, fleet=UNREAD), before)).status == before.status

    def test_a_pod_without_devices_misses_none(self):
        plan = a_plan(resource_name=None, devices=0)
        told = summarize(a_view(unscheduled("0/1: no cpu"), plan=plan, fleet=ABSENT))
        assert told.status["progress"] == "waiting for a node that fits"


LABELS = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
OF_THE_CHIP = "kubernetes.io/arch=arm64 is what chip ascend asks of a node; add nodes that fit"


@pytest.mark.parametrize(
    ("pod", "told"),
    [
        (None, True),
        ({"nodeSelector": {"zone": "a"}}, True),
        ({"nodeSelector": {"kubernetes.io/arch": "amd64"}}, False),
    ],
)
def test_a_label_that_the_chip_asks_for_is_said_to_be_its_own(pod, *, told: bool):
    plan = a_plan(said={"chip": "ascend"}, pod=pod)
    message = ready(summarize(a_view(unscheduled(LABELS), plan=plan)))["message"]
    assert (OF_THE_CHIP in message) == told
    assert "spec.pod.nodeSelector" in message


def test_a_cordoned_node_is_called_so():
    told = ready(summarize(a_view(unscheduled("0/1: 1 node(s) were unschedulable."))))["message"]
    assert told.endswith(
        "; a node is cordoned: kubectl uncordon NODE, or free or add others that fit"
    )


def test_devices_are_not_blamed_where_something_else_is_missing():
    told = ready(summarize(a_view(unscheduled("0/1: untolerated taint"))))["message"]
    assert told.startswith("asks for 1 nvidia.com/gpu: 0/1: untolerated taint; ")


class TestUnboundClaims:
    """The scheduler names neither the claim nor its class."""

    @pytest.mark.parametrize(
        ("template", "claim"),
        [
            ({"storageClassName": "fast"}, "claim qwen-weights of storage class fast"),
            ({}, "claim qwen-weights of the default storage class"),
            ({"storageClassName": ""}, "claim qwen-weights of no storage class"),
        ],
    )
    def test_a_claim_of_the_model_is_named_with_its_class(self, template, claim: str):
        plan = a_plan(weights={"volumeClaimTemplate": {"size": "1Gi", **template}})
        summary = summarize(
            a_view(unscheduled(UNBOUND), plan=plan, children=(a_claim("Pending"),))
        )
        assert ready(summary)["reason"] == "VolumeClaimPending"
        assert ready(summary)["message"].startswith(
            f"no volume for {claim}: 0/1 nodes are available: "
            "pod has unbound immediate PersistentVolumeClaims; "
        )
        assert summary.status["progress"] == f"waiting for a volume for {claim}"

    def test_a_claim_that_is_bound_is_not_meant(self):
        plan = a_plan(
            weights={"volumeClaimTemplate": {"size": "1Gi"}},
            pod={"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "mine"}}]},
        )
        view = a_view(unscheduled(UNBOUND), plan=plan, children=(a_claim("Bound"),))
        assert ready(summarize(view))["message"].startswith("no volume for claim mine: 0/1")

    def test_a_claim_that_waits_without_a_word_is_named_too(self):
        plan = a_plan(weights={"volumeClaimTemplate": {"size": "1Gi"}})
        view = a_view(unscheduled(age=90), plan=plan, children=(a_claim("Pending"),))
        assert ready(summarize(view))["message"].startswith(
            "no volume for claim qwen-weights of the default storage class; "
        )


def test_without_devices_unschedulable_begins_with_the_schedulers_words():
    plan = a_plan(resource_name=None, devices=0)
    told = ready(summarize(a_view(unscheduled("0/1: Insufficient memory."), plan=plan)))
    assert told["message"].startswith("0/1: Insufficient memory; ")
