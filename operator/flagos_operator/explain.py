"""The verb `explain`: why a server ended, from its log alone."""

from __future__ import annotations

import argparse
import codecs
import json
import sys
from pathlib import Path

from flagos_operator.status.explain import Explanation, explain
from flagos_operator.status.proof import UNKNOWN

EXPLAINED, NOTHING, UNREADABLE = 0, 1, 2

EPILOG = """\
Reads the log of a server that vLLM or SGLang has written and says how far its start came, why it
ended, which line tells so and what to change; also which stack it ran and what it tuned. No
cluster is asked. The reasons are those of `kubectl get flagosmodels`; docs/status.md has them.

exit codes:
  0  a failure was found
  1  none was found: the log is of a server that starts, serves or was told to end
  2  wrong usage, or the log could not be read

examples:
  kubectl logs POD --previous | flagos-operator explain -
  flagos-operator explain server.log --exit-code 137 --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("log", metavar="LOGFILE", help="the server's log, or - for stdin")
    parser.add_argument(
        "--exit-code", type=int, metavar="N", help="what the container ended with, if known"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of words")


def run(args: argparse.Namespace) -> int:
    try:
        log = text_of(args.log)
    except OSError as wrong:
        sys.stderr.write(f"{args.log}: {wrong.strerror}\n")
        return UNREADABLE
    found = explain(log, exit_code=args.exit_code)
    sys.stdout.write(as_json(found) if args.json else as_words(found))
    return EXPLAINED if found.reason else NOTHING


def text_of(name: str) -> str:
    """A log may hold any bytes; those that are no text are shown as such.

    PowerShell writes what it redirects in two bytes a character, and a mark before it.
    """
    raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
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
    return "".join(f"{name + ':':9} {said}\n" for name, said in rows.items() if said)


def _stack(found: Explanation) -> str:
    """A plugin that failed is told even where the server did not come to serve without it."""
    if found.stack == UNKNOWN and not found.stack_why:
        return ""
    why = f": {found.stack_why}" if found.stack_why else ""
    return f"{_at(found.stack, found.stack_line)}{why}"


def _at(said: str, number: int) -> str:
    return f"{said} (line {number})" if number else said
