"""What the command line adds to a card, or says instead of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    name: str = ""
    chip: str = ""
    devices: int | None = None
    image: str = ""
    line: int | None = None
    port: int | None = None
    repo: str = ""
    source: str = ""
    revision: str = ""
    weights_size: str = ""
    weights_claim: str = ""
    api_key_secret: str = ""
    token_secret: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    env_files: Mapping[str, str] = field(default_factory=dict)  # content by name


def secret(text: str, *, key: str) -> dict[str, str]:
    """NAME or NAME/KEY."""
    name, _, own = text.partition("/")
    return {"name": name, "key": own or key}
