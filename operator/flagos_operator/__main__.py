"""The command line: one image, a few verbs."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

from flagos_operator import __version__

# Imported only when asked for: `fetch` runs in an init container and must not pay for kopf.
VERBS = {
    "run": ("flagos_operator.main", "run the operator against the cluster"),
    "fetch": ("flagos_operator.fetch.cli", "download a model's weights and verify them"),
    "verify": ("flagos_operator.fetch.verify", "compare weights with the record beside them"),
    "reclaim": (
        "flagos_operator.fetch.reclaim",
        "remove a deleted model's weights (used by Jobs)",
    ),
    "plan": (
        "flagos_operator.planning.cli",
        "say what would be made of a model, why, and what changes in the cluster",
    ),
    "render": ("flagos_operator.render", "print the objects that the operator would apply"),
    "explain": ("flagos_operator.explain", "say from a server's log why it ended"),
    "chips": ("flagos_operator.chips", "show which chips the cluster has and how many are free"),
    "from-docker": (
        "flagos_operator.fromdocker.cli",
        "write the model that a card's docker lines amount to",
    ),
    "crd": ("flagos_operator.crd", "print the CustomResourceDefinition"),
}
# As kubectl finds it; it takes all verbs and names those that a person at a terminal needs.
PLUGIN = "kubectl-flagos"
IN_CLUSTER = {"run", "fetch", "reclaim", "crd"}


def main(argv: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if argv is None else argv
    as_plugin = Path(sys.argv[0]).name == PLUGIN
    parser = argparse.ArgumentParser(
        prog="kubectl flagos" if as_plugin else "flagos-operator",
        description="FlagOS models on a cluster." if as_plugin else __doc__,
    )
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    wanted = next((word for word in arguments if word in VERBS), None)
    for verb, (module, summary) in VERBS.items():
        shown: dict[str, Any] = {} if as_plugin and verb in IN_CLUSTER else {"help": summary}
        subparser = verbs.add_parser(verb, description=summary, **shown)
        if verb == wanted:
            implementation = importlib.import_module(module)
            implementation.add_arguments(subparser)
            subparser.set_defaults(run=implementation.run)
    options = parser.parse_args(arguments)
    return int(options.run(options))


if __name__ == "__main__":
    sys.exit(main())
