"""What the operator knows of chips and of published releases, at one moment.

A row that cannot be read, of an older definition for one, is kept apart with what is wrong with
it: it harms no other row, and whoever names it is told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import yaml
from pydantic import ValidationError

from flagos_operator.api.chip import Chip
from flagos_operator.api.faults import broken, shortened, structural
from flagos_operator.api.outcome import Invalid
from flagos_operator.api.release import FlagOSReleaseSpec
from flagos_operator.api.sent import as_sent
from flagos_operator.catalog.chips import Chips, chip_of, laid_over, load_chips

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """`sent` is the spec as it was written: only there is "not said" known."""

    name: str
    spec: FlagOSReleaseSpec
    sent: Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    chips: Chips
    releases: Mapping[str, Release]
    # Rows that exist and cannot be used, by name.
    faulty_chips: Mapping[str, Invalid] = field(default_factory=dict)
    faulty_releases: Mapping[str, Invalid] = field(default_factory=dict)


def builtin(own_chips: Raw | None = None) -> Catalogue | Invalid:
    """As shipped, with a user's own chips laid over; what is shipped is always valid."""
    chips = load_chips(own_chips)
    if isinstance(chips, Invalid):
        return chips
    found = {name: release_of(name, spec) for name, spec in shipped_releases().items()}
    return assembled(chips=chips, releases=found)


def assembled(
    *, chips: Mapping[str, Chip | Invalid], releases: Mapping[str, Release | Invalid]
) -> Catalogue:
    return Catalogue(
        chips={name: row for name, row in chips.items() if isinstance(row, Chip)},
        releases={name: row for name, row in releases.items() if isinstance(row, Release)},
        faulty_chips={name: row for name, row in chips.items() if isinstance(row, Invalid)},
        faulty_releases={name: row for name, row in releases.items() if isinstance(row, Invalid)},
    )


@cache
def shipped_releases() -> Mapping[str, Raw]:
    """The specs of the shipped rows by name."""
    text = resources.files("flagos_operator.catalog").joinpath("releases.yaml").read_text("utf-8")
    return dict(_rows(text))


def release_of(name: str, spec: object) -> Release | Invalid:
    """A row as somebody wrote it. What is wrong with it comes back as a value."""
    if not isinstance(spec, Mapping):
        return _invalid(name, "spec: must be of type object")
    try:
        return _typed(name, as_sent(spec))
    except RecursionError:
        return _invalid(name, "spec: nested too deeply: write less of it")


def chip_row_of(name: str, spec: object, *, own: Raw) -> Chip | Invalid:
    """A chip as somebody wrote it, with what the chart's value says of it laid over."""
    at = f"FlagOSChip {name}: spec"
    if not isinstance(spec, Mapping):
        return Invalid(reason="InvalidChip", message=f"{at}: must be of type object")
    try:
        return chip_of(name, laid_over(as_sent(spec), own), at=at)
    except RecursionError:
        message = f"{at}: nested too deeply: write less of it"
        return Invalid(reason="InvalidChip", message=message)


def _typed(name: str, sent: Raw) -> Release | Invalid:
    try:
        # From JSON, where a list is what a tuple is made from and a number is not a string.
        typed = FlagOSReleaseSpec.model_validate_json(json.dumps(sent))
    except ValidationError as error:
        faults = structural(error, shape=FlagOSReleaseSpec)
        missing = [each for each in ("model", "chip") if each not in sent]
        return _invalid(
            name,
            shortened([*(f"spec.{each}: Required value: set it" for each in missing), *faults]),
        )
    faults = list(broken(sent, shape=FlagOSReleaseSpec))
    if faults:
        return _invalid(name, shortened(faults))
    return Release(name=name, spec=typed, sent=sent)


def _rows(text: str) -> Iterator[tuple[str, Raw]]:
    for document in yaml.load_all(text, Loader=_Loader):
        yield document["metadata"]["name"], document["spec"]


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _invalid(name: str, faults: str) -> Invalid:
    return Invalid(reason="InvalidRelease", message=f"FlagOSRelease {name}: {faults}")
