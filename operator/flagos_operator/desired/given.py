"""What a decision is given beside the spec: the object's own facts and the operator's settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """What the API server knows of the model's object and the spec does not."""

    namespace: str
    name: str
    uid: str
    generation: int
    verify: str = ""  # annotation flagos.io/verify-weights: somebody asks for a look
    verified: str = ""  # the text that was seen to last


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """The operator's own settings as far as they reach operands."""

    fetch_image: str
    fetch_pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()
    registry_rewrite: Mapping[str, str]
    operand_uid: int | None = 65534
    fetch_env: Mapping[str, str]
    fetch_allowed: tuple[str, ...] = ()  # link-local and metadata addresses, in spite of it
    # Seconds that the live Deployment has: kept where nobody asked for others (budget.py).
    live_budget: int | None = None
    # As the first operators called the token of the main hub, whichever Secret it came from.
    plain_token: bool = False
