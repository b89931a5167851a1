"""Finds the line of a log that tells why a server ended: it is seldom the last one."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from flagos_operator.status.causes import CAUSES, EXITS, FOLLOWS, GENERAL, LAST_RESORT
from flagos_operator.status.operators import Blamed, blamed
from flagos_operator.status.reached import UP
from flagos_operator.status.reasons import Reason
from flagos_operator.status.text import bounded, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flagos_operator.status.causes.row import Cause

LONGEST = 400  # of what is told
MOST, NARROWEST = 60_000, 200  # of all lines that may tell a cause; yet of each so much
STATES = 4  # of one progress bar that are looked at
WIDEST = 1000  # of what is looked at: one line can hold all architectures of the world


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """The line, without the prefix that differs on every run, and what to do about it.

    `number` counts the lines of the log from 1; 0: no line tells, only the exit code.
    """

    line: str
    cure: str = ""
    needs_user: bool | None = None
    reason: Reason | None = None
    number: int = 0
    operator: str = ""
    failed: bool = True  # False: the line is merely the last that says anything


# What may stand before a line: the pod that `kubectl logs --prefix` or compose adds, the host that
# a journal adds, the time that `--timestamps` or a runtime adds, the bar of a group of exceptions,
# the process, the rank, the level.
PREFIX = re.compile(
    r"^(?:\[pod/[^\]]{1,200}\] |[\w.-]{1,60} {1,8}\| )?"
    r"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [\w.-]{1,60} [\w.@/-]{1,60}(?:\[\d{1,8}\])?: )?"
    r"(?:\s{0,8}\d{1,7}\.\d{1,3} (?=\S))?"
    r"(?:\d{4}-\d\d-\d\dT[\d:.]{8,18}(?:Z|[+-]\d\d:\d\d) (?:std(?:out|err) [FP] )?)?"
    r"(?: {2,12}\| )?"
    r"(?:\([\w.= ]{1,40} pid=\d+(?:, ip=[\d.]+)?\) ){0,3}"
    r"(?:\[rank\d+\]: ?)?"
    r"(?:\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:[ ,.][\w.,]{1,12}){0,2}\] )?"
    r"(?:(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) [-\d]+ [:.,\d]+ (?:\[[^\]]{1,80}\] ?)?)?"
)
# Others' ways to say that a line is no error.
CALM = re.compile(
    r"^(?:\[?[-\d:., ]{8,26}\]? ?(?:- )?)?\[?(?:DEBUG|INFO|WARN|WARNING)\b(?! .{0,30}NCCL)"
    r"|\d%\||^\[[WI]\d{3,4} |^[WI]\d{4} |^\S{0,300}:\d+: \w*Warning: |^\[rank\d+\]:\[W"
    r"|^(?!.{0,60}[Ee]rror).{0,60}[\s:\[|](?:DEBUG|INFO|WARN|WARNING)[\s:\]|](?<!CCL WARN.)"
    r"|\blevel(?:name)?\"?[=:] ?\"?(?i:debug|info|warn)|^(?:[\w.]{1,40}: )?[Ww]arning: "
    r"|: ignored\.?$|^Ignor(?:ed|ing) |^\S{1,80} \[\d+\] [A-Z]{1,4}CCL INFO"
)
# Lines that only report that something else went wrong, or frame it.
HOLLOW = re.compile(
    r"See root cause above|See stack trace for (?:the )?root cause"
    r"|Engine core initialization failed|\bERR\d{5} [A-Z]{2,7} |TBE Subprocess\["
    r"|hit an exception: Trace|died unexpectedly|Inner Error!$|[Rr]eceived sigquit"
    r"|SIGQUIT received|^terminate called without"
    r"|^note: run with |^\*\*\* "
    r"|For further information visit"
    r"|EngineCore encountered an issue|^Traceback |^\s*File \"|^ {4}|^[\s^~]*$|^usage: "
    r"|^During handling of|^The above exception was|warnings\.warn\(|UserWarning: "
    r"|Application (?:shutdown|startup)|leaked (?:semaphore|shared_memory)"
    r"|Failed to import from vllm\._C|throughput: |^INFO: "
    r"|Kernel errors might be asynchronously|kernel errors might be asynchronously"
    r"|^For debugging consider|^Compile with `TORCH_|^Exception ignored in"
)
ERROR = re.compile(
    r"^\s*[\w.]{0,120}(?:Error|Exception|Interrupt|Failure|Exit)(?::|$)|\berror: |^Fatal "
    r"|^[\w.]{1,120}\.errors?\.\w{1,60}: "
    r"|Segmentation fault|^\[ERROR\]|^panic: |^terminate called|^\s*what\(\): |\bpanicked at "
    r"|^F\d{4} \d|^\[?(?:FATAL|CRITICAL)\b|\bCheck failed: |: Assertion `"
)
# vLLM's word for what its flags could do, and pydantic's for the whole configuration.
ADVICE = re.compile(
    r"\.? (?:To allow overriding this maximum|Try increasing `?gpu_memory_utilization"
    r"|\[type=value_error, input_value=).*",
    re.DOTALL,
)
ENGINE_ERROR = re.compile(
    r"\((?:EngineCore|Worker|RayWorker|VllmWorker)[^)]{0,60}\) (?:ERROR|CRITICAL) "
)
# Causes that stand before this did not keep the server from serving.
SERVES = re.compile(rf"{UP}|Avg prompt throughput: ")
# Once the engine has died, what the front had said of requests is not why.
DEAD = re.compile(r"EngineDeadError: ")
FRONT = re.compile(r"^.{0,80}\(APIServer[_ ][^)]{0,40}\) ")
# An error that Python reports and goes on after; it ends with the error's own words.
IGNORED = re.compile(r"^Exception ignored in")
FRAME = re.compile(r"^\s*File \"|^[\s^~]*$")
# The words of code that is shown in a traceback are no news; what a vendor indents is.
CODE = re.compile(
    r"^ {4,40}(?:raise|return|await|async|with|self|super|for|if|yield|except"
    r"|\w[\w., ]{0,80} = |\w[\w.]{0,80}[(\[])"
)
WORDLESS = re.compile(r"[\w.]{0,120}(?:Error|Exception):?")
CALM_LEVELS = {"DEBUG", "INFO", "WARNING"}
GRAVE_LEVELS = {"ERROR", "CRITICAL"}
NEAR = 8  # lines before one that may say what it is about
ABRUPT = {Reason.NATIVE_CRASH, Reason.DEVICE_FAULT}


@dataclass(frozen=True, slots=True)
class Log:
    """Lines as they were, and without what stands before them.

    A progress bar writes many lines over each other; they share the number of their line.
    """

    raw: list[str]
    bare: list[str]
    numbers: list[int]
    spoken: list[int]  # those that may tell a cause; of equal ones the first
    served: int  # the line by which the server was ready; -1: it never was
    late: list[int]  # those of `spoken` that may tell why it ended

    @classmethod
    def of(cls, text: str) -> Log:
        parts = [
            (number, part[:WIDEST])
            for number, line in enumerate(plain(text).split("\n"), start=1)
            for part in (_written_over(line) if "\r" in line else (line,))
        ]
        raw = [part for _, part in parts]
        bared = [line[found.end() :] if (found := PREFIX.match(line)) else line for line in raw]
        seen: dict[str, int] = {}
        for at in _talk(raw, bared):
            seen.setdefault(bared[at], at)
        spoken = list(seen.values())
        width = max(NARROWEST, MOST // max(len(spoken), 1))
        for at in spoken:
            bared[at] = bared[at][:width]
        served = next((at for at, line in enumerate(bared) if SERVES.search(line)), -1)
        late = [at for at in spoken if at > served]
        if served >= 0 and any(DEAD.search(bared[at]) for at in late):
            late = [at for at in late if DEAD.search(bared[at]) or not FRONT.match(raw[at])]
        return cls(raw, bared, [number for number, _ in parts], spoken, served, late)


def _talk(raw: list[str], bared: list[str]) -> Iterator[int]:
    """Lines that are neither code, nor a traceback, nor meant to be calm."""
    shown = True  # a tail may begin in the middle of a traceback
    ignored = False
    for at, line in enumerate(bared):
        shown = bool(FRAME.match(line)) or (shown and line.startswith("    "))
        if ignored:
            ignored = shown or line.startswith(("    ", "Traceback "))
            continue
        ignored = bool(IGNORED.match(line))
        if not (shown or _level(raw[at]) in CALM_LEVELS or CODE.match(line) or CALM.search(line)):
            yield at


def _level(line: str) -> str | None:
    found = PREFIX.match(line)
    return found["level"] if found else None


def _written_over(line: str) -> list[str]:
    """What a terminal would have shown of late: the newest states of a progress bar."""
    return [part for part in line.rstrip("\r").rsplit("\r", STATES)[-STATES:] if part] or [""]


@lru_cache(maxsize=64)  # one pass over a model asks several times
def telling(log: str, *, exit_code: int | None = None) -> Telling | None:
    """The line that tells the cause, or the likeliest; None when there is no line at all."""
    lines = Log.of(log)
    found = _known(lines, CAUSES) or _general(lines, exit_code) or _likeliest(lines)
    if found and found.reason:
        return found
    return _by_code(found, exit_code)


def _known(lines: Log, causes: tuple[Cause, ...]) -> Telling | None:
    whole = "\n".join(lines.bare[at] for at in lines.spoken)
    for each in causes:
        if not each.pattern.search(whole):  # one search is cheaper than one of each line
            continue
        if each.unless and any(each.unless.search(line) for line in lines.bare):
            continue
        hits = [
            at for at in (lines.spoken if each.early else lines.late) if _fits(each, lines, at)
        ]
        if hits:  # a program's error tells more than what others print of it
            best = next((at for at in hits if ERROR.search(lines.bare[at])), hits[0])
            return _told(lines, each, best)
    return None


def _fits(each: Cause, lines: Log, at: int) -> bool:
    line = lines.bare[at]
    if not each.pattern.search(line) or (FOLLOWS.search(line) and not each.follows):
        return False
    before = lines.bare[max(at - NEAR, 0) : at]
    return each.near is None or any(each.near.search(line) for line in before)


def _told(lines: Log, each: Cause, at: int) -> Telling:
    found = each.pattern.search(lines.bare[at])
    return Telling(
        line=shortened(_whole(lines, each, at)),
        cure=found.expand(each.cure) if found else each.cure,
        needs_user=each.needs_user,
        reason=each.reason,
        number=lines.numbers[at],
    )


def shortened(line: str) -> str:
    """Without the engine's own advice: the cure behind it is better, and may say the opposite."""
    return bounded(ADVICE.sub("", line), limit=LONGEST)


