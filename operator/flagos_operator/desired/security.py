"""Pod Security "restricted" unless the chip or the user says otherwise, key by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flagos_operator.desired.manifest import Manifest, merged

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = 0


def pod(*, uid: int | None, wishes: Mapping[str, Any]) -> Manifest:
    # OnRootMismatch: chown through a hundred gigabytes at each start takes minutes.
    owner = {} if uid is None else {"fsGroup": uid, "fsGroupChangePolicy": "OnRootMismatch"}
    return merged({"seccompProfile": {"type": "RuntimeDefault"}, **owner}, wishes)


def container(*, uid: int | None, wishes: Mapping[str, Any], pod: Mapping[str, Any]) -> Manifest:
    """`wishes` of chip and user, over a default without what they contradict."""
    contradicted = contradictions(wishes, pod)
    default = {key: value for key, value in restricted(uid).items() if key not in contradicted}
    return merged(default, wishes)


def restricted(uid: int | None) -> Manifest:
    owner = {} if uid is None else {"runAsUser": uid, "runAsGroup": uid}
    return {
        "runAsNonRoot": True,
        **owner,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def contradictions(wishes: Mapping[str, Any], pod: Mapping[str, Any]) -> set[str]:
    """Keys of the default that would undo a wish, or that the API server refuses beside it."""
    found = set()
    user = wishes.get("runAsUser", pod.get("runAsUser"))
    added = (wishes.get("capabilities") or {}).get("add") or []
    if user is not None:
        # The image decides on the group, or the pod does: ours would go with our user only.
        found |= {"runAsUser", "runAsGroup"}
    if user == ROOT:
        found |= {"runAsNonRoot", "capabilities"}
    if wishes.get("privileged"):
        found |= {"allowPrivilegeEscalation", "capabilities", "readOnlyRootFilesystem"}
    if {"SYS_ADMIN", "CAP_SYS_ADMIN"} & set(added):
        found |= {"allowPrivilegeEscalation"}
    return found
