"""What the log of one run says about FlagOS: proof that it is on, that it is off, or neither.

The rows are data. Positive proof is what only the plugin or FlagGems can have written; that it is
off is concluded from vLLM's own words, or from a start that is over without any of them though
vLLM told what it did.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import lru_cache

from flagos_operator.status.loglines import PREFIX
from flagos_operator.status.reached import UP
from flagos_operator.status.text import CONTROL


class Sign(Enum):
    OPERATOR = "the plugin takes an operator from FlagGems"
    FLAGGEMS = "FlagGems works inside PyTorch"
    PLUGIN = "the plugin is loaded"
    NO_FLAGGEMS = "the plugin is loaded and FlagGems cannot be"
    OTHER = "another platform's plugin is loaded, and there can be one only"
    FAILED = "the plugin could not be loaded"
    CAUSE = "an error that only the plugin's loading can give"
    ERROR = "any error of a plugin's loading"
    LISTED = "the plugin is in the image"
    FALLBACK = "something else does what was meant for FlagOS"
    HEAD = "vLLM tells what it does"
    STARTED = "the start is over"


@dataclass(frozen=True, slots=True)
class Row:
    sign: Sign
    pattern: re.Pattern[str]


def row(sign: Sign, pattern: str) -> Row:
    return Row(sign, re.compile(pattern))


# Versions 0.0 and 0.1 of the plugin say flaggems, later ones flagos; SGLang's has the same words.
_OURS = r"default\.(?:flagos|flaggems)"
# What vLLM's loader of plugins prints of an exception; the frames of it are indented.
_LOADER = r"\bERROR [-\d]+ [:.\d]+ \[[\w/]{0,40}__init__\.py:\d+\] "
# Of each line the first row that fits counts.
ROWS = (
    row(
        Sign.FALLBACK,
        r"backend (?P<what>flagcx) is not available; falling back to (?P<to>\w{1,60})"
        rf"|Op '(?P<op>\w{{1,80}})' fallback to '(?!{_OURS}')(?P<other>[\w.-]{{1,60}})'",
    ),
    row(Sign.OPERATOR, rf"Op '(?P<op>\w{{1,80}})' (?:using|fallback to) '{_OURS}'"),
    row(
        Sign.FLAGGEMS,
        r"\[FlagGems\] (?:Enable|Disable) (?:only )?the following ops"
        r"|new kernel: registered at \S{0,300}/flag_gems/"
        r"|\bflag_gems(?:\.\w{1,60}){1,7}: GEMS ",
    ),
    row(Sign.NO_FLAGGEMS, r"USE_FLAGGEMS is enabled but flag_gems is not installed"),
    row(
        Sign.PLUGIN,
        r"Platform plugin fl is activated|\b(?:vllm|sglang)_fl\.dispatch(?:\.\w{1,40})?\] "
        r"|Using FL (?:MLA )?Attention backend",
    ),
    row(Sign.OTHER, r"Platform plugin (?P<plugin>\w{1,60}) is activated"),
    row(Sign.FAILED, r"Failed to load plugin fl\b"),
    row(Sign.LISTED, r"- fl -> (?:vllm|sglang)_fl[\w.]{0,40}:"),
    row(
        Sign.CAUSE,
        rf"{_LOADER}(?:\w+Error: No module named '(?:flag_gems|vllm_fl)|ValueError: VLLM_FL_)",
    ),
    row(Sign.ERROR, rf"{_LOADER}[\w.]{{0,120}}(?:Error|Exception|Interrupt)\b"),
    # With less than INFO neither this nor any proof is written.
    row(Sign.HEAD, r"non-default args: |vLLM API server version "),
    row(Sign.STARTED, rf"{UP}|Starting vLLM (?:API )?server\b.{{0,20}} on http"),
)
# What a reader of a long log must keep for `seen` to be right.
KEPT: tuple[re.Pattern[str], ...] = tuple(each.pattern for each in ROWS)
LONGEST = 1000  # of a line that is looked at
TOLD = 200  # of a line that is told
MOST_OPERATORS, MOST_FALLBACKS = 32, 8

FLAGOS, PLUGIN_ONLY, NATIVE, UNKNOWN = "FlagOS", "PluginOnly", "Native", "Unknown"

# By the error that kept the plugin from being loaded, or the way in which it is missing.
CURES = (
    (
        re.compile(r"No module named 'flag_gems"),
        "the image lacks FlagGems: use another spec.image",
    ),
    (
        re.compile(r"VLLM_FL_\w{1,60}"),
        "correct or remove that variable in spec.server.env",
    ),
    (
        re.compile(r"PermissionError|Permission denied|Read-only file system"),
        "let the server write there: set HOME or FLAGGEMS_CACHE_DIR in spec.server.env",
    ),
    (
        re.compile(r"Platform plugin \w+ is activated"),
        "another plugin is active: set VLLM_PLUGINS=fl in spec.server.env",
    ),
    (
        re.compile(r"- fl -> "),
        "VLLM_PLUGINS leaves the plugin out: remove it from spec.server.env",
    ),
)
UNFIT = "plugin, FlagGems and vLLM of this image do not fit: use another spec.image"
MISSING = "the image holds no FlagOS plugin: use another spec.image, or spec.flagos.mode: Native"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """`line` tells it, without what stands before it; `number` counts the lines from 1.

    `stack` is Unknown while nothing tells, and so is what may still be proven: a plugin without
    FlagGems, or none, is only certain once `started`. `failed`: the log says why there is none.
    """

    stack: str = UNKNOWN
    line: str = ""
    number: int = 0
    cure: str = ""
    plugin: bool = False
    failed: bool = False
    started: bool = False
    operators: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Found:
    """The first line of each sign; the error is the one that belongs to the failure."""

    first: dict[Sign, tuple[int, str]] = field(default_factory=dict)
    operators: dict[str, None] = field(default_factory=dict)
    fallbacks: dict[str, None] = field(default_factory=dict)


@lru_cache(maxsize=1024)  # one pass over a model asks several times
def seen(text: str, *, over: bool = False) -> Seen:
    """`over`: the start is known to be over, though no line may say so."""
    found = _Found()
    for number, line in enumerate(text.split("\n"), start=1):
        if told := sign(line):
            _note(found, *told, number=number, line=line)
    started = over or Sign.STARTED in found.first
    return replace(
        _judged(found, started=started),
        started=started,
        operators=tuple(found.operators)[:MOST_OPERATORS],
        fallbacks=tuple(found.fallbacks)[:MOST_FALLBACKS],
    )


def sign(line: str) -> tuple[Sign, re.Match[str]] | None:
    line = CONTROL.sub("", line[:LONGEST])
    for each in ROWS:
        if match := each.pattern.search(line):
            return each.sign, match
    return None


def _note(found: _Found, kind: Sign, match: re.Match[str], *, number: int, line: str) -> None:
    if kind is Sign.ERROR and Sign.FAILED not in found.first:
        return  # of another plugin
    found.first.setdefault(kind, (number, line))
    named = match.groupdict()
    if kind is Sign.OPERATOR and named["op"]:
        found.operators[named["op"]] = None
    if kind is Sign.FALLBACK:
        found.fallbacks[_fallback(named)] = None


def _fallback(named: dict[str, str | None]) -> str:
    if named["what"]:
        return f"{named['what']} is not available: communication by {named['to']}"
    return f"operator {named['op']} failed: {named['other']} in its place"


# What counts before what: FlagGems at work is stronger than any word that it could not be.
def _judged(found: _Found, *, started: bool) -> Seen:
    first = found.first
    if at := first.get(Sign.OPERATOR) or first.get(Sign.FLAGGEMS):
        return _told(at, stack=FLAGOS, plugin=True)
    if first.keys() & {Sign.CAUSE, Sign.FAILED, Sign.OTHER}:
        return _absent(found, stack=NATIVE if started else UNKNOWN)
    if Sign.NO_FLAGGEMS in first:
        line = first[Sign.NO_FLAGGEMS]
        return replace(_told(line, stack=PLUGIN_ONLY, plugin=True), cure=CURES[0][1])
    if Sign.PLUGIN in first:
        stack = PLUGIN_ONLY if started else UNKNOWN
        return _told(first[Sign.PLUGIN], stack=stack, plugin=True)
    if not started or not first.keys() & {Sign.HEAD, Sign.LISTED}:
        return Seen()
    return replace(_absent(found, stack=NATIVE), failed=False)


def _told(at: tuple[int, str], *, stack: str, plugin: bool = False) -> Seen:
    number, line = at
    return Seen(stack=stack, line=bare(line), number=number, plugin=plugin)


def _absent(found: _Found, *, stack: str) -> Seen:
    signs = (Sign.CAUSE, Sign.ERROR, Sign.FAILED, Sign.OTHER, Sign.LISTED)
    at = next((found.first[each] for each in signs if each in found.first), None)
    if at is None:
        return Seen(stack=stack, cure=MISSING)
    told = _told(at, stack=stack)
    error = found.first.keys() & {Sign.CAUSE, Sign.ERROR}
    line = f"Failed to load plugin fl: {told.line}" if error else told.line
    return replace(told, line=line, cure=_cure(line), failed=True)


def _cure(line: str) -> str:
    return next((cure for pattern, cure in CURES if pattern.search(line)), UNFIT)


# The plugin's dispatcher dates its lines in a way of its own.
_DISPATCHER = re.compile(r"^(?:\[[-\d:., ]{10,30}\] )?\[(?:DEBUG|INFO|WARNING|ERROR)\] ")


def bare(line: str) -> str:
    """Without time, process and level, which differ from run to run."""
    plain = CONTROL.sub("", line[:LONGEST])
    found = PREFIX.match(plain)
    rest = plain[found.end() :] if found else plain
    return _DISPATCHER.sub("", rest).strip()[:TOLD]
