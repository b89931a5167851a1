"""What the cluster has of devices: by resource, which node has how many and how many are free."""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol


class Taint(Protocol):
    @property
    def key(self) -> str: ...
    @property
    def value(self) -> str: ...
    @property
    def effect(self) -> str: ...


class Node(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def hostname(self) -> str: ...
    @property
    def ready(self) -> bool: ...
    @property
    def cordoned(self) -> bool: ...
    @property
    def labels(self) -> Mapping[str, str]: ...
    @property
    def taints(self) -> tuple[Taint, ...]: ...
    @property
    def devices(self) -> Mapping[str, int]: ...


@dataclass(frozen=True, slots=True)
class Place:
    """One node's devices of one resource. `used` is what pods of it ask for."""

    node: Node
    total: int
    used: int = 0

    @property
    def free(self) -> int:
        return max(self.total - self.used, 0)


Taken = Mapping[tuple[str, str], int]  # by node and resource
Waiting = Mapping[tuple[str, int], int]  # pods without a node, by resource and devices


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """`unknown` says why the nodes could not be read, `uncounted` why their pods could not."""

    places: Mapping[str, tuple[Place, ...]] = field(default_factory=dict)
    nodes: tuple[Node, ...] = ()
    unknown: str = ""
    uncounted: str = ""

    def of(self, resource: str) -> tuple[Place, ...]:
        return self.places.get(resource, ())

    def without(self, resource: str, *, devices: int, on: str) -> Stock:
        """After a pod has been promised devices of a node."""
        places = tuple(
            replace(each, used=each.used + devices) if each.node.name == on else each
            for each in self.of(resource)
        )
        return replace(self, places={**self.places, resource: places})


def stock(
    nodes: Iterable[Node], *, taken: Taken, waiting: Waiting | None = None, uncounted: str = ""
) -> Stock:
    known = tuple(nodes)
    places: defaultdict[str, list[Place]] = defaultdict(list)
    for node in known:
        for resource, total in node.devices.items():
            places[resource].append(
                Place(node=node, total=total, used=taken.get((node.name, resource), 0))
            )
    for resource, found in places.items():
        _promise(
            found, {n: pods for (name, n), pods in (waiting or {}).items() if name == resource}
        )
    return Stock(
        places={resource: tuple(found) for resource, found in places.items() if found},
        nodes=known,
        uncounted=uncounted,
    )


def _promise(places: list[Place], waiting: Mapping[int, int]) -> None:
    """Pods that wait for a node get one before ours: the tightest that holds them.

    One that fits nowhere takes nothing from anybody.
    """
    order = sorted((each.free, at) for at, each in enumerate(places))
    for devices, pods in sorted(waiting.items(), reverse=True):
        for _ in range(pods):
            found = bisect_left(order, (devices, -1))
            if not devices or found == len(order):
                break
            free, at = order.pop(found)
            places[at] = replace(places[at], used=places[at].used + devices)
            insort(order, (free - devices, at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """What a node's labels say of its chips; empty and 0: they say nothing."""

    product: str = ""
    memory_mib: int = 0  # of one device
    driver: str = ""


# Vendors' own words, the most telling first. `*` is the domain of the resource, e.g. nvidia.com.
PRODUCTS = (
    "*/gpu.product",
    "*/dcu.product",
    "*/gpu-model-series",
    "node.kubernetes.io/npu.chip.name",
    "accelerator-type",
    "accelerator",
)
LEAST_MIB = 1024  # no device has less
MEMORIES = ("*/gpu.memory", "*/dcu.memory", "*/npu.memory")
DRIVERS = ("*/cuda.driver-version.full", "*/driver-version", "*/gpu.driver-version")
CUDA_DRIVER = tuple(f"*/cuda.driver.{part}" for part in ("major", "minor", "rev"))
# Labels that name a vendor's chips without its domain before them.
ASCEND = frozenset({"node.kubernetes.io/npu.chip.name", "accelerator-type", "accelerator"})


def hardware(labels: Mapping[str, str], *, resource: str) -> Hardware:
    domain = resource.partition("/")[0]
    numbers = [_label(labels, name, domain) for name in CUDA_DRIVER]
    return Hardware(
        product=next(_told(labels, PRODUCTS, domain), ""),
        memory_mib=_mib(next(_told(labels, MEMORIES, domain), "")),
        driver=next(_told(labels, DRIVERS, domain), "") or ".".join(n for n in numbers if n),
    )


def _told(labels: Mapping[str, str], names: Iterable[str], domain: str) -> Iterator[str]:
    for name in names:
        if name in ASCEND and domain != "huawei.com":
            continue
        if found := _label(labels, name, domain):
            yield found


def _label(labels: Mapping[str, str], name: str, domain: str) -> str:
    return labels.get(name.replace("*", domain), "")


def _mib(text: str) -> int:
    """GFD writes mebibytes without a unit; others write 64GiB or 65536MB.

    A bare 64 is in a unit that nobody tells: taken for mebibytes, no weights would fit.
    """
    found = re.fullmatch(r"(\d+)\s*(|Mi|MiB|MB|M|Gi|GiB|GB|G)", text)
    if not found:
        return 0
    mebibytes = int(found[1]) * (1024 if found[2].startswith("G") else 1)
    return mebibytes if mebibytes >= LEAST_MIB else 0
