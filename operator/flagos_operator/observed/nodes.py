"""What is read of nodes, and of other people's pods: what a choice needs, and no body.

Thousands of nodes are of a few kinds: labels, taints and devices that are equal are kept once.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flagos_operator.observed.bodies import Body, part, parts
from flagos_operator.observed.parse import MODEL_LABEL

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

HOSTNAME = "kubernetes.io/hostname"
# Of one node alone, and wanted by nobody: such a label would make every node a kind of its own.
OF_ONE_NODE = re.compile(r"timestamp$|^machine\.|/(?:instance-id|machine-id|provider-id)$")
# Of Kubernetes itself: what is no device of a vendor's plugin.
NATIVE = re.compile(r"^[^/]*$|^(?:[^/]*\.)?kubernetes\.io/|^hugepages-|^attachable-volumes-")
ENDED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True)
class Taint:
    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    name: str
    hostname: str
    ready: bool
    cordoned: bool
    labels: Mapping[str, str]  # but that of the hostname
    taints: tuple[Taint, ...]
    devices: Mapping[str, int]  # allocatable, of all extended resources


@dataclass(frozen=True, slots=True, kw_only=True)
class PodDemand:
    """What a pod takes of devices. `node` is empty until it has one, `model` unless it is ours."""

    namespace: str
    node: str
    model: str
    devices: Mapping[str, int]


@dataclass(slots=True)
class Pool:
    """One value for all that are equal."""

    _kept: dict[Hashable, Any] = field(default_factory=dict)

    def of(self, found: Mapping[K, V]) -> Mapping[K, V]:
        kept: Mapping[K, V] = self._kept.setdefault(frozenset(found.items()), found)
        return kept

    def taints(self, found: tuple[Taint, ...]) -> tuple[Taint, ...]:
        kept: tuple[Taint, ...] = self._kept.setdefault(found, found)
        return kept


def node_facts(body: Body, *, pool: Pool) -> NodeFacts:
    meta, spec, status = part(body, "metadata"), part(body, "spec"), part(body, "status")
    labels, name = part(meta, "labels"), str(meta.get("name") or "")
    return NodeFacts(
        name=name,
        hostname=str(labels.get(HOSTNAME) or name),
        ready=_is_ready(status),
        cordoned=bool(spec.get("unschedulable")),
        labels=pool.of(dict(_labels(labels))),
        taints=pool.taints(tuple(_taints(spec))),
        devices=pool.of(dict(_devices(part(status, "allocatable")))),
    )


def pod_demand(body: Body) -> PodDemand | None:
    """None of a pod that has ended or that asks for no device: most have not."""
    spec, status = part(body, "spec"), part(body, "status")
    if status.get("phase") in ENDED:
        return None
    devices = _asked(spec)
    if not devices:
        return None
    meta = part(body, "metadata")
    return PodDemand(
        namespace=str(meta.get("namespace") or ""),
        node=sys.intern(str(spec.get("nodeName") or "")),
        model=str(part(meta, "labels").get(MODEL_LABEL) or ""),
        devices=devices,
    )


def _asked(spec: Body) -> dict[str, int]:
    """As the scheduler counts: containers run together, what comes before them in turn.

    An init container that is always restarted, a sidecar, stays beside all that follow it.
    """
    together, most, beside = dict[str, int](), dict[str, int](), dict[str, int]()
    for each in parts(spec, "initContainers"):
        own = dict(_requests(each))
        if each.get("restartPolicy") == "Always":
            beside = _sum(beside, own)
            own = beside
        else:
            own = _sum(beside, own)
        most = {name: max(most.get(name, 0), own.get(name, 0)) for name in {*most, *own}}
    for each in parts(spec, "containers"):
        together = _sum(together, dict(_requests(each)))
    together = _sum(together, beside)
    found = {name: max(most.get(name, 0), together.get(name, 0)) for name in {*most, *together}}
    return {name: count for name, count in found.items() if count}


def _requests(container: Body) -> Iterator[tuple[str, int]]:
    resources = part(container, "resources")
    yield from _devices({**part(resources, "limits"), **part(resources, "requests")})


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {*one, *other}}


def _devices(amounts: Body) -> Iterator[tuple[str, int]]:
    for name, amount in amounts.items():
        if not NATIVE.search(name):
            yield sys.intern(name), _count(amount)


_SCALES = {"": 1, "k": 10**3, "M": 10**6, "Ki": 2**10, "Mi": 2**20}


def _count(amount: object) -> int:
    """Devices are whole numbers; HAMi's memory resources are large ones, and may say 80k."""
    found = re.fullmatch(r"(\d+)(k|M|Ki|Mi|)", str(amount))
    return int(found[1]) * _SCALES[found[2]] if found else 0


def _labels(labels: Body) -> Iterator[tuple[str, str]]:
    for name, value in labels.items():
        if name != HOSTNAME and not OF_ONE_NODE.search(name):
            yield sys.intern(name), sys.intern(str(value))


def _taints(spec: Body) -> Iterator[Taint]:
    """What only advises (PreferNoSchedule) keeps no pod away."""
    for each in parts(spec, "taints"):
        if each.get("effect") in {"NoSchedule", "NoExecute"}:
            words = (str(each.get(name) or "") for name in ("key", "value", "effect"))
            yield Taint(*words)


def _is_ready(status: Body) -> bool:
    told = (each for each in parts(status, "conditions") if each.get("type") == "Ready")
    return any(each.get("status") == "True" for each in told)
