"""Refusals that may be over in a moment are not told before they have lasted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from flagos_operator.errors import Forbidden

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from flagos_operator.cluster.kinds import Key
    from flagos_operator.errors import OperatorError

# An API server that has just started knows nobody's rights, and says so with 403.
LASTING = timedelta(seconds=4)


@dataclass(slots=True, kw_only=True)
class Suspicions:
    now: Callable[[], datetime]
    _since: dict[Key, datetime] = field(default_factory=dict)

    def confirmed(self, model: Key, fault: OperatorError | None) -> OperatorError | None:
        """The fault, if there is one that a person should hear of."""
        if not isinstance(fault, Forbidden):
            self.forget(model)
            return fault
        since = self._since.setdefault(model, self.now())
        return fault if self.now() - since >= LASTING else None

    def forget(self, model: Key) -> None:
        self._since.pop(model, None)
