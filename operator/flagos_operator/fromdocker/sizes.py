"""How many devices the server uses, and how many resources of the cluster these are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flagos_operator.api.chip import Chip
    from flagos_operator.fromdocker.docker import Run
    from flagos_operator.fromdocker.environment import Environment
    from flagos_operator.fromdocker.report import Report
    from flagos_operator.fromdocker.serveflags import Flags

NUMBERED = re.compile(r"/dev/(?:davinci|nvidia|xpu|iluvatar|alixpu_ppu|cambricon_dev|mtgpu\.?)\d+")


def used(flags: Flags) -> int:
    """By the line itself: an engine takes one device where it is told nothing."""
    tensor = int(flags.fields.get("tensorParallelSize", 1))
    pipeline = int(flags.fields.get("pipelineParallelSize", 1))
    return tensor * pipeline * flags.data


def given(run: Run | None, environment: Environment) -> int | None:
    """What the container was given, where it can be counted."""
    if environment.visible is not None:
        return environment.visible
    if run is None:
        return None
    for _, value in run.using("gpus"):
        return of_gpus(value.text)
    named = {value.text.partition(":")[0] for _, value in run.using("device")}
    return len([name for name in named if NUMBERED.fullmatch(name)]) or None


def of_gpus(text: str) -> int | None:
    """`2`, `count=2`, `device=0,1`, and the same in quotes; `all` is no number."""
    plain = text.strip("\"'")
    if plain.isdecimal():
        return int(plain)
    found = re.search(r"(?:count=(\d+)|device=([\w,-]+))", plain)
    if found is None:
        return None
    return int(found.group(1)) if found.group(1) else len(found.group(2).strip(",").split(","))


def resources(devices: int, chip: Chip) -> int | None:
    """None for a processor, which nobody asks for."""
    if chip.resource_name is None and chip.visible_devices_env is None:
        return None
    return -(-devices // chip.devices_per_resource)


def compared(devices: int, has: int | None, report: Report) -> None:
    if has is not None and has != devices:
        which = "more than" if has > devices else "fewer than"
        report.say(
            f"devices: the container has {has}",
            f"{which} the {devices} that the server's own flags use, which are asked for",
        )
