"""How far a start came, read from the server's log: a table of steps and lines they begin with.

A step counts once its line was seen, so the last step of the table that was seen is where it was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


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
STEPS = (
    step(
        "Loading",
        r"Starting to load model|Loading (?:\w+ ){0,3}checkpoint shards|Loading weights took"
        r"|Filesystem type for checkpoints|Load weight begin|Loading model weights"
        r"|Model loading took|Prefetching checkpoint|Loading pt checkpoint"
        r"|, in (?:load_model|initialize_model|load_weights|make_layers|create_weights)$",
    ),
    step(
        "Compiling",
        r"Dynamo bytecode transform|torch_compile_cache|Compiling a graph for"
        r"|torch\.compile took|Directly load (?:AOT|the compiled)|Start(?:ing)? (?:to )?compil"
        r"|Cache the graph of compile range"
        r"|, in (?:determine_available_memory|profile_run|_initialize_kv_caches)$",
    ),
    step(
        "Capturing",
        r"Capturing \w{0,20} ?[Gg]raphs?\b|Capture \w{0,10} ?graph begin|, in capture_model$",
    ),
    step(
        "WarmingUp",
        r"[Gg]raph capturing finished|Capture \w{0,10} ?graph end|init engine \("
        r"|Warming up|[Ww]arm(?:ing)?[- ]?up .{0,60}(?:started|took|finished|done)"
        r"|Starting vLLM (?:API )?server|Started server process",
    ),
    step(
        READY,
        r"Application startup complete|The server is fired up|\"GET /health HTTP/[\d.]+\" 200"
        r"|Avg prompt throughput: |EngineDeadError: ",
    ),
)


def reached(lines: list[str]) -> Reached:
    """The furthest step; one that comes earlier in the table but later in the log is over."""
    for each in reversed(STEPS):
        for number, line in enumerate(lines, start=1):
            if each.pattern.search(line[:LOOKED_AT]):
                return Reached(name=each.name, number=number)
    return Reached(name=STARTING, number=0)


LOOKED_AT = 600
