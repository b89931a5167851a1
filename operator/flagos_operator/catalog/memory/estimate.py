"""Weights, cache and overhead against the memory of a device: a verdict with its arithmetic.

An engine takes `utilization` of a device's memory for all three, vLLM's own share being 0.9, and
refuses to start if one sequence of the asked length does not fit. Weights that are spread over T
x P devices take their T-th part of P-th of the layers; a device that is in neither holds nothing.

Never a false refusal: `sure` is said only where the weights alone, counted in the files, exceed
the whole device by a margin. Anything else is an opinion and may be wrong by what test_memory.py
measures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from flagos_operator.catalog.memory.overhead import overhead

if TYPE_CHECKING:
    from flagos_operator.catalog.memory.shape import Shape

GIB = 2**30
UTILIZATION = 0.9
# Vendors say 80 GB where there are 79.6 GiB, and 64 where 61: a device may have less than its
# name, never more than this.
MARGIN = 1.05
MOST_DEVICES = 64


class Verdict(StrEnum):
    FITS = "Fits"
    TOO_LONG = "TooLong"  # the weights fit, the asked length does not
    WONT_FIT = "WontFit"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is to be held, and by what."""

    memory: int | None  # bytes of one device
    shape: Shape | None = None
    weights: int | None = None  # bytes of all weights; None: as worked out from config.json
    counted: bool = False  # in the files that an engine loads, not in a whole repository
    tensor: int = 1
    pipeline: int = 1
    utilization: float = UTILIZATION
    length: int | None = None  # tokens of one sequence; None: the model's own limit
    value_bytes: float | None = None  # of one value in the cache; None: the model's dtype
    flagos: bool = False

    @property
    def devices(self) -> int:
        return self.tensor * self.pipeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Bytes on one device; None is unknown."""

    verdict: Verdict
    message: str
    sure: bool = False
    weights: int | None = None
    cache: int | None = None
    overhead: int = 0
    usable: int | None = None
    longest: int | None = None  # tokens that fit, at most the model's own limit
    fewest: int | None = None  # devices of tensor parallelism on which all of it fits


def estimate(load: Load) -> Estimate:
    known = Known.of(load)
    if load.memory is None or known.weights is None:
        return Estimate(verdict=Verdict.UNKNOWN, message=missing(load, known))
    verdict = known.verdict
    found = Estimate(
        verdict=verdict,
        message="",
        sure=load.counted and known.weights > MARGIN * load.memory,
        weights=known.weights,
        cache=known.cache,
        overhead=known.overhead,
        usable=known.usable,
        longest=known.longest,
        fewest=fewest(load),
    )
    return replace(found, message=told(load, known, found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    load: Load
    weights: int | None
    overhead: int

    @classmethod
    def of(cls, load: Load) -> Known:
        total = load.weights
        if total is None and load.shape is not None:
            total = load.shape.weights
        return cls(
            load=load,
            weights=None if total is None else math.ceil(total / load.tensor * share(load)),
            overhead=overhead(load.shape, tensor=load.tensor, flagos=load.flagos),
        )

    @property
    def usable(self) -> int | None:
        return None if self.load.memory is None else int(self.load.memory * self.load.utilization)

    @property
    def limit(self) -> int | None:
        return self.load.shape.longest if self.load.shape else None

    @property
    def length(self) -> int | None:
        return self.load.length or self.limit

    @property
    def cache(self) -> int | None:
        return self.cache_for(self.length) if self.length else None

    def cache_for(self, tokens: int) -> int | None:
        shape = self.load.shape
        if shape is None or shape.cache is None:
            return None
        width = self.load.value_bytes or shape.value_bytes
        found = shape.cache.bytes_for(tokens, tensor=self.load.tensor, value_bytes=width)
        return math.ceil(found * share(self.load))

    @property
    def room(self) -> int | None:
        """For the cache."""
        if self.usable is None or self.weights is None:
            return None
        return self.usable - self.weights - self.overhead

    @property
    def longest(self) -> int | None:
        """By halving: a window makes the cost of a token depend on how many there are."""
        room, most = self.room, max(self.limit or 0, self.length or 0)
        if room is None or self.cache is None:
            return None
        low, high = 0, most
        while low < high:
            middle = (low + high + 1) // 2
            fits = (self.cache_for(middle) or 0) <= room
            low, high = (middle, high) if fits else (low, middle - 1)
        return low

    @property
    def verdict(self) -> Verdict:
        if self.room is None:
            return Verdict.UNKNOWN
        if self.room <= 0:
            return Verdict.WONT_FIT
        if self.cache is None:
            return Verdict.UNKNOWN
        return Verdict.FITS if self.cache <= self.room else Verdict.TOO_LONG


def share(load: Load) -> float:
    """Of the layers, on the device of a pipeline that has most of them."""
    layers = (load.shape.layers if load.shape else None) or load.pipeline
    return math.ceil(layers / load.pipeline) / layers


def fewest(load: Load) -> int | None:
    """Tensor parallelism alone; vLLM divides the heads evenly or not at all."""
    heads = load.shape.heads if load.shape else None
    for devices in range(1, MOST_DEVICES + 1):
        if (heads or MOST_DEVICES) % devices == 0:
            known = Known.of(replace(load, tensor=devices, pipeline=1))
            if known.verdict is Verdict.FITS:
                return devices
    return None


def told(load: Load, known: Known, found: Estimate) -> str:
    kept = found.cache if found.cache is not None else 0
    needed = (found.weights or 0) + kept + found.overhead
    return f"{sum_of(load, known)} = {gib(needed)} of {gib(found.usable)} GiB usable" + advice(
        load, known, found
    )


def sum_of(load: Load, known: Known) -> str:
    devices = f"{load.devices} device" + ("s" if load.devices > 1 else "")
    total = (known.weights or 0) * load.tensor / share(load)
    cache = f"{gib(known.cache)} GiB KV for {known.length} tokens"
    if known.cache is None:
        cache = "an unknown KV cache"
    overhead = f"{gib(known.overhead)} GiB overhead"
    return f"{gib(round(total))} GiB weights / {devices} + {cache} + {overhead}"


def advice(load: Load, known: Known, found: Estimate) -> str:
    more = f"; it fits on {found.fewest} devices" if found.fewest else ""
    more = more if found.fewest != load.devices else ""
    if found.verdict is Verdict.TOO_LONG:
        return f"; at most {found.longest} tokens fit{more}"
    if found.verdict is Verdict.WONT_FIT:
        alone = (known.weights or 0) > (load.memory or 0)
        return f"; the weights alone exceed the device{more}" if alone else more
    return ""


def missing(load: Load, known: Known) -> str:
    lacking = [] if load.memory else ["the memory of a device"]
    lacking += [] if known.weights else ["the size of the weights"]
    return f"cannot be estimated without {' and '.join(lacking)}"


def gib(size: int | None) -> str:
    return f"{(size or 0) / GIB:.1f}"
