"""Input: a trouble in the words of others. Asserted: what a user can do stands behind them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from flagos_operator.status.reasons import Kind, Reason
from flagos_operator.status.summary import summarize
from flagos_operator.status.view import Objection
from tests.unit.status.build import (
    a_claim,
    a_container,
    a_plan,
    a_pod,
    a_view,
    crashed,
    ended,
    fetched,
    unscheduled,
    waiting,
)
from tests.unit.status.read import ready
from tests.unit.status.test_ready import ROWS

if TYPE_CHECKING:
    from flagos_operator.desired.plan import Plan
    from flagos_operator.observed.facts import PodFacts
    from flagos_operator.status.view import View

CPU = {"chip": "cpu", "devices": None}


def refused(reason: str, message: str) -> View:
    return a_view(refused=Objection(reason=reason, message=message))


@pytest.mark.parametrize(
    ("view", "step"),
    [
        (refused("QuotaExceeded", "exceeded quota: none"), "raise the quota, or ask for less: "),
        (refused("Forbidden", "no"), "install the chart's roles for this namespace"),
        (
            a_view(unscheduled("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.")),
            "free or add nodes that fit, or change what is asked for: spec.devices, spec.pod",
        ),
        (
            a_view(unscheduled("0/1: 1 Insufficient memory."), plan=a_plan(said=CPU)),
            "or change what is asked for: spec.server.resources, spec.pod",
        ),
        (
            a_view(unscheduled("pod has unbound immediate PersistentVolumeClaims")),
            "kubectl describe pvc says why; see spec.weights",
        ),
        (
            a_view(
                unscheduled("pod has unbound immediate PersistentVolumeClaims"),
                plan=a_plan(weights={"volumeClaimTemplate": {"size": "1Gi"}}),
                children=(a_claim("Pending"),),
            ),
            (
                "kubectl describe pvc qwen-weights says why. If its class is wrong: delete the "
                "model and then the claim, which holds nothing (kubectl delete pvc qwen-weights), "
                "and apply the model with the right "
                "spec.weights.volumeClaimTemplate.storageClassName"
            ),
        ),
        (
            a_view(a_pod(waiting("CreateContainerConfigError", 'secret "x" not found'))),
            "spec.server.env, spec.server.envFrom or spec.server.apiKeySecretRef",
        ),
        (
            a_view(
                a_pod(
                    waiting(
                        "CreateContainerConfigError",
                        'secret "x" not found',
                        name="fetch",
                        init=True,
                    )
                )
            ),
            "tokenSecretRef of the hub in spec.source, or spec.fetch.env",
        ),
        (
            a_view(a_pod(waiting("RunContainerError", 'exec: "x": not found'))),
            "check spec.server.command, spec.image and spec.server.volumeMounts",
        ),
        (
            a_view(a_pod(fetched(), crashed(ended(1, message="OSError: odd")))),
            "OSError: odd; all of it: kubectl logs POD -c server --previous",
        ),
        (
            a_view(a_pod(a_container(), crashed(ended(137), name="fetch", init=True))),
            "ran out of memory: spec.fetch.resources.requests.memory sets more of it aside)",
        ),
        (
            a_view(a_pod(phase="Failed", reason="Evicted", message="low on memory", ready=False)),
            "low on memory; set spec.server.resources.requests.memory to what the server needs",
        ),
        (
            a_view(a_pod(phase="Failed", reason="Evicted", message="low on disk", ready=False)),
            (
                "low on disk; free space on the node; weights that lie on it (emptyDir, hostPath) "
                "are better on a volume of their own: spec.weights"
            ),
        ),
    ],
)
def test_what_to_do_stands_behind_what_happened(view: View, step: str) -> None:
    assert step in ready(summarize(view))["message"]


ROW = a_plan(release="minicpm5-metax")


@pytest.mark.parametrize(
    ("words", "progress", "step"),
    [
        ("docker.io/x/y:1: not found", "image of server: not found", "; correct spec.image"),
        (
            "pull access denied, repository does not exist or may require authorization",
            "image of server: no access to it",
            "; correct spec.image, or add a secret to spec.imagePullSecrets",
        ),
        (
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            "image of server: the registry's certificate is not trusted",
            "; have the runtime of node1 trust it, or change spec.image",
        ),
        (
            "dial tcp: lookup hub.example on 10.0.0.10:53: no such host",
            "image of server: the registry is not reached",
            "; let node1 reach it, load the image there, or change spec.image",
        ),
        *(
            (
                words,
                "image of server: the registry answers with an error of its own",
                "; look at the registry, load the image onto node1, or change spec.image",
            )
            for words in (
                (
                    'failed to resolve reference "r.example/x:1": unexpected status from HEAD '
                    "request to https://r.example/v2/x/manifests/1: 500 Internal Server Error"
                ),
                "received unexpected HTTP status: 504 Gateway Timeout",
                "invalid status code from registry: StatusCode: 503, busy",
            )
        ),
        (
            "toomanyrequests: You have reached your pull rate limit",
            "image of server: the registry refuses more pulls for now",
            "; it is tried again; add a secret to spec.imagePullSecrets, or change spec.image",
        ),
        (
            'failed to pull "r.example:500/x:503": dial tcp 10.0.0.1:500: i/o timeout',
            "image of server: the registry is not reached",
            "; let node1 reach it, load the image there, or change spec.image",
        ),
        (
            "write /layer: no space left on device",
            "image of server: no room on the node",
            "; free space on node1",
        ),
        ("odd", "image of server: it cannot be pulled", "; check spec.image"),
    ],
)
def test_a_pull_that_fails_is_told_by_kind_with_the_field(words: str, progress: str, step: str):
    summary = summarize(a_view(a_pod(waiting("ErrImagePull", words))))
    assert summary.status["progress"] == progress
    assert ready(summary)["message"] == f"{words}{step}"


@pytest.mark.parametrize(
    ("secrets", "step"),
    [
        (["mine"], "check that the secret mine exists and is for that registry"),
        (["mine", "its"], "check that the secrets mine, its exist and are for that registry"),
    ],
)
def test_secrets_that_are_named_may_be_missing_and_nobody_says_so(secrets: list[str], step: str):
    plan = a_plan(said={"imagePullSecrets": [{"name": each} for each in secrets]})
    view = a_view(a_pod(waiting("ErrImagePull", "401 Unauthorized")), plan=plan)
    assert ready(summarize(view))["message"].endswith(
        f"; correct spec.image, or {step} (spec.imagePullSecrets)"
    )


@pytest.mark.parametrize(
    ("pod", "plan", "field"),
    [
        (a_pod(waiting("ErrImagePull", "not found")), ROW, "of release minicpm5-metax)"),
        (
            a_pod(waiting("ErrImagePull", "not found", name="fetch", init=True)),
            None,
            "correct image.repository and image.tag of the chart's values",
        ),
        (
            a_pod(waiting("ErrImagePull", "not found", name="proxy")),
            None,
            "correct spec.pod.containers[proxy].image",
        ),
    ],
)
def test_the_field_is_that_of_the_container(pod: PodFacts, plan: Plan | None, field: str):
    assert ready(summarize(a_view(pod, plan=plan)))["message"].endswith(field)


def test_a_message_that_names_a_field_is_left_as_it_is() -> None:
    words = 'Service "qwen" is invalid: spec.ports: no'
    assert ready(summarize(refused("InvalidPod", words)))["message"] == words


def test_a_long_message_leaves_room_for_the_step() -> None:
    told = ready(summarize(refused("Forbidden", "words " * 300)))["message"]
    assert told.endswith("words...; install the chart's roles for this namespace")
    assert len(told.encode()) <= 1024


ACTS = re.compile(r"\bspec\.|\bkubectl\b|look at|bring it back|delete|install|restarted|roles")
ASKING = {Kind.WAITING, Kind.FAILED, Kind.BLOCKED}
# What is told of them is theirs who give it; a test of theirs asserts the field.
OTHERS = {"InternalError", "NameTaken", "Stalled", "UnknownChip"}


@pytest.mark.parametrize(
    ("reason", "view"),
    [
        (reason, view)
        for reason, _, view in ROWS
        if Reason(reason).kind in ASKING and reason not in OTHERS
    ],
)
def test_every_trouble_names_a_field_or_a_step(reason: str, view: View) -> None:
    told = ready(summarize(view))
    assert told["reason"] == reason
    assert ACTS.search(told["message"]), told["message"]
