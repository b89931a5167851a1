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
    """Of a list's item with a foreign field the whole item goes: half of one says nothing."""
    if isinstance(holder, dict):
        _remove_field(holder, path)
    elif isinstance(holder, list) and (found := _ITEM.match(path)):
        key, value = found["key"], json.loads(found["value"])
        holder[:] = [item for item in holder if item.get(key) != value]


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
