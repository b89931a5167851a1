"""The verb `plan`: what would be made of a model, why, and what that changes in a cluster."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from flagos_operator import kubeconfig, operands, render
from flagos_operator.cluster import connection
from flagos_operator.documents import Document, UnreadableError, found, repeated
from flagos_operator.errors import OperatorError, SettingsError
from flagos_operator.planning import memory, words
from flagos_operator.planning.catalogue import catalogue
from flagos_operator.planning.outlook import OFFLINE, Planner
from flagos_operator.printing import put, say
from flagos_operator.render import settings_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from flagos_operator.planning.memory import Evidence
    from flagos_operator.planning.outlook import Outlook

OK, REFUSED, UNREADABLE, CHANGES, ROLLS, TOO_LARGE = range(6)

EPILOG = f"""\
Says of each model which release serves it and why, every field with the layer that it came from
(operator, chip, release or model), whether it fits into the devices' memory, every object, and
what each changes in the cluster: a dry run that the API server itself answers. Nothing is
written.

{kubeconfig.WHICH} Without any of these, or with --offline, none is asked. A cluster
that is named and does not answer is an error, so that CI never takes silence for "no changes".
The operator's settings are read from the environment variables that its chart sets, such as
FLAGOS_REGISTRY_REWRITE; `kubectl exec` into its pod has them all.

exit codes, the first that applies to any model:
  2  wrong usage, or a file, the settings or the cluster could not be read; nothing is said
  1  a model or one of its objects is refused
  5  a model does not fit into the devices by the estimate (with --config only)
  4  pods would be replaced
  3  objects would be created, changed or deleted; no pod that runs is replaced
  0  nothing would change, or no cluster was asked and nothing is refused

examples:
  flagos-operator plan -f model.yaml
  flagos-operator plan --offline -f models/ --json > plan.json
  flagos-operator plan -f model.yaml --config /models/qwen/config.json --device-memory 80Gi
  kubectl flagos plan -f model.yaml --context production
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    render.add_arguments(parser, elsewhere="that of the context")
    parser.epilog = EPILOG
    add = parser.add_argument
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--offline", action="store_true", help="ask no cluster")
    kubeconfig.add_arguments(add, context=where.add_argument)
    add(
        "--config",
        metavar="PATH",
        help="the model's config.json, or a directory with it and the weights: is there room?",
    )
    add("--device-memory", metavar="SIZE", help="memory of one device, e.g. 80Gi; else the chip's")
    add("--json", action="store_true", help="one JSON object instead of words")


def run(args: argparse.Namespace) -> int:
    try:
        environment = kubeconfig.surroundings(args, os.environ)
        planner = Planner(
            operator=render.operator_of(args, environment=environment),
            evidence=evidence(args),
            own_image=bool(args.operator_image or environment.get("FLAGOS_OPERATOR_IMAGE")),
        )
        models = found(args.files)
        seen, asked = asyncio.run(look(planner, models, args=args, environment=environment))
    except (UnreadableError, SettingsError) as wrong:
        say(str(wrong))
        return UNREADABLE
    except OperatorError as wrong:
        say(f"the cluster could not be asked: {wrong}; --offline asks none")
        return UNREADABLE
    return tell(seen, asked=asked, as_json=args.json)


def evidence(args: argparse.Namespace) -> Evidence:
    return memory.evidence(args.config, device_memory=args.device_memory)


async def look(
    planner: Planner,
    models: Sequence[Document],
    *,
    args: argparse.Namespace,
    environment: Mapping[str, str],
) -> tuple[list[Outlook], str]:
    if args.offline:
        return await outlooks(planner, models), f"offline: {OFFLINE}"
    if not args.context and not connection.is_at_hand(environment):
        told = f"offline: {OFFLINE}, there is no kubeconfig"
        return await outlooks(planner, models), told
    client = kubeconfig.client_of(args, environment)
    try:
        server = (await client.connection()).server
        planner.client = client
        own = operands.own_chips(settings_of(args, environment))
        known, planner.notes = await catalogue(client, own_chips=own)
        planner.operator = replace(
            planner.operator,
            catalogue=known,
            namespace=args.namespace or connection.namespace(environment, context=args.context),
        )
        return await outlooks(planner, models), server
    finally:
        await client.close()


async def outlooks(planner: Planner, models: Sequence[Document]) -> list[Outlook]:
    again = repeated(models, namespace=planner.operator.namespace)
    return [
        await planner.outlook(each, notes=(said,) if said else ())
        for each, said in zip(models, again, strict=True)
    ]


def tell(outlooks: Sequence[Outlook], *, asked: str, as_json: bool) -> int:
    code = verdict(outlooks)
    if as_json:
        told = words.as_json(outlooks, asked=asked, code=code)
        put(json.dumps(told, ensure_ascii=False, indent=1) + "\n")
    else:
        put("\n".join(words.as_words(each, asked=asked) for each in outlooks))
    return code


def verdict(outlooks: Sequence[Outlook]) -> int:
    """The worst news of all, in this order."""
    for code, holds in (
        (REFUSED, [each.refused for each in outlooks]),
        (TOO_LARGE, [each.too_large for each in outlooks]),
        (ROLLS, [each.rolls for each in outlooks]),
        (CHANGES, [each.changed for each in outlooks]),
    ):
        if any(holds):
            return code
    return OK
