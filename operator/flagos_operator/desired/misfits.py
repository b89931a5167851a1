"""What is sure to speak against a release on a sort of chip; a mere doubt never refuses one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flagos_operator.desired import fits

if TYPE_CHECKING:
    from flagos_operator.desired.stock import Hardware
    from flagos_operator.desired.wish import Candidate


def misfit(each: Candidate, sort: Hardware) -> tuple[str, str] | None:
    doubts = (
        fits.image(each.image, chip=each.chip),
        fits.driver(each.image, chip=each.chip, found=sort.driver or None),
    )
    sure = (doubt for doubt in doubts if doubt and doubt.sure)
    return next(((str(doubt.reason), doubt.message) for doubt in sure), None)
