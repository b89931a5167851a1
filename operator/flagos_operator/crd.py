"""The verb `crd`: the definitions of the kinds, and the reference of their fields."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flagos_operator.api.crd import as_reference, as_yaml
from flagos_operator.api.definitions import DEFINITIONS, MODEL
from flagos_operator.printing import put

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "plural",
        nargs="?",
        choices=[*DEFINITIONS],
        default=MODEL.plural,
        help="kind to print (%(default)s)",
    )
    parser.add_argument("--check", type=Path, metavar="FILE", help="fail if FILE differs")
    parser.add_argument("--docs", action="store_true", help="the API reference of all instead")


def run(args: Namespace) -> int:
    text = as_reference() if args.docs else as_yaml(DEFINITIONS[args.plural])
    if args.check is None:
        put(text)
        return 0
    try:
        if args.check.read_text() == text:
            return 0
    except (OSError, UnicodeDecodeError) as wrong:
        sys.stderr.write(f"{args.check}: {wrong}\n")
        return 2
    sys.stderr.write(
        f"{args.check} differs from the models: print it again with flagos-operator crd\n"
    )
    return 1
