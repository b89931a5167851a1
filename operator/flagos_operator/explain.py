"""The verb `explain`: why a server ended, from its log alone."""

from __future__ import annotations

import argparse
import codecs
import json
import re
import sys
from pathlib import Path

from flagos_operator.printing import given, put
from flagos_operator.status.explain import Explanation, explain
from flagos_operator.status.proof import UNKNOWN

EXPLAINED, NOTHING, UNREADABLE = 0, 1, 2
# What a terminal would carry out; explained is a log of anybody.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
LARGEST_CODE = 255

EPILOG = """\
Reads the log of a server that vLLM or SGLang has written and says how far its start came, why it
ended, which line tells so and what to change; also which stack it ran and what it tuned. No
cluster is asked. The reasons are those of `kubectl get flagosmodels`; docs/status.md has them.

exit codes:
  0  a failure was found
  1  none was found: the log is of a server that starts, serves or was told to end
  2  wrong usage, or there is no log: it could not be read, or it is empty and no code is given

examples:
  kubectl logs POD --previous | flagos-operator explain -
  flagos-operator explain server.log --exit-code 137 --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("log", metavar="LOGFILE", help="the server's log, or - for stdin")
    parser.add_argument(
        "--exit-code", type=exit_code, metavar="N", help="what the container ended with, if known"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of words")


def run(args: argparse.Namespace) -> int:
    try:
        log = text_of(args.log)
    except OSError as wrong:
        sys.stderr.write(f"{args.log}: {wrong.strerror}\n")
        return UNREADABLE
    if not log.strip() and args.exit_code is None:
        sys.stderr.write(f"{args.log}: the log is empty; with --exit-code N that is explained\n")
        return UNREADABLE
    found = explain(log, exit_code=args.exit_code)
    put(as_json(found) if args.json else as_words(found))
    return EXPLAINED if found.reason else NOTHING


def exit_code(word: str) -> int:
    if not (word.isdecimal() and int(word) <= LARGEST_CODE):
        raise argparse.ArgumentTypeError(f"{word}: a container ends with 0 to {LARGEST_CODE}")
    return int(word)


def text_of(name: str) -> str:
    """A log may hold any bytes; those that are no text are shown as such.

    PowerShell writes what it redirects in two bytes a character, and a mark before it.
    """
    raw = given() if name == "-" else Path(name).read_bytes()
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return raw.decode("utf-16" if wide else "utf-8", errors="replace")


def as_json(found: Explanation) -> str:
    return (
        json.dumps(
            {
                "phase": found.phase,
                "phaseLine": found.phase_line,
                "reason": found.reason,
                "line": found.line,
                "lineNumber": found.line_number,
                "cure": found.cure,
                "fields": found.fields,
                "operator": found.operator,
                "healsByItself": found.heals,
                "stack": found.stack,
                "stackLine": found.stack_line,
                "stackWhy": found.stack_why,
                "tuning": found.tuning,
            },
            ensure_ascii=False,
        )
        + "\n"
    )


def as_words(found: Explanation) -> str:
    rows = {
        "phase": _at(found.phase, found.phase_line),
        "stack": _stack(found),
        "tuning": found.tuning,
        "reason": found.reason or "no failure found",
        "line": _at(found.line, found.line_number),
        "operator": found.operator,
        "cure": found.cure,
        "change": ", ".join(found.fields),
        "heals": {True: "by itself", False: "not by itself", None: ""}[found.heals],
    }
    told = "".join(f"{name + ':':9} {said}\n" for name, said in rows.items() if said)
    return CONTROL.sub("", told)


def _stack(found: Explanation) -> str:
    """A plugin that failed is told even where the server did not come to serve without it."""
    if found.stack == UNKNOWN and not found.stack_why:
        return ""
    why = f": {found.stack_why}" if found.stack_why else ""
    return f"{_at(found.stack, found.stack_line)}{why}"


def _at(said: str, number: int) -> str:
    return f"{said} (line {number})" if number else said
