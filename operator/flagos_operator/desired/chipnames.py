"""A chip that nobody knows: which one may have been meant, and which there are."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from flagos_operator.desired.refusal import Refusal, refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flagos_operator.api.outcome import Invalid


def unknown(chip: str, *, field: str, known: Iterable[str]) -> Invalid:
    return refused(
        Refusal.UNKNOWN_CHIP,
        f"{field}: {chip} is not known; known are {', '.join(likest_first(chip, known))}. "
        "Others are added as a FlagOSChip, or by the value `chips` of the operator's chart",
    )


def likest_first(chip: str, known: Iterable[str]) -> list[str]:
    names = sorted(known)
    near = get_close_matches(chip, names)
    return [*near, *(name for name in names if name not in near)]
