"""What an estimate needs to know of a model: few enough numbers to be told in a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flagos_operator.catalog.memory import weights
from flagos_operator.catalog.memory.cache import Cache, cache_of
from flagos_operator.catalog.memory.config import count, dtype_bytes, language

if TYPE_CHECKING:
    from flagos_operator.catalog.memory.config import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """None is unknown."""

    layers: int | None
    heads: int | None  # of attention
    longest: int | None  # tokens
    hidden: int
    inner: int  # the widest row that a token passes
    vocabulary: int
    value_bytes: float  # of one value as the engine computes with it
    weights: int | None  # bytes, worked out; towers for images and sound are left out
    cache: Cache | None


def shape_of(config: Config) -> Shape:
    """Of config.json, whole."""
    spoken = language(config)
    return Shape(
        layers=count(spoken, "layers"),
        heads=count(spoken, "heads"),
        longest=count(spoken, "longest"),
        hidden=count(spoken, "hidden") or 0,
        inner=_widest(spoken),
        vocabulary=count(spoken, "vocabulary") or 0,
        value_bytes=dtype_bytes(spoken),
        weights=weights.of_config(spoken),
        cache=cache_of(spoken),
    )


def _widest(config: Config) -> int:
    """With experts a token passes several narrow ones."""
    chosen = count(config, "num_experts_per_tok") or 0
    if count(config, "experts") and chosen:
        return max(count(config, "inner") or 0, chosen * (count(config, "expert_inner") or 0))
    return count(config, "inner") or 0
