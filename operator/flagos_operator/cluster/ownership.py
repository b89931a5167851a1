"""A manifest without fields that somebody else owns, as a refused apply names them."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# In `.spec.env[name="A"].value`: which item of a list that is a map by `name`.
_ITEM = re.compile(r'^\[(?P<key>[A-Za-z]+)=(?P<value>"(?:[^"\\]|\\.)*"|[^\]]+)\]')


def without(manifest: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """Never without what names the object."""
    left = copy.deepcopy(dict(manifest))
    for path in paths:
        if path.startswith((".spec.", ".metadata.annotations.")):
            _remove(left, path)
    return left


def _remove(holder: Any, path: str) -> None:  # noqa: ANN401 - any part of a manifest
    if isinstance(holder, dict):
        _remove_field(holder, path)
    elif isinstance(holder, list) and (found := _ITEM.match(path)):
        key, value = found["key"], json.loads(found["value"])
        _remove_from_item(holder, path[found.end() :], key=key, value=value)


def _remove_from_item(items: list[Any], rest: str, *, key: str, value: object) -> None:
    """What names the item stays: an apply without it would take the item away from its owner."""
    for item in [item for item in items if item.get(key) == value]:
        if rest:
            _remove(item, rest)
        else:
            items.remove(item)


def _remove_field(holder: dict[str, Any], path: str) -> None:
    """A key may hold dots: the longest that fits is meant."""
    name = max((key for key in holder if _starts(path, key)), key=len, default=None)
    if name is None:
        return
    rest = path[1 + len(name) :]
    if rest:
        _remove(holder[name], rest)
    if not rest or holder[name] in ({}, []):
        del holder[name]


def _starts(path: str, key: str) -> bool:
    return path.startswith(f".{key}") and path[1 + len(key) :][:1] in ("", ".", "[")
