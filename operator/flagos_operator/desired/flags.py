"""Flags that have a field, in the spellings that only argparse knows.

It takes any unique prefix of a long flag, so --tensor-parallel=4 sets --tensor-parallel-size
without its name, and a short one with its value attached, as in -tp4. The schema catches the rest.
"""

from __future__ import annotations

from flagos_operator.api.managed import FIXED_FLAG, FLAGS

LONG = {FIXED_FLAG: "", **{flag: field for flag, field in FLAGS.items() if flag.startswith("--")}}
SHORT = {flag: field for flag, field in FLAGS.items() if not flag.startswith("--")}


def managed(argument: str) -> str | None:
    """The managed flag that an argument means, or None for one of the user's own."""
    name = argument.partition("=")[0].replace("_", "-")
    if name.startswith("--"):
        return next(
            (flag for flag in LONG if len(name) > len("--") and flag.startswith(name)), None
        )
    return next((flag for flag in SHORT if name.startswith(flag)), None)


def cure(flag: str) -> str:
    field = {**LONG, **SHORT}[flag]
    return f"set {field} and remove it here" if field else "the operator sets it, remove it"
