"""The Pod Security Standard "restricted", as far as a pod spec can break it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
    "projected", "secret",
}  # fmt: skip


def violations(pod: Mapping[str, Any]) -> list[str]:
    return [
        *of_pod(pod),
        *(found for each in containers(pod) for found in of_container(each, pod)),
    ]


def containers(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def of_pod(pod: Mapping[str, Any]) -> Iterator[str]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield field
    for volume in pod["volumes"]:
        if not VOLUMES & volume.keys():
            yield f"volume {volume['name']}"


def of_container(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterator[str]:
    outer, inner = pod["securityContext"], container["securityContext"]
    both = {**outer, **inner}
    name = container["name"]
    if both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0:
        yield f"{name}: root"
    if both.get("seccompProfile", {}).get("type") not in {"RuntimeDefault", "Localhost"}:
        yield f"{name}: seccomp"
    if inner.get("privileged"):
        yield f"{name}: privileged"
    if inner.get("allowPrivilegeEscalation") is not False:
        yield f"{name}: privilege escalation"
    yield from of_capabilities(name, inner.get("capabilities", {}))


def of_capabilities(name: str, capabilities: Mapping[str, Any]) -> Iterator[str]:
    if "ALL" not in capabilities.get("drop", []):
        yield f"{name}: capabilities kept"
    if set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield f"{name}: capabilities added"
