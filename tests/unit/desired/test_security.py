"""Least privilege, key by key: chip and user over a default that never contradicts them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.golden.restricted import violations
from tests.unit.desired.build import fetch, pod, server

RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": 65534,
    "runAsGroup": 65534,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def without(*keys: str, **more: Any) -> dict[str, Any]:
    return {key: value for key, value in RESTRICTED.items() if key not in keys} | more


@pytest.mark.parametrize(
    ("wish", "seen"),
    [
        ({}, RESTRICTED),
        ({"runAsUser": 1000}, without("runAsGroup", runAsUser=1000)),
        (
            {"runAsUser": 0},
            without("runAsNonRoot", "runAsGroup", "capabilities", runAsUser=0),
        ),
        ({"readOnlyRootFilesystem": False}, without(readOnlyRootFilesystem=False)),
        (
            {"capabilities": {"add": ["IPC_LOCK"]}},
            without(capabilities={"drop": ["ALL"], "add": ["IPC_LOCK"]}),
        ),
        # The API server refuses these beside "no escalation".
        (
            {"capabilities": {"add": ["SYS_ADMIN"]}},
            without(
                "allowPrivilegeEscalation",
                capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]},
            ),
        ),
        (
            {"privileged": True},
            without(
                "allowPrivilegeEscalation",
                "capabilities",
                "readOnlyRootFilesystem",
                privileged=True,
            ),
        ),
        (
            {"seccompProfile": {"type": "Unconfined"}},
            without(seccompProfile={"type": "Unconfined"}),
        ),
    ],
)
def test_a_wish_takes_away_what_contradicts_it_and_nothing_else(
    wish: dict[str, Any], seen: dict[str, Any]
) -> None:
    assert server(server={"securityContext": wish})["securityContext"] == seen
    assert fetch(fetch={"securityContext": wish})["securityContext"] == seen


def test_a_user_of_the_whole_pod_reaches_its_containers() -> None:
    """Said in a container, our own user would win over the pod's."""
    body = pod(pod={"securityContext": {"runAsUser": 1000, "runAsGroup": 1000}})
    for container in (*body["initContainers"], *body["containers"]):
        assert container["securityContext"] == without("runAsUser", "runAsGroup")
    assert body["securityContext"]["runAsUser"] == 1000


def test_root_of_the_whole_pod_is_root_in_its_containers() -> None:
    body = pod(pod={"securityContext": {"runAsUser": 0}})
    assert "runAsNonRoot" not in body["containers"][0]["securityContext"]


def test_a_pods_context_is_merged_by_key_over_the_default() -> None:
    body = pod(pod={"securityContext": {"fsGroup": 1000, "sysctls": []}})
    assert body["securityContext"] == {
        "seccompProfile": {"type": "RuntimeDefault"},
        "fsGroup": 1000,
        "fsGroupChangePolicy": "OnRootMismatch",
        "sysctls": [],
    }


def test_a_chips_groups_reach_the_pod() -> None:
    assert pod(chip="hygon")["securityContext"]["supplementalGroups"] == [39, 44]


def test_a_custom_line_gets_a_root_that_it_may_write_to_unless_it_says_no() -> None:
    custom: dict[str, Any] = {"engine": "Custom", "command": ["serve"]}
    assert server(server=custom)["securityContext"]["readOnlyRootFilesystem"] is False
    strict = {**custom, "securityContext": {"readOnlyRootFilesystem": True}}
    assert server(server=strict)["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize("chip", ["cpu", "nvidia", "metax", "iluvatar", "zhenwu"])
def test_the_smallest_model_passes_pod_security_restricted(chip: str) -> None:
    assert violations(pod(chip=chip)) == []
    assert violations(pod(settings={"operand_uid": None}, chip=chip)) == []
