"""Which FlagGems operator a log blames: by the frames of a traceback, or by what ran last."""

from __future__ import annotations

import re
from dataclasses import dataclass

# .../flag_gems/ops/mm.py", line 9, in mm; backends of chips have an ops folder of their own.
FRAME = re.compile(
    r"File \"[^\"]{0,300}flag_gems/(?:[\w.]{1,60}/){0,6}?(?:ops|fused|modules)/(?:[\w.]{1,60}/)?"
    r"(?P<file>\w{1,80})\.py\", line \d{1,7}(?P<comma>,?) in "
    r"(?!<module>)(?P<function>[\w<>.]{1,80})"
)
# The compiler's own: loc("/x/flag_gems/ops/sort.py":120:10): error: ...
PLACE = re.compile(
    r"flag_gems/(?:[\w.]{1,60}/){0,6}?ops/(?P<file>\w{1,80})\.py\"?:\d{1,7}:\d{1,7}"
)
# vllm_fl's dispatcher says which operator an implementation failed for.
DISPATCHED = re.compile(
    r"\b[Oo]p(?:erator)? ['\"`](?P<function>\w{1,80})['\"`].{0,80}\b(?:failed|crashed)"
)
# FlagGems' debug lines: flag_gems.ops.cumsum.cumsum: GEMS CUMSUM
CALLED = re.compile(
    r"flag_gems(?:\.\w{1,60}){0,6}?\.ops\.(?P<file>\w{1,80})\.(?P<function>\w{1,80}): GEMS"
)
KERNEL = re.compile(
    r"(?:[Ii]n|kernel|flag_gems.{0,80}) [`'\"<]?_?(?P<file>[a-z]\w{1,80}?)_kernel\b"
)
# How FlagGems launches every kernel: the operator is in the lines about it, or unknown.
LAUNCH = re.compile(r"flag_gems/utils/libentry\.py\", line \d{1,7},? in ")
LAUNCHED = re.compile(r"\b_?(?P<file>[a-z][a-z0-9_]{0,80}?)_kernel(?:_\w{1,60})?\b")
NEAR = 8
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
# Names that tell how an operator is run, not which one.
FRAMEWORK = re.compile(r"kernel|wrapper|^(run|forward|__\w+__|<.+>|call|inner|decorate\w*)$")
# One kernel stands for operators of other names.
FAMILIES = {"copy": ("copy_", "to_copy")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Blamed:
    """`deny`: what must not come from FlagGems for the trouble to be over."""

    operator: str
    deny: tuple[str, ...]
    at: int  # index of the line that names it


def blamed(lines: list[str], *, spoken: list[int], abrupt: bool) -> Blamed | None:
    """The outermost operator of the first traceback that passes one; else what was said of it.

    `spoken`: which lines are no mere notes. `abrupt`: the process ended without an exception, so
    what it said it was calling counts too.
    """
    return _framed(lines) or _said(lines, spoken, abrupt=abrupt) or _launched(lines)


def _framed(lines: list[str]) -> Blamed | None:
    found = None
    for number, line in enumerate(lines):
        if match := FRAME.search(line):
            found = _named(match["file"], match["function"], at=number)
            if match["comma"]:  # Python's order; faulthandler prints the outermost last
                return found
        elif found and not line.lstrip().startswith("File "):
            return found
    return found


def _said(lines: list[str], spoken: list[int], *, abrupt: bool) -> Blamed | None:
    for number in spoken:
        if match := PLACE.search(lines[number]):
            return _named(match["file"], match["file"], at=number)
        if match := DISPATCHED.search(lines[number]):
            return _named(match["function"], match["function"], at=number)
    if not abrupt:
        return None
    for number in range(len(lines) - 1, -1, -1):
        if match := CALLED.search(lines[number]):
            return _named(match["file"], match["function"], at=number)
        if match := KERNEL.search(lines[number]):
            return _named(match["file"], match["file"], at=number)
    return None


def _launched(lines: list[str]) -> Blamed | None:
    at = next((number for number, line in enumerate(lines) if LAUNCH.search(line)), None)
    if at is None:
        return None
    for line in lines[max(at - NEAR, 0) : at + NEAR]:
        if match := LAUNCHED.search(line):
            return _named(match["file"], match["file"], at=at)
    return _named("libentry", "libentry", at=at)


def _named(file: str, function: str, *, at: int) -> Blamed | None:
    # What an operator calls inside its file has its name nowhere, and denying it denies nothing.
    inside = function.startswith("_") and file.strip("_") not in function
    name = file if inside or FRAMEWORK.search(function) else function.rpartition(".")[2]
    if not NAME.fullmatch(name):
        return None
    if family := FAMILIES.get(name):
        return Blamed(operator=family[0], deny=family, at=at)
    # mm and mm_out are two operators of one kernel: to deny one leaves the other.
    related = name != file and name.startswith(f"{file}_")
    return Blamed(operator=name, deny=(name, file) if related else (name,), at=at)