def _whole(lines: Log, each: Cause, number: int) -> str:
    told = [line.strip() for line in lines.bare[max(number - each.above, 0) : number + 1]]
    after = lines.bare[number + 1 :] if each.then else ()
    told += [line.strip() for line in after if ERROR.search(line)][:1]
    return ": ".join(told)


def _general(lines: Log, code: int | None) -> Telling | None:
    """An operator of FlagGems that is to blame for it is the more particular cause."""
    told = _known(lines, GENERAL)
    known = EXITS.get(code) if code is not None else None
    fault = told.reason if told else known.reason if known else None
    return _operator(lines, abrupt=fault in ABRUPT) or told


def _operator(lines: Log, *, abrupt: bool) -> Telling | None:
    """Which operator of FlagGems it was; the error itself is what is told."""
    error = _worst(lines)
    if error is None and not abrupt:
        return None
    if (found := blamed(lines.bare, spoken=lines.spoken, abrupt=abrupt)) is None:
        return None
    after = (n for n in lines.spoken if n > found.at and ERROR.search(lines.bare[n]))
    at = next(after, found.at if error is None else error)
    return _operator_crash(found, line=lines.bare[at].strip(), number=lines.numbers[at])


def _operator_crash(found: Blamed, *, line: str, number: int) -> Telling:
    field = f"spec.flagos.operators.denyMore: [{', '.join(found.deny)}]"
    return Telling(
        line=f"{bounded(line, limit=LONGEST - 100)} (in FlagGems operator {found.operator})",
        cure=f"set {field}",
        needs_user=True,
        reason=Reason.OPERATOR_CRASH,
        number=number,
        operator=found.operator,
    )


