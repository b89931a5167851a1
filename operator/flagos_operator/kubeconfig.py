"""The cluster that a person at a terminal means, for all verbs that ask one."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from flagos_operator.cluster import connection
from flagos_operator.cluster.client import Client
from flagos_operator.metrics import Metrics

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

WHICH = """\
The cluster is the one of --kubeconfig, --context, KUBECONFIG, the pod's own account or
~/.kube/config, in this order."""


def add_arguments(
    add: Callable[..., argparse.Action], *, context: Callable[..., argparse.Action] | None = None
) -> None:
    """`context` is where that option goes, if others exclude it."""
    (context or add)("--context", metavar="NAME", help="context of the kubeconfig")
    add("--kubeconfig", metavar="FILE", help="kubeconfig instead of KUBECONFIG")


def surroundings(args: argparse.Namespace, environment: Mapping[str, str]) -> Mapping[str, str]:
    return {**environment, **({"KUBECONFIG": args.kubeconfig} if args.kubeconfig else {})}


def client_of(args: argparse.Namespace, environment: Mapping[str, str]) -> Client:
    """`environment` is what surrounds the program, with what its arguments say of it."""
    login = partial(connection.load, environment, context=args.context)
    return Client(login=login, metrics=Metrics(), clock=time.monotonic)
