"""Input: what the API server finds wrong with an object. Asserted: the field of the model."""

from __future__ import annotations

import pytest

from flagos_operator.status.places import named, of_volumes
from flagos_operator.status.summary import summarize
from flagos_operator.status.view import Objection
from tests.unit.status.build import a_condition, a_deployment, a_model, a_plan, a_view
from tests.unit.status.read import condition, ready

PLAN = a_plan(
    pod={
        "volumes": [{"name": "x", "emptyDir": {}}],
        "containers": [{"name": "proxy", "image": "p"}],
        "initContainers": [{"name": "first", "image": "p"}],
    }
)
TYPED = "failed to create typed patch object (prod/qwen; apps/v1, Kind=Deployment): "
INVALID = 'Deployment.apps "qwen" is invalid: '
UNKNOWN = "field not declared in schema"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            f'{TYPED}.spec.template.spec.volumes[name="x"].hostpath: {UNKNOWN}',
            "spec.pod.volumes[x].hostpath: there is no such field",
        ),
        (
            (
                f'{TYPED}errors:\n  .spec.template.spec.containers[name="server"].resources.a: '
                f"{UNKNOWN}\n  .spec.template.spec.affinity.b: {UNKNOWN}"
            ),
            (
                "spec.server.resources.a: there is no such field\n"
                "  spec.pod.affinity.b: there is no such field"
            ),
        ),
        (
            f'{INVALID}spec.template.spec.containers[0].volumeMounts[3].name: Not found: "nix"',
            'spec.server.volumeMounts[].name: Not found: "nix"',
        ),
        (
            (
                f"{INVALID}[spec.template.spec.containers[1].image: Required value, "
                "spec.template.spec.initContainers[0].env[2].name: x, "
                "spec.template.spec.initContainers[1].resources.limits: x]"
            ),
            (
                "[spec.pod.containers[proxy].image: Required value, "
                "spec.pod.initContainers[first].env[].name: x, spec.fetch.resources.limits: x]"
            ),
        ),
        (f"{INVALID}spec.template.spec.volumes[0].name: x", "spec.weights.name: x"),
        (f"{INVALID}spec.template.spec.volumes[3].name: x", "spec.pod.volumes[x].name: x"),
        (f"{INVALID}spec.template.spec.volumes[9].name: x", "spec.pod.volumes[9].name: x"),
        (f"{INVALID}spec.template.spec.containers[0].image: x", "spec.image: x"),
        (
            f"{INVALID}spec.template.spec.containers[0].startupProbe.failureThreshold: x",
            "spec.startup.failureThreshold: x",
        ),
        (f"{INVALID}spec.template.metadata.labels: x", "spec.pod.labels: x"),
        (f"{INVALID}spec.template.spec.serviceAccountName: x", "spec.pod.serviceAccountName: x"),
        ('Service "qwen" is invalid: spec.ports: x', 'Service "qwen" is invalid: spec.ports: x'),
    ],
)
def test_a_path_of_the_deployment_is_told_as_the_models_field(message: str, expected: str) -> None:
    assert named(message, PLAN) == expected


def test_the_conditions_and_the_last_word_are_the_models() -> None:
    words = f'{INVALID}spec.template.spec.containers[0].volumeMounts[3].name: Not found: "nix"'
    summary = summarize(a_view(refused=Objection(reason="InvalidPod", message=words)))
    told = 'spec.server.volumeMounts[].name: Not found: "nix"'
    assert ready(summary)["message"] == condition(summary, "UpToDate")["message"] == told


RESTRICTED = 'pods "qwen-1" is forbidden: violates PodSecurity "restricted:latest": '
ON_A_HOST = {"source": {"hostPath": {"path": "/share/qwen"}}}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('hostPath volumes (volume "weights")', "hostPath volumes (spec.source.hostPath)"),
        (
            '(volumes "weights", "x" use restricted volume types "hostPath", "nfs")',
            (
                "(spec.source.hostPath, spec.pod.volumes[x] use restricted volume types "
                '"hostPath", "nfs")'
            ),
        ),
        ('hostPath volumes (volume "of-a-webhook")', 'hostPath volumes ("of-a-webhook")'),
    ],
)
def test_a_volume_that_admission_refuses_is_told_as_the_models_field(said: str, expected: str):
    pod = {"volumes": [{"name": "x", "hostPath": {"path": "/x"}}]}
    plan = a_plan(said=ON_A_HOST, pod=pod)
    view = a_view(plan=plan, model=a_model(raw={"spec": {"pod": pod}}))
    assert of_volumes(said, plan, view) == expected


def test_a_namespace_that_allows_no_host_path_is_told_with_the_field_and_its_cure():
    words = (
        f'{RESTRICTED}restricted volume types (volume "weights" uses restricted volume type '
        '"hostPath")'
    )
    refused = a_condition("ReplicaFailure", "True", "FailedCreate", words)
    view = a_view(plan=a_plan(said=ON_A_HOST), deployment=a_deployment(conditions=(refused,)))
    summary = summarize(view)
    assert "(spec.source.hostPath uses" in ready(summary)["message"]
    assert "use a claim there (persistentVolumeClaim)" in ready(summary)["message"]
    assert "securityContext" not in ready(summary)["message"]
    assert summary.status["progress"] == "admission refuses the pod: spec.source.hostPath"
