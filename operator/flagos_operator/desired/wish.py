"""What a choice of a release is made from, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flagos_operator.api.outcome import Invalid
    from flagos_operator.catalog.chips import Chips
    from flagos_operator.desired.stock import Stock, Taken


class Why(StrEnum):
    """Why a release was not taken; what speaks against image, driver, node or memory: fits.py."""

    ABSENT = "Absent"
    UNKNOWN_CHIP = "UnknownChip"
    OTHER_RESOURCE = "OtherResource"
    UNSCHEDULABLE = "Unschedulable"
    NOT_ENOUGH_FREE = "NotEnoughFree"
    VERDICT_FAILED = "VerdictFailed"
    MULTI_NODE = "MultiNodeUnsupported"
    IMAGE_REQUIRED = "ImageRequired"
    OUTRANKED = "Outranked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a model's spec says about the choice."""

    name: str
    chips: tuple[str, ...] = ()  # the most wanted first; empty: any
    by_chip: bool = False  # spec.chip names it, and not spec.model.chips
    devices: int | None = None
    resource: str | None = None
    image: str = ""
    made_for: str | None = None  # the chip that the image is for, as the user says
    flags: tuple[str, ...] = ()  # of the server, beside the row's
    own_weights: bool = False  # others than the row's
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    affinity: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """What a choice is bound to: an edit of anything else leaves it as it is."""
        return f"{self.name} on {', '.join(self.chips) or 'any chip'}"

    @property
    def chips_field(self) -> str:
        return "spec.chip" if self.by_chip else "spec.model.chips"

    def chip_field(self, place: int) -> str:
        return "spec.chip" if self.by_chip else f"spec.model.chips[{place}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A release, as far as it matters here."""

    release: str
    model: str
    chip: str
    devices: int | None = None  # None: what the chip has
    nodes: int = 1
    tier: str = ""
    verdict: str = ""
    published: str = ""  # a date, as ISO 8601 writes it
    image: str = ""
    made_for: str | None = None
    flags: tuple[str, ...] = ()
    weights: int | None = None  # bytes that its server loads, as they were published
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    release: str
    chip: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """`node` has the devices now; which one the pod comes to is the scheduler's to say."""

    release: str
    chip: str
    message: str
    resource: str = ""
    devices: int = 0
    node: str = ""
    kept: bool = False  # as it was chosen earlier


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """`unchecked` says why nothing, or not all, was compared with what the cluster has."""

    wish: str
    chosen: Chosen | None = None
    rejected: tuple[Rejected, ...] = ()
    unchecked: str = ""
    fault: Invalid | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """A choice as it was kept."""

    wish: str
    release: str
    chip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What can be chosen from. `own` are devices that the model's own pods hold already."""

    candidates: tuple[Candidate, ...]
    chips: Chips
    stock: Stock
    own: Taken = field(default_factory=dict)


Answer = Chosen | Rejected


def rejected(each: Candidate, reason: str, message: str) -> Rejected:
    return Rejected(release=each.release, chip=each.chip, reason=reason, message=message)
