"""What reaches the API server of what a person wrote in YAML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def as_sent(raw: Mapping[Any, Any]) -> dict[str, Any]:
    """As kubectl sends it and the API server keeps it: null is absent, 1.0 is 1, a date text."""
    return {str(key): plain(value) for key, value in raw.items() if value is not None}


def plain(value: object) -> object:
    if isinstance(value, Mapping):
        return as_sent(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)
