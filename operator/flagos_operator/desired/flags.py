"""Flags that have a field, in the spellings that only argparse knows.

It takes any unique prefix of a long flag: --tensor-parallel=4 sets --tensor-parallel-size without
its name. Whole flags, short ones too, are caught by the schema.
"""

from __future__ import annotations

from flagos_operator.api.managed import FIXED_FLAG, FLAGS

FIELDS = {flag: field for flag, field in FLAGS.items() if flag.startswith("--")}
MANAGED = (FIXED_FLAG, *FIELDS)


def managed(argument: str) -> str | None:
    """The managed flag that an argument means, or None for one of the user's own."""
    name = argument.partition("=")[0].replace("_", "-")
    if not name.startswith("--") or name == "--":
        return None
    return next((flag for flag in MANAGED if flag.startswith(name)), None)


def cure(flag: str) -> str:
    if flag == FIXED_FLAG:
        return "the operator sets it, remove it"
    return f"set {FIELDS[flag]} and remove it here"
