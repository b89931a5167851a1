"""The verb `from-docker`: the FlagOSModel that a card's docker lines amount to."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from flagos_operator import operands
from flagos_operator.api.outcome import Invalid
from flagos_operator.api.spec import parse
from flagos_operator.desired.given import Meta
from flagos_operator.desired.plan import decide
from flagos_operator.errors import SettingsError
from flagos_operator.fromdocker.convert import convert
from flagos_operator.fromdocker.report import (
    IncompleteError,
    Report,
    UnclearError,
    comment,
)
from flagos_operator.fromdocker.text import decoded
from flagos_operator.fromdocker.wishes import Wishes, to_blame
from flagos_operator.printing import given, put
from flagos_operator.settings import Settings

if TYPE_CHECKING:
    from flagos_operator.catalog.chips import Chips
    from flagos_operator.desired.given import Defaults

WRITTEN, UNCLEAR, INCOMPLETE = 0, 2, 3

EPILOG = """\
Reads the shell lines of a model card, or of anybody's notes, and writes the FlagOSModel that
equals them to stdout. Nothing is run, no file that the lines name is read, no hub is asked. Every
flag that was left out or replaced is named with its line and the reason, on stderr and in the YAML
as comments. What the text does not tell is not made up: the command ends and says what is missing.

exit codes:
  0  a model was written, and the operator would accept it
  2  wrong usage, or the text cannot be read, or can be read in several ways, or says what no
     FlagOSModel can; nothing was written
  3  something that a model needs is not in the text; nothing was written

examples:
  flagos-operator from-docker card.md > model.yaml
  flagos-operator from-docker card.md --weights-size 40Gi | kubectl apply -f -
  xclip -o | flagos-operator from-docker --name qwen --chip metax
"""
HEAD = "Made by `flagos-operator from-docker`. What became of the lines it was made from:"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    add = parser.add_argument
    add("file", nargs="?", default="-", metavar="FILE", help="the card; - or nothing is stdin")
    add("--name", default="", help="name of the model; default: made from the repository's")
    add("--chip", default="", help="chip profile; default: guessed, and the guess is told")
    add("--devices", type=int, metavar="N", help="devices per pod; default: what the line uses")
    add("--image", default="", metavar="IMAGE", help="image instead of the one in the text")
    add("--line", type=int, metavar="N", help="the server's line, where several start one")
    add("--port", type=int, metavar="N", help="port of the server")
    add("--repo", default="", metavar="OWNER/NAME", help="repository of the weights")
    add("--source", default="", choices=("modelscope", "huggingface"), help="hub of --repo")
    add("--revision", default="", metavar="R", help="branch, tag or commit of the weights")
    add("--weights-size", default="", metavar="SIZE", help="keep the weights on a new claim")
    add("--weights-claim", default="", metavar="NAME", help="keep them on a claim that exists")
    add("--api-key-secret", default="", metavar="NAME[/KEY]", help="Secret with the server's key")
    add("--token-secret", default="", metavar="NAME[/KEY]", help="Secret with the hub's token")
    add(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="value of a variable that the text uses and does not set; repeatable",
    )
    add(
        "--env-file",
        action="append",
        default=[],
        metavar="FILE",
        help="the file that a --env-file of the text names; by its last name, repeatable",
    )
    add("--chips", metavar="FILE", help="YAML with chips of your own, as for `render`")


def run(args: argparse.Namespace) -> int:
    report = Report()
    try:
        defaults, chips = ground(args)
        text = decoded(read(args.file))
        asked = wishes(args)
        model = convert(text, wishes=asked, chips=chips, report=report)
        accepted(model, wishes=asked, defaults=defaults, chips=chips)
    except (UnclearError, SettingsError) as wrong:
        say(str(wrong))
        return UNCLEAR
    except IncompleteError:
        for line in report.lines():
            say(line)
        for missing in report.missing:
            say(f"missing: {missing}")
        return INCOMPLETE
    lines = report.lines()
    for line in lines:
        say(line)
    put(comment([HEAD, *lines]) + written(model))
    return WRITTEN


def ground(args: argparse.Namespace) -> tuple[Defaults, Chips]:
    settings = Settings.from_environment(os.environ)
    settings = replace(settings, chips_file=args.chips or settings.chips_file)
    return operands.defaults(settings), operands.chips(settings)


def read(name: str) -> bytes:
    try:
        return given() if name == "-" else Path(name).read_bytes()
    except OSError as wrong:
        raise UnclearError(f"{name}: {wrong.strerror}") from wrong


def env_file(name: str) -> str:
    try:
        return decoded(read(name))
    except UnclearError as wrong:
        why = str(wrong).removeprefix(f"{name}: ")
        raise UnclearError(f"--env-file {name}: {why}") from wrong


def wishes(args: argparse.Namespace) -> Wishes:
    variables = dict(pair.partition("=")[::2] for pair in args.set)
    if bad := [pair for pair in args.set if "=" not in pair]:
        raise UnclearError(f"--set {bad[0]}: write NAME=VALUE")
    if args.weights_size and args.weights_claim:
        raise UnclearError("--weights-size and --weights-claim: give one of them")
    return Wishes(
        name=args.name,
        chip=args.chip,
        devices=args.devices,
        image=args.image,
        line=args.line,
        port=args.port,
        repo=args.repo,
        source=args.source,
        revision=args.revision,
        weights_size=args.weights_size,
        weights_claim=args.weights_claim,
        api_key_secret=args.api_key_secret,
        token_secret=args.token_secret,
        variables=variables,
        env_files={Path(name).name: env_file(name) for name in args.env_file},
    )


def accepted(model: dict[str, Any], *, wishes: Wishes, defaults: Defaults, chips: Chips) -> None:
    """What is written, the operator takes: what it would refuse is told here."""
    spec = parse(model)
    found = spec if isinstance(spec, Invalid) else None
    if not isinstance(spec, Invalid):
        meta = Meta(namespace="default", name=model["metadata"]["name"], uid="", generation=1)
        plan = decide(spec, meta=meta, defaults=defaults, chips=chips)
        found = plan if isinstance(plan, Invalid) else None
    if found is not None:
        who = to_blame(wishes, told=found.message) or "what the text says"
        raise UnclearError(f"{who} is refused as a FlagOSModel: {found.message}")


def written(model: dict[str, Any]) -> str:
    return yaml.safe_dump(model, sort_keys=False, width=1000, allow_unicode=True)


def say(text: str) -> None:
    printable = "".join(char if char.isprintable() else " " for char in text)
    sys.stderr.write(f"{printable}\n")