def _worst(lines: Log) -> int | None:
    """The last error, of the engine if it spoke: those in front only tell of it."""
    errors = [n for n in _late(lines) if ERROR.search(lines.bare[n])]
    engine = [n for n in errors if ENGINE_ERROR.search(lines.raw[n])]
    return next(iter(engine or errors), None)


def _late(lines: Log) -> list[int]:
    """From the end back to where the server was ready, without what only frames an error."""
    hollow = (HOLLOW, FOLLOWS)
    late = reversed(lines.late)
    return [n for n in late if not any(each.search(lines.bare[n]) for each in hollow)]


def _likeliest(lines: Log) -> Telling | None:
    if (best := _worst(lines)) is not None:
        return _unknown(lines, best)
    if last := _known(lines, LAST_RESORT):
        return last
    grave = (n for n in _late(lines) if _level(lines.raw[n]) in GRAVE_LEVELS)
    if (best := next(grave, None)) is not None:
        return _unknown(lines, best)
    framed = (n for n in reversed(lines.late) if ERROR.search(lines.bare[n]))
    if (best := next(framed, None)) is not None:
        return _unknown(lines, best)
    anything = [n for n in range(len(lines.bare)) if not HOLLOW.search(lines.bare[n])]
    return replace(_unknown(lines, anything[-1]), failed=False) if anything else None


def _unknown(lines: Log, at: int) -> Telling:
    """An error without words is told with the code that raised it."""
    line = lines.bare[at].strip()
    if WORDLESS.fullmatch(line):
        above = (each.strip() for each in reversed(lines.bare[max(at - 3, 0) : at]))
        code = next((each for each in above if each.strip("^~ ")), "")
        line = f"{line}: {code}" if code else line
    return Telling(line=bounded(line, limit=LONGEST), number=lines.numbers[at])


def _by_code(found: Telling | None, code: int | None) -> Telling | None:
    known = EXITS.get(code) if code is not None else None
    if known is None:
        return found
    needs_user = True if known.reason.kind.name == "BLOCKED" else None
    told = found or Telling(line="")
    return replace(told, reason=known.reason, cure=known.cure, needs_user=needs_user)
