"""Flags that no known vLLM has and that look like one it has: told, kept, and never refused.

A newer vLLM may know them, and so may a vendor's.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flagos_operator.fromdocker.report import Report
    from flagos_operator.fromdocker.shell import Arg

KNOWN = Path(__file__).parent / "vllm-flags.txt"
ALIKE = 0.85


@cache
def known() -> tuple[str, ...]:
    lines = KNOWN.read_text("utf-8").splitlines()
    return tuple(line for line in lines if line.startswith("--"))


def tell(args: Iterable[Arg], *, report: Report) -> None:
    for arg in args:
        if near := meant(arg.text):
            why = f"kept, though no vLLM that is known here has it: is {near} meant?"
            report.say(arg.text.partition("=")[0], why, line=arg.line)


def meant(word: str) -> str:
    """The likest flag, or nothing where the word is one, begins one, or is like none."""
    if not word.startswith("--"):
        return ""
    flag = word.partition("=")[0].partition(".")[0].replace("_", "-")
    if any(each.startswith(flag) for each in known()):
        return ""
    return next(iter(get_close_matches(flag, known(), n=1, cutoff=ALIKE)), "")
