"""A name for the model where none was asked for."""

from __future__ import annotations

import re

from flagos_operator.api.spec import NAME_LENGTH
from flagos_operator.fromdocker.chip import VENDORS

TAIL = re.compile(rf"(?i)[-_](?:flagos|{'|'.join(VENDORS)})$")


def name_of(*candidates: str) -> str:
    """From a repository, else a directory: without FlagOS and the vendor, as a Service allows."""
    for candidate in candidates:
        base = candidate.rstrip("/").rpartition("/")[2]
        while TAIL.search(base):
            base = TAIL.sub("", base)
        found = re.sub(r"[^a-z0-9]+", "-", base.lower()).strip("-")
        if found:
            found = found if found[0].isalpha() else f"m-{found}"
            return found[:NAME_LENGTH].strip("-")
    return "model"
