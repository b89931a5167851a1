"""How far a start came, read from the server's log: a table of steps and lines they begin with.

A step counts once its line was seen, so the last step of the table that was seen is where it was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    name: str
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    name: str
    number: int  # of the line that it began with, from 1; 0: no line says


def step(name: str, pattern: str) -> Step:
    return Step(name=name, pattern=re.compile(pattern))


# In their order; where the head of the log is missing, a traceback's frames tell as well.
# vLLM 0.13 to 0.33 and SGLang, on any chip: chips name the graphs after themselves.
STARTING = "Starting"
READY = "Ready"
# The words of a server that is up, for whoever asks that of a log.
UP = r"Application startup complete|The server is fired up|\"GET /health HTTP/[\d.]+\" 200"
WARMING_UP = "WarmingUp"
STEPS = (
    step(
        "Loading",
        r"Starting to load model|Loading (?:\w+ ){0,3}checkpoint shards|Loading weights took"
        r"|Loading model from"
        r"|Filesystem type for checkpoints|Load weight begin|Loading model weights"
        r"|Model loading took|Prefetching checkpoint|Loading pt checkpoint"
        r"|, in (?:load_model|initialize_model|load_weights|make_layers|create_weights)$",
    ),
    step(
        "Compiling",
        r"Dynamo bytecode transform|torch_compile_cache|Compiling a graph for"
        r"|torch\.compile took|Directly load (?:AOT|the compiled)|Start(?:ing)? (?:to )?compil"
        r"|Cache the graph of compile range|Initial profiling",
    ),
    step(
        "Capturing",
        r"Capturing \w{0,20} ?[Gg]raphs?\b|Capture \w{0,10} ?graph begin|, in capture_model$",
    ),
    step(
        WARMING_UP,
        r"[Gg]raph capturing finished|Capture \w{0,10} ?graph end|init engine \("
        r"|Warming up|(?<!/)\b[Ww]arm(?:ing)?[- ]?up .{0,60}(?:started|took|finished|done)"
        r"|Starting vLLM (?:API )?server|Started server process",
    ),
    step(READY, rf"{UP}|Avg prompt throughput: |EngineDeadError: "),
)


# Some steps say nothing until they are over: a bar is one line of a log, complete at its end. What
# comes just before them tells as well, unless the log has said that they are left out. So do the
# frames of one that failed while it measured memory: that run compiles, if anything does.
_MEASURES = r", in (?:determine_available_memory|profile_run|_initialize_kv_caches)$"
_MEASURED = r"GPU KV cache size: |Maximum concurrency for "
AHEAD: tuple[Step, ...] = (
    step("Compiling", rf"Model loading took|{_MEASURES}"),
    step("Capturing", _MEASURED),
)
AHEAD_WITHOUT_GRAPHS: tuple[Step, ...] = (
    step("Compiling", _MEASURES),
    step("WarmingUp", _MEASURED),
)
AHEAD_EAGER: tuple[Step, ...] = (step("WarmingUp", rf"{_MEASURES}|{_MEASURED}"),)
EAGER = re.compile(r"Enforce eager set|enforce_eager(?:=|': )True")
WITHOUT_GRAPHS = re.compile(
    rf"{EAGER.pattern}|[Cc]uda ?graph is disabled"
    r"|cudagraph_mode(?:=|': )\W{0,2}(?:CUDAGraphMode\.)?NONE\b"
)
SIZED = re.compile(_MEASURED)
# What sounds like the end and is not: vLLM captures graphs a first time to measure what they take,
# and warms up single kernels before it captures.
_FIRST_TIME = re.compile(r"[Gg]raph capturing finished")
_KERNELS = re.compile(r"warmup\.py:\d|[Ww]arm(?:ing)?[- ]?up .{0,60}(?:kernel|attention|GEMM)")
LOOKED_AT = 600
CONFIGURATION = 8000  # of a line that lists the whole configuration
NAMES = (STARTING, *(each.name for each in STEPS))


def reached(lines: list[str]) -> Reached:
    """The furthest step; one that comes earlier in the table but later in the log is over."""
    return [Reached(name=STARTING, number=0), *begun(lines)][-1]


def begun(lines: Iterable[str]) -> Iterator[Reached]:
    """Each step that was entered, with the line that it began with."""
    at, ahead, sized = 0, AHEAD, False
    for number, line in enumerate(lines, start=1):
        ahead = _left_out(line, ahead)
        seen = line[:LOOKED_AT]
        sized = sized or bool(SIZED.search(seen))
        named = (each.name for each in (*STEPS, *ahead) if each.pattern.search(seen))
        true = (name for name in named if name != WARMING_UP or _warms_up(seen, sized=sized))
        found = max((NAMES.index(name) for name in true), default=0)
        if found > at:
            at = found
            yield Reached(name=NAMES[at], number=number)


def _warms_up(line: str, *, sized: bool) -> bool:
    """Of a line that says so."""
    return not _KERNELS.search(line) and (sized or not _FIRST_TIME.search(line))


def _left_out(line: str, ahead: tuple[Step, ...]) -> tuple[Step, ...]:
    if ahead is AHEAD_EAGER or EAGER.search(line, 0, CONFIGURATION):
        return AHEAD_EAGER
    return AHEAD_WITHOUT_GRAPHS if WITHOUT_GRAPHS.search(line, 0, CONFIGURATION) else ahead
