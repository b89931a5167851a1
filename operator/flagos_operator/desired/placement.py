"""Where a pod may run and what of its node it may see: the chip's needs and the user's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flagos_operator.desired import labels
from flagos_operator.desired.manifest import Manifest, given

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flagos_operator.desired.asked import Asked


def placement(asked: Asked) -> Manifest:
    said, chip = asked.spec.pod, asked.chip
    return given(
        {
            "nodeSelector": {**chip.node_selector, **said.node_selector},
            "tolerations": (*chip.tolerations, *said.tolerations),
            "affinity": said.affinity or (alone(asked.spec.chip) if asked.unallocated else None),
            "topologySpreadConstraints": said.topology_spread_constraints,
            "schedulerName": said.scheduler_name,
            "priorityClassName": said.priority_class_name,
            "runtimeClassName": said.runtime_class_name or chip.runtime_class_name,
            "serviceAccountName": said.service_account_name,
            "hostNetwork": first(said.host_network, chip.host_network),
            "hostIPC": first(said.host_ipc, chip.host_ipc),
            "hostPID": first(said.host_pid, chip.host_pid),
            "dnsPolicy": said.dns_policy or dns_policy(asked),
            "dnsConfig": said.dns_config,
            "hostAliases": said.host_aliases,
            "resourceClaims": said.resource_claims,
        }
    )


def of_the_chip(asked: Asked) -> Mapping[str, str]:
    """Labels of a node that the model itself says nothing of."""
    said = asked.spec.pod.node_selector
    return {key: each for key, each in asked.chip.node_selector.items() if key not in said}


def first(said: bool | None, chip: bool | None) -> bool | None:  # noqa: FBT001 - two layers
    """Only a yes is rendered: false is what Kubernetes does anyway."""
    return (chip if said is None else said) or None


def dns_policy(asked: Asked) -> str | None:
    """On the node's network the plain policy would ask the node's resolver, not the cluster's."""
    on_node = first(asked.spec.pod.host_network, asked.chip.host_network)
    return "ClusterFirstWithHostNet" if on_node else None


def alone(chip: str) -> Manifest:
    """One such pod to a node: without a device plugin, nobody else keeps two of them apart."""
    term = {
        "labelSelector": {"matchLabels": {labels.CHIP: chip}},
        "namespaceSelector": {},
        "topologyKey": "kubernetes.io/hostname",
    }
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
