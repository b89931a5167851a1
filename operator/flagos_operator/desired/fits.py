"""Whether an image, a driver, a node and devices' memory suit what is asked: before any pod.

Each function takes what is known and returns None or a doubt; what is unknown is never a doubt.
A choice among releases leaves out what is `sure`. A model that names its release or chip is told
of every doubt, and gets its pods.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from flagos_operator.catalog.drivers import Wanted, too_old
from flagos_operator.catalog.memory.estimate import UTILIZATION, Load, gib
from flagos_operator.catalog.origins import VENDORS, origin

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flagos_operator.catalog.memory.shape import Shape
    from flagos_operator.desired.asked import Asked
    from flagos_operator.desired.room import Room

# A size that is said and not counted is rounded (7.6G, 19G), and has what a server may leave out:
# layers that only guess ahead, or the speech of MiniCPM-o. A quarter is more than both together.
SAID_MARGIN = 1.25
BORROWED = "its privileged pods see all devices of their node, those of others too"
PUBLISHED = "by published.size"


class Misfit(StrEnum):
    IMAGE_FOR_ANOTHER_CHIP = "ImageForAnotherChip"
    DRIVER_TOO_OLD = "DriverTooOld"
    NODE_TOO_SMALL = "NodeTooSmall"
    INSUFFICIENT_DEVICE_MEMORY = "InsufficientDeviceMemory"
    WITHOUT_DEVICES = "WithoutDevices"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    reason: Misfit
    message: str
    sure: bool
    brief: str = ""  # in a clause, beside another trouble; empty: as the message


def image(name: str, *, chip: str, said: str | None = None) -> Doubt | None:
    """`said` is versions.chip. A chip of the user's own is any vendor's.

    What differs comes first: names are long, and a status cuts them off.
    """
    maker = said or origin(name).vendor
    if maker in {None, chip} or not {maker, chip} <= VENDORS:
        return None
    by = "versions.chip" if said else "its name"
    brief = f"the image is for {maker} by {by}, not for {chip}"
    return Doubt(
        reason=Misfit.IMAGE_FOR_ANOTHER_CHIP, message=f"{brief}: {name}", sure=True, brief=brief
    )


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
        message=f"no node has {devices} {resource}; the largest has {most}",
        sure=True,
    )


def weights(size: int | None, room: Room | None, *, told: str) -> Doubt | None:
    """`size` is what a server loads, as somebody said it; `told` says who."""
    if size is None or room is None or size <= room.total:
        return None
    brief = f"the weights alone, {gib(size)} GiB {told}, exceed {room.words}"
    return Doubt(
        reason=Misfit.INSUFFICIENT_DEVICE_MEMORY,
        message=f"{brief}; it takes spec.devices {room.fewest(size)} at least",
        sure=size > SAID_MARGIN * room.total,
        brief=brief,
    )


def devices(asked: Asked) -> Doubt | None:
    """None is hardly ever meant where the chip has some. Claims bring their own."""
    resource, server = asked.resource_name, asked.spec.server
    claimed = server.resources is not None and server.resources.get("claims")
    if asked.devices or resource is None or claimed:
        return None
    privileged = (asked.chip.security_context or {}).get("privileged")
    then = BORROWED if privileged else "the server runs without a device"
    return Doubt(
        reason=Misfit.WITHOUT_DEVICES,
        message=f"devices is 0: no {resource} is asked for, and {then}",
        sure=False,
        brief=f"devices is 0, no {resource} is asked for",
    )


CACHE_BYTES = {"fp8": 1.0, "int8": 1.0, "nvfp4": 0.5625, "int4": 0.5}


def load(
    asked: Asked,
    *,
    device_memory: int | None,
    shape: Shape | None = None,
    weights: int | None = None,
    counted: bool = False,
) -> Load:
    """What a model asks of each of its devices. `weights` are bytes, `counted` in its files."""
    server = asked.spec.server
    args = flags_of((*asked.chip.args, *server.args))
    return Load(
        memory=device_memory,
        shape=shape,
        weights=weights,
        counted=counted and not asked.eased,
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
