"""What a dialect decides about a request; the server alone puts it on the wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from testbed.hub.tree import Entry

Route = Literal["list", "file", "other"]
Lies: TypeAlias = "tuple[Mapping[str, Any], ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    path: str
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Json:
    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    repo: str
    entry: Entry
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Json | Blob
