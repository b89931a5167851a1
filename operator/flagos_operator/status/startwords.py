"""What lines of a starting server say of how far a step is, and the words for it in a column."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """`{0}` and `{1}` are what the pattern has caught."""

    step: str
    pattern: re.Pattern[str]
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Far:
    step: str
    words: str


def saying(step: str, pattern: str, words: str) -> Saying:
    return Saying(step=step, pattern=re.compile(pattern), words=words)


SAYINGS = (
    saying(
        "Loading",
        r"\b[Ll]oading (?:\w+ ){0,3}shards: .{0,60}?\b(\d{1,6})/(\d{1,6}) \[",
        "loading weights {0}/{1} shards",
    ),
    saying("Loading", r"Loading weights took", "weights loaded"),
    saying("Compiling", r"Dynamo bytecode transform|Compiling a graph for", "compiling"),
    saying("Compiling", r"torch\.compile took", "compiled, measuring memory"),
    saying("Compiling", r"Initial profiling|Profiling \w{1,9} graph memory", "measuring memory"),
    saying(
        "Capturing",
        r"\bCaptur\w{1,4} (?:\w+ ){0,3}(?:graphs?|batches)\b.{0,120}?\b(\d{1,6})/(\d{1,6}) \[",
        "capturing graphs {0}/{1}",
    ),
)
BY_DEFAULT = {
    "Starting": "starting the engine",
    "Loading": "loading weights",
    "Compiling": "compiling",
    "Capturing": "capturing graphs",
    "WarmingUp": "warming up",
}
# For conditions: it does not change within a step.
DOING = {
    "Starting": "starts its engine",
    "Loading": "loads the model",
    "Compiling": "compiles the model",
    "Capturing": "captures graphs; its log may say nothing until they are done",
    "WarmingUp": "warms up",
}


def far(line: str) -> Far | None:
    for each in SAYINGS:
        if found := each.pattern.search(line):
            return Far(step=each.step, words=each.words.format(*found.groups()))
    return None
