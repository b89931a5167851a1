"""The memory of a pod's devices, and whether weights alone are more than that.

Nothing is known of it where the server may hold less than the files weigh.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flagos_operator.api.quantities import amount
from flagos_operator.catalog.memory.estimate import gib

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flagos_operator.api.chip import Chip
    from flagos_operator.api.server import Server

# With these an engine holds less on its devices than the files weigh, or other files.
EASED = (
    "--cpu-offload-gb",
    "--hf-overrides",
    "--json-model-override-args",
    "--language-model-only",
    "--load-format",
    "--offload",
    "--quantization",
    "--torchao-config",
)
SHORT = "-q"
MIB = 2**20
# Whose word it is: so that somebody whose boards are others knows what to correct.
LABELS, PROFILE = "node labels", "the chip's profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """`each` is in bytes, of one device; a resource may be a board with several."""

    resources: int
    per_resource: int = 1
    each: int
    told_by: str = PROFILE

    @property
    def total(self) -> int:
        return self.resources * self.per_resource * self.each

    @property
    def words(self) -> str:
        devices = self.resources * self.per_resource
        one, all_of_them = f"{gib(self.each)} GiB", f"{gib(self.total)} GiB"
        held = (
            f"1 device of {one}" if devices == 1 else f"{devices} devices x {one} = {all_of_them}"
        )
        return f"{held} by {self.told_by}"

    def fewest(self, size: int) -> int:
        """Resources to ask for before the weights alone have room: a cache comes on top."""
        return math.ceil(size / (self.each * self.per_resource))


def room_of(chip: Chip, *, devices: int, seen: int = 0) -> Room | None:
    """`seen` is what a node's labels say of one device; they know better than the profile."""
    each = seen or bytes_of(chip.memory_per_device) or 0
    if not each or not devices:
        return None
    return Room(
        resources=devices,
        per_resource=chip.devices_per_resource,
        each=each,
        told_by=LABELS if seen else PROFILE,
    )


def bytes_of(said: str | None) -> int | None:
    found = amount(said) if said else None
    return int(found) if found else None


def flags_of(server: Server) -> tuple[str, ...]:
    return (*(server.command or ()), *server.args)


def eased(words: Iterable[str]) -> bool:
    """By arguments or a whole line for a shell; argparse takes a flag's beginning for the flag."""
    flags = (part.strip("'\"").partition("=")[0] for word in words for part in word.split())
    return any(_eases(flag.replace("_", "-")) for flag in flags)


def _eases(flag: str) -> bool:
    if not flag.startswith("--"):
        return flag == SHORT
    known = any(full.startswith(flag) or flag.startswith(full) for full in EASED)
    return known and flag != "--"
