"""A pod without a node: what it waits for, by name."""

from __future__ import annotations

import pytest

from flagos_operator.status.summary import summarize
from tests.unit.status.build import a_claim, a_plan, a_view, unscheduled
from tests.unit.status.read import ready
from tests.unit.status.test_ready import INSUFFICIENT

UNBOUND = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"


def test_unschedulable_says_what_was_asked_for():
    told = ready(summarize(a_view(unscheduled(INSUFFICIENT), plan=a_plan(devices=2))))["message"]
    assert told.startswith(
        "no usable node has 2 nvidia.com/gpu free, or none offers it: "
        "0/3 nodes are available: 3 Insufficient nvidia.com/gpu"
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
