"""Manifests are plain dicts; these few functions put them together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

Manifest = dict[str, Any]
Item = Mapping[str, object]  # of a list that a user wrote in Kubernetes' own words


def given(fields: Mapping[str, Any]) -> Manifest:
    """Leaves out what nobody said: an empty field would be a claim of ours on it."""
    return {key: value for key, value in fields.items() if value not in (None, {}, [], ())}


def merged(*layers: Mapping[str, Any] | None) -> Manifest:
    """Later layers win, key by key."""
    result: Manifest = {}
    for layer in layers:
        for key, value in (layer or {}).items():
            if isinstance(value, Mapping):
                result[key] = merged(mapping(result.get(key)), value)
            else:
                result[key] = value
    return result


def mapping(value: object) -> Mapping[str, Any] | None:
    return value if isinstance(value, Mapping) else None


def plain(manifest: Mapping[str, Any]) -> Manifest:
    """A copy made of dicts and lists alone, so that nobody shares what a user wrote."""
    return {key: copied(value) for key, value in manifest.items()}


def copied(value: object) -> object:
    if isinstance(value, str | int):  # first: nearly all of a manifest, and quickly told
        return value
    if isinstance(value, Mapping):
        return plain(value)
    if isinstance(value, list | tuple):
        return [copied(item) for item in value]
    return value


def by_key(*layers: Iterable[Item], key: str) -> tuple[Manifest, ...]:
    """A list that Kubernetes merges by a key: later layers win, earlier ones keep their place."""
    items = {item[key]: item for layer in layers for item in layer}
    return tuple(plain(item) for item in items.values())


def digest(manifest: Mapping[str, Any]) -> str:
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
