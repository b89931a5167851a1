"""Whether an image, a driver, a node and a device's memory suit what is asked: before any pod.

Each function takes what is known and returns None or a doubt; what is unknown is never a doubt.
Who chooses among releases leaves out what is `sure` and tells the rest; nobody else refuses.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from flagos_operator.api.quantities import amount
from flagos_operator.catalog.drivers import Wanted, too_old
from flagos_operator.catalog.memory.estimate import UTILIZATION, Estimate, Load, Verdict, estimate
from flagos_operator.catalog.origins import VENDORS, origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from flagos_operator.api.chip import Chip
    from flagos_operator.api.release import FlagOSReleaseSpec
    from flagos_operator.desired.asked import Asked

MIB = 2**20


class Misfit(StrEnum):
    IMAGE_FOR_ANOTHER_CHIP = "ImageForAnotherChip"
    DRIVER_TOO_OLD = "DriverTooOld"
    NODE_TOO_SMALL = "NodeTooSmall"
    INSUFFICIENT_DEVICE_MEMORY = "InsufficientDeviceMemory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    reason: Misfit
    message: str
    sure: bool


def image(name: str, *, chip: str, said: str | None = None) -> Doubt | None:
    """`said` is spec.versions.chip. A chip of the user's own is any vendor's."""
    maker = said or origin(name).vendor
    if maker in {None, chip} or not {maker, chip} <= VENDORS:
        return None
    message = f"{name} is for {maker}, not for {chip}"
    return Doubt(reason=Misfit.IMAGE_FOR_ANOTHER_CHIP, message=message, sure=True)


def driver(name: str, *, chip: str, found: str | None, floor: str | None = None) -> Doubt | None:
    """`found` is a node's driver by its labels; `floor` what a release or a user asks for."""
    told = origin(name)
    vendor = chip if chip in VENDORS else told.vendor
    wanted = Wanted(vendor=vendor, built_with=told.driver, cuda=told.cuda, floor=floor)
    old = too_old(found, wanted)
    if old is None:
        return None
    return Doubt(reason=Misfit.DRIVER_TOO_OLD, message=old.message, sure=old.sure)


def node(devices: int, *, resource: str, per_node: Iterable[int]) -> Doubt | None:
    """`per_node` is what each node offers, in use or not; nodes without any are another matter."""
    most = max(per_node, default=0)
    if most == 0 or devices <= most:
        return None
    return Doubt(
        reason=Misfit.NODE_TOO_SMALL,
        message=f"a pod asks for {devices} {resource}, and no node has more than {most}",
        sure=True,
    )


def memory(found: Estimate) -> Doubt | None:
    if found.verdict in {Verdict.FITS, Verdict.UNKNOWN}:
        return None
    return Doubt(reason=Misfit.INSUFFICIENT_DEVICE_MEMORY, message=found.message, sure=found.sure)


class Row(Protocol):
    """A release that may be chosen, as far as it matters here."""

    @property
    def image(self) -> str: ...
    @property
    def chip(self) -> str: ...


class Seen(Protocol):
    """What the labels of a node tell of its chips; empty and 0 say nothing."""

    @property
    def driver(self) -> str: ...
    @property
    def memory_mib(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a catalogue knows of a release beside its row: bytes of the weights, devices."""

    weights: int | None = None
    devices: int = 1
    memory: int | None = None  # of a device, where the chip's profile tells it
    utilization: float = UTILIZATION


def known_of(row: FlagOSReleaseSpec, *, chip: Chip | None) -> Known:
    """As far as a row and the chip's profile tell."""
    size, each = row.published.size, chip.memory_per_device if chip else None
    boards = 1 if row.devices is None else row.devices
    server, devices = row.server, boards * (chip.devices_per_resource if chip else 1)
    split = (server.tensor_parallel_size or 0) * (server.pipeline_parallel_size or 1)
    return Known(
        weights=int(amount(size) or 0) or None if size else None,
        devices=max(1, split or devices),
        memory=int(amount(each) or 0) or None if each else None,
        utilization=server.gpu_memory_utilization or UTILIZATION,
    )


def objection(row: Row, seen: Seen, *, known: Known | None = None) -> tuple[str, str] | None:
    """What surely speaks against a release on such a node: reason and message."""
    for doubt in doubts(row, seen, known=known or Known()):
        if doubt.sure:
            return doubt.reason.value, doubt.message
    return None


def doubts(row: Row, seen: Seen, *, known: Known) -> Iterator[Doubt]:
    found = (
        image(row.image, chip=row.chip),
        driver(row.image, chip=row.chip, found=seen.driver),
        memory(estimate(load_of(seen, known))),
    )
    return (doubt for doubt in found if doubt)


def load_of(seen: Seen, known: Known) -> Load:
    return Load(
        memory=seen.memory_mib * MIB or known.memory,
        weights=known.weights,
        counted=True,
        tensor=known.devices,
        utilization=known.utilization,
    )


# With these vLLM holds less on the device than the files weigh: nothing is sure any more.
EASED = ("--cpu-offload-gb", "--quantization", "-q", "--load-format")
CACHE_BYTES = {"fp8": 1.0, "int8": 1.0, "nvfp4": 0.5625, "int4": 0.5}


def load(
    asked: Asked,
    *,
    device_memory: int | None,
    config: Mapping[str, Any] | None = None,
    weights: int | None = None,
    counted: bool = False,
) -> Load:
    """What a model asks of each of its devices. `weights` are bytes, `counted` in its files."""
    server = asked.spec.server
    args = flags_of(server.args)
    return Load(
        memory=device_memory,
        config=config,
        weights=weights,
        counted=counted and not any(flag in args for flag in EASED),
        tensor=asked.tensor_parallel,
        pipeline=asked.pipeline_parallel,
        utilization=server.gpu_memory_utilization or UTILIZATION,
        length=server.max_model_len,
        value_bytes=cache_bytes(args.get("--kv-cache-dtype")),
        flagos=asked.mode == "FlagOS",
    )


def flags_of(args: Iterable[str]) -> dict[str, str]:
    """Flags with their values, written with a blank or with an equals sign; the last counts."""
    found: dict[str, str] = {}
    flag = ""
    for word in args:
        if word.startswith("-"):
            name, _, value = word.partition("=")
            flag = name.replace("_", "-")
            found[flag] = value
        elif flag:
            found[flag] = word
    return found


def cache_bytes(said: str | None) -> float | None:
    """By how the word begins: fp8_e4m3, fp8_ds_mla and int8_per_token_head are one byte."""
    widths = (width for word, width in CACHE_BYTES.items() if (said or "").startswith(word))
    return next(widths, None)
