"""Whether a node's driver is too old for an image, as far as anything is known about it.

- NVIDIA: programs for a major version of CUDA run on each driver from its first on (NVIDIA's
  CUDA compatibility guide, "minor version compatibility"). An older driver does on a data
  centre's card if the image brings the forward compatibility package; nobody knows that of an
  image, so it is a doubt. Below the first driver of the major version before, it is taken for
  sure.
- Others publish no such table. An image ran with the driver in its name; an older one is a doubt.
- A floor that somebody states is one: what is below it is sure.

Versions compare as numbers; a driver that nobody knows is never too old.
"""

from __future__ import annotations

from dataclasses import dataclass

from flagos_operator.catalog.versions import numbers

# Major version of CUDA, and the branch of drivers that runs it first.
FIRST = {11: 450, 12: 525, 13: 580}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an image wants of a driver: by its name (origins.py), its row, or a user's word."""

    vendor: str | None
    built_with: str | None = None
    cuda: str | None = None
    floor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TooOld:
    sure: bool
    message: str


def too_old(driver: str | None, wanted: Wanted) -> TooOld | None:
    found = numbers(driver)
    if found is None:
        return None
    if wanted.floor and found < (numbers(wanted.floor) or ()):
        return TooOld(sure=True, message=f"driver {driver} is older than {wanted.floor}")
    built = numbers(wanted.built_with)
    if built is not None and found >= built[: len(found)]:
        return None
    if wanted.vendor == "nvidia":
        return too_old_for_cuda(f"driver {driver}", found[0], cuda=wanted.cuda)
    if built is None:
        return None
    return TooOld(
        sure=False,
        message=f"driver {driver} is older than {wanted.built_with}, which the image was built "
        "with; whether it works is not known",
    )


def too_old_for_cuda(driver: str, branch: int, *, cuda: str | None) -> TooOld | None:
    major = (numbers(cuda) or (0,))[0]
    if branch >= FIRST.get(major, 0):
        return None
    if branch < FIRST.get(major - 1, 0):
        return TooOld(
            sure=True,
            message=f"{driver} is too old for CUDA {cuda}, which asks for {FIRST[major]}",
        )
    return TooOld(
        sure=False,
        message=f"{driver} is older than {FIRST[major]}, the first for CUDA {cuda}; it works only "
        "on a data centre's card, if the image has CUDA's compatibility package",
    )
