"""Input: what the API server finds wrong with an object. Asserted: the field of the model."""

from __future__ import annotations

import pytest

from flagos_operator.status.places import named
from flagos_operator.status.summary import summarize
from flagos_operator.status.view import Objection
from tests.unit.status.build import a_plan, a_view
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
