"""What is to be said of the rows that a model is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flagos_operator.status.reasons import Reason
from flagos_operator.status.view import Objection

if TYPE_CHECKING:
    from flagos_operator.catalog.catalogue import Release
    from flagos_operator.catalog.rows import Rows

TAKE_IT = "an edit that rolls pods takes it, or kubectl rollout restart of the Deployment"


def changed(kept: Rows, newest: Rows | None, *, known: bool) -> Objection:
    """`newest` is None where a row is gone or of no use; `known` is said of the release."""
    release, chip = kept.release, kept.chip
    if newest is None:
        if release and not known:
            return _gone(Reason.RELEASE_GONE, f"release {release.name}")
        return _gone(Reason.CHIP_GONE, f"chip {chip.name}")
    if release and release != newest.release:
        return _new(Reason.RELEASE_CHANGED, f"release {release.name}")
    return _new(Reason.CHIP_CHANGED, f"chip {chip.name}")


def failed(release: Release) -> Objection | None:
    if release.spec.verdict != "Failed":
        return None
    return Objection(
        reason=Reason.RELEASE_FAILED,
        message=(
            f"release {release.name} has failed its publishers' own test: it may not start, or "
            "answer wrongly; spec.model would not choose it"
        ),
    )


def _gone(reason: Reason, what: str) -> Objection:
    message = f"{what} is gone or cannot be read any more; what was kept of it stays in use"
    return Objection(reason=reason, message=message)


def _new(reason: Reason, what: str) -> Objection:
    message = f"{what} has changed since this model was made from it; {TAKE_IT}"
    return Objection(reason=reason, message=message)
