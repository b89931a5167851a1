"""How long a server may take from its start until it is healthy.

What a user or a chip says counts as it stands. Else it is computed, here and nowhere else:

    TIMES x first start (mode, chip, kernel cache) + size of the weights / READ_RATE

in whole minutes, at least what operators gave before they computed it, at most what a user
may say.

Generous on purpose. That a start stands still is told by its log within minutes; the kubelet kills
at the end of the budget, as the last resort, and must not kill a start that goes on. The weights'
real size is known only after their download, when no pod template can change any more without
a roll: so each term is bounded by what the spec says.

A figure that changes must roll no pod either: add what it gave before to `before`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from flagos_operator.api.quantities import amount

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from flagos_operator.desired.asked import Asked

MINUTE = 60
GIB = 1024**3
MOST = 86400  # as the schema of startup.budgetSeconds has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number that was measured or is promised somewhere, and where."""

    value: int
    source: str


class KernelCache(StrEnum):
    """What a pod finds of the kernels that an earlier one has compiled."""

    EMPTY = "an empty kernel cache"
    FILLED = "a filled kernel cache"


# Seconds of a start without reading the weights, by mode; a chip's startup.coldSeconds goes
# before that of FlagOS. No mode is a plain image.
FIRST_START = {
    "FlagOS": Figure(
        value=5400,
        source="FlagGems issue 4625: 1.5 h (mixture of experts on a BI-V150), the longest known",
    ),
    "PluginOnly": Figure(value=190, source="as Native: nothing is tuned"),
    "Native": Figure(value=190, source="189 s for 8B on an H100, 104 and 125 s on an H200"),
}
# Percent of it that is left with a cache.
SHARE = {
    KernelCache.EMPTY: Figure(value=100, source="all is compiled and tuned"),
    KernelCache.FILLED: Figure(
        value=65, source="66 of 104 s Native and 73 of 395 s FlagOS on an H200"
    ),
}
TIMES = Figure(
    value=2, source="other models, slower processors and other starts on the node at the same time"
)
# Bytes in a second.
READ_RATE = Figure(
    value=100_000_000,
    source="a volume behind a link of 1 Gbit/s, which carries 118 MB/s; a local disk gave 2,000",
)
# GiB of weights where neither weights.volumeClaimTemplate.size nor weights.emptyDir.sizeLimit is
# set, for each device.
PER_DEVICE = Figure(
    value=128, source="what vLLM may use of an H200's memory, the largest that was measured"
)
# GiB. In steps, so that few budgets are possible and a claim may grow without a roll (`before`).
# The last is above every published model, and its budget below what a user may say at most.
SIZES = tuple(64 << step for step in range(7))

# What operators gave before they computed anything, by mode and by chip.
FLAT = {"FlagOS": 3600}
FLAT_OTHERWISE = 1800
FLAT_OF_CHIP = {"iluvatar": 7200}


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    seconds: int
    step_seconds: int  # for one step of the engine: kernels compile in it, no weights are read
    origin: str  # how it came about, as a status tells it


def budget(asked: Asked) -> Budget:
    if seconds := asked.spec.startup.budget_seconds:
        return said(seconds, by="spec.startup.budgetSeconds")
    if seconds := asked.chip.startup.budget_seconds:
        return said(seconds, by=f"chip {asked.spec.chip}")
    now, live = of_size(asked, size(asked)), asked.defaults.live_budget
    possible = (now, *before(asked)) if live else ()
    return next((each for each in possible if each.seconds == live), now)


def said(seconds: int, *, by: str) -> Budget:
    return Budget(seconds=seconds, step_seconds=seconds, origin=f"set by {by}")


def before(asked: Asked) -> Iterator[Budget]:
    """All that a pod template may have from before, for this spec or for one of another size.

    A Deployment keeps its own until an edit rolls its pods: an upgrade of the operator changes
    nothing, and neither does a claim that grows.
    """
    for gib in SIZES:
        yield of_size(asked, gib)
    for seconds in (floor(asked), FLAT_OF_CHIP.get(asked.spec.chip)):
        if seconds:
            origin = "chosen by an older operator, until an edit rolls the pods"
            yield Budget(seconds=seconds, step_seconds=seconds, origin=origin)


def of_size(asked: Asked, gib: int) -> Budget:
    # There is no volume for compiled kernels yet: each pod begins with none.
    cache = KernelCache.EMPTY
    first, least = first_start(asked), floor(asked)
    wanted = needed(first=first, gib=gib, cache=cache)
    steps = needed(first=first, gib=0, cache=cache)
    start = f"{TIMES.value} x {share(first, cache=cache)} s to start with {cache}"
    read = f"{reading(gib)} s to read up to {gib} GiB of weights"
    return Budget(
        seconds=within(wanted, least=least),
        step_seconds=within(steps, least=least),
        origin=f"computed: {start}, {read}{bound(wanted, least=least)}",
    )


def needed(*, first: int, gib: int, cache: KernelCache) -> int:
    """The sum itself, in whole minutes."""
    return -(-(TIMES.value * share(first, cache=cache) + reading(gib)) // MINUTE) * MINUTE


def share(first: int, *, cache: KernelCache) -> int:
    return -(-first * SHARE[cache].value // 100)


def reading(gib: int) -> int:
    return -(-gib * GIB // READ_RATE.value)


def within(seconds: int, *, least: int) -> int:
    return min(max(seconds, least), MOST)


def bound(seconds: int, *, least: int) -> str:
    if seconds > MOST:
        return f", but at most {MOST} s"
    return f", but at least {least} s" if seconds < least else ""


def first_start(asked: Asked) -> int:
    if asked.mode == "FlagOS" and asked.chip.startup.cold_seconds:
        return asked.chip.startup.cold_seconds
    return FIRST_START[asked.mode or "Native"].value


def floor(asked: Asked) -> int:
    return FLAT.get(asked.mode or "", FLAT_OTHERWISE)


def size(asked: Asked) -> int:
    """GiB that the weights have at most, rounded up to a step; beyond the last step it counts."""
    volume = asked.spec.weights
    claim, directory = volume.volume_claim_template, volume.empty_dir
    limit = claim.size if claim else directory.size_limit if directory else None
    room = amount(limit) if limit else None
    return step(room if room is not None else max(1, asked.accelerators) * PER_DEVICE.value * GIB)


def step(room: int | Decimal) -> int:
    return next((gib for gib in SIZES if room <= gib * GIB), SIZES[-1])
