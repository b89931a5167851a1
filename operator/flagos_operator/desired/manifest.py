"""Manifests are plain dicts; these few functions put them together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

Manifest = dict[str, Any]


def given(fields: Mapping[str, Any]) -> Manifest:
    """Leaves out what nobody said: an empty field would be a claim of ours on it."""
    return {key: value for key, value in fields.items() if value not in (None, {}, [], ())}


def merged(*layers: Mapping[str, Any] | None) -> Manifest:
    """Later layers win key by key; a null removes the key."""
    result: Manifest = {}
    for layer in layers:
        for key, value in (layer or {}).items():
            if value is None:
                result.pop(key, None)
            elif isinstance(value, Mapping):
                result[key] = merged(
                    result.get(key) if isinstance(result.get(key), Mapping) else None, value
                )
            else:
                result[key] = value
    return result


def plain(value: Any) -> Any:
    """A copy made of dicts and lists alone, so that nobody shares what a user wrote."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
