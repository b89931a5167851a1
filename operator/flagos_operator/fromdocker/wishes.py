"""What the command line adds to a card, or says instead of it."""

from __future__ import annotations

import re
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


# The field that an option becomes, in the words of a refusal.
FIELDS: Mapping[str, re.Pattern[str]] = {
    "name": re.compile(r"metadata\.name\b"),
    "chip": re.compile(r"spec\.chip\b"),
    "devices": re.compile(r"spec\.devices\b"),
    "image": re.compile(r"spec\.image\b"),
    "port": re.compile(r"spec\.server\.port\b"),
    "repo": re.compile(r"spec\.source\.\w+\.repo\b"),
    "revision": re.compile(r"spec\.source\.\w+\.revision\b"),
    "weights_size": re.compile(r"spec\.weights\.volumeClaimTemplate\b"),
    "weights_claim": re.compile(r"spec\.weights\.persistentVolumeClaim\b"),
    "api_key_secret": re.compile(r"spec\.server\.apiKeySecretRef\b"),
    "token_secret": re.compile(r"spec\.source\.\w+\.tokenSecretRef\b"),
}


def to_blame(wishes: Wishes, *, told: str) -> str:
    """The first option that a refusal is about, as it was typed; nothing where it is the text."""
    asked = {name: getattr(wishes, name) for name in FIELDS}
    given = {name: value for name, value in asked.items() if value not in (None, "")}
    at = {name: found.start() for name in given if (found := FIELDS[name].search(told))}
    first = min(at, key=lambda name: at[name], default="")
    return f"--{first.replace('_', '-')} {given[first]}" if first else ""


def secret(text: str, *, key: str) -> dict[str, str]:
    """NAME or NAME/KEY."""
    name, _, own = text.partition("/")
    return {"name": name, "key": own or key}
