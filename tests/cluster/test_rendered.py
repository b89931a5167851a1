"""What is rendered, judged by the API server: its own validation, and Pod Security's admission."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import server
from tests.account import a_namespace
from tests.golden.examples import EXAMPLES, objects, plan
from tests.golden.restricted import violations
from tests.kube import Kube, run
from tests.unit.desired.build import objects as rendered

ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
# What the examples leave out and validation could trip over.
UNUSUAL: dict[str, dict[str, Any]] = {
    "custom": {"server": {"engine": "Custom", "command": ["serve"], "preStart": "true"}},
    "entrypoint": {"server": {"engine": "Custom"}},
    "sglang key": {
        "server": {"engine": "SGLang", "apiKeySecretRef": {"name": "keys", "key": "k"}}
    },
    "root": {"server": {"securityContext": {"runAsUser": 0}}},
    "sys admin": {"server": {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}},
    "privileged": {"server": {"securityContext": {"privileged": True}}},
    "authorities": {
        "source": {
            "huggingface": {"repo": "a/b", "tokenSecretRef": {"name": "hub", "key": "k"}},
            "caBundleConfigMapRef": {"name": "ca", "key": "ca.pem"},
        }
    },
    "host": {"pod": {"hostNetwork": True, "hostIPC": True, "hostPID": True}},
    "bare devices": {
        "chip": "metax",
        "devices": 2,
        "settings": {"own": {"metax": {"resourceName": None}}},
    },
    "openshift": {"settings": {"operand_uid": None}},
    "claims": {
        "devices": 0,
        "server": {"resources": {"claims": [{"name": "gpu"}]}},
        "pod": {"resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "h100"}]},
    },
    "owned claim": {
        "weights": {
            "volumeClaimTemplate": {"size": "1Gi", "storageClassName": ""},
            "reclaimPolicy": "Delete",
        }
    },
    "short budget": {"startup": {"budgetSeconds": 1}, "server": {"drainSeconds": 0}},
    "native": {"flagos": {"mode": "Native"}},
}


@pytest.fixture(scope="module")
def restricted() -> Iterator[Kube]:
    """A namespace that admits only pods of the standard "restricted"."""
    with a_namespace("cluster-restricted") as kube:
        label = "pod-security.kubernetes.io/enforce=restricted"
        run("kubectl", "label", "namespace", kube.namespace, label)
        # The admission of ServiceAccounts wants it, and a new namespace has it a moment later.
        run("kubectl", "-n", kube.namespace, "apply", "-f", "-", stdin=json.dumps(ACCOUNT))
        yield kube


def accept(kube: Kube, manifests: Any) -> None:
    for manifest in manifests:
        here = {**manifest, "metadata": {**manifest["metadata"], "namespace": kube.namespace}}
        server.judge_apply(here, namespace=kube.namespace, manager="flagos-operator")


@each_example
def test_the_api_server_takes_what_an_example_renders(space: Kube, example: Path) -> None:
    accept(space, objects(example))


@pytest.mark.parametrize("said", UNUSUAL.values(), ids=UNUSUAL)
def test_the_api_server_takes_unusual_models(space: Kube, said: dict[str, Any]) -> None:
    accept(space, rendered(**said).values())


@each_example
def test_pod_security_agrees_on_what_is_restricted(restricted: Kube, example: Path) -> None:
    template = objects(example)[-1]["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", **template}
    pod["metadata"] = {**template["metadata"], "name": "judged", "namespace": restricted.namespace}
    refused = restricted.refusal(pod)
    assert bool(refused) is bool(violations(template["spec"])), refused
    assert not refused or "violates PodSecurity" in refused, plan(example).chip
