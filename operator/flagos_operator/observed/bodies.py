"""A body part by part, whatever was sent in its place: what is none is empty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Body = Mapping[str, Any]


def part(body: Body, key: str) -> Body:
    found = body.get(key)
    return found if isinstance(found, Mapping) else {}


def parts(body: Body, key: str) -> list[Body]:
    found = body.get(key)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
