"""A claim that was refused an edit: whether the pods use it all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flagos_operator.desired import names

if TYPE_CHECKING:
    from flagos_operator.status.view import Objection, View


def aside(view: View) -> Objection | None:
    """It stops nothing: the pods use the claim as it is."""
    return None if _unbound(view) else view.claim_refused


def stopping(view: View) -> Objection | None:
    """No pod can use a claim without a volume, and it cannot be made as it should be."""
    return view.claim_refused if _unbound(view) else None


def _unbound(view: View) -> bool:
    name = names.claim(view.model.name)
    return any(each.name == name and each.phase == "Pending" for each in view.children)
