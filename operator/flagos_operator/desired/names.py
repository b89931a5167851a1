"""Names of the children: functions of the model's name, so running twice is harmless."""

from __future__ import annotations

import hashlib

LONGEST = 63  # a label value and a DNS label end here


def deployment(model: str) -> str:
    return fitted(model)


def service(model: str) -> str:
    return fitted(model)


def claim(model: str) -> str:
    return fitted(f"{model}-weights")


def fetch_settings(model: str) -> str:
    return fitted(f"{model}-fetch")


def reclaim(model: str, mark: str) -> str:
    return fitted(f"{model}-reclaim-{mark}")


def verification(model: str, mark: str) -> str:
    return fitted(f"{model}-verify-{mark}")


def pin(model: str, mark: str) -> str:
    return fitted(f"{model}-{mark}")


def fitted(name: str) -> str:
    """A name that is too long keeps its start and ends in a hash, so that two never meet."""
    if len(name) <= LONGEST:
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: LONGEST - len(mark) - 1].rstrip('-.')}-{mark}"
