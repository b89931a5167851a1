"""The rows of chips and releases as the cluster has them: the catalogue that is valid now.

What is shipped stands behind them name by name: a row that is not there yet, or was deleted and
comes back, is never missing meanwhile. Where the cluster's cannot be read, the shipped are all.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flagos_operator.api.outcome import Invalid
from flagos_operator.catalog.catalogue import (
    Catalogue,
    Release,
    assembled,
    chip_row_of,
    release_of,
    shipped_releases,
)
from flagos_operator.catalog.chips import shipped
from flagos_operator.cluster.kinds import CHIP, RELEASE, ROWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from flagos_operator.api.chip import Chip
    from flagos_operator.cluster.kinds import Resource

    Body = Mapping[str, Any]
    Found = Chip | Release | Invalid

log = logging.getLogger(__name__)

SHIPPED_ANNOTATION = "flagos.io/shipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    version: int
    mark: str  # which shipped row it was last made from
    found: Found


class Rows:
    """`told` is called with the names of rows that are others than before, by kind."""

    def __init__(self, *, own_chips: Mapping[str, Any] | None = None) -> None:
        self._own = own_chips or {}
        self._rows: dict[str, dict[str, Row]] = {kind.name: {} for kind in ROWS}
        self._graves: dict[tuple[str, str], int] = {}
        self._unread: dict[str, str] = {}
        self._read: set[str] = set()
        self._behind = self._shipped()
        self.told: Callable[..., None] = _nobody
        self.catalogue = self._assembled()

    @property
    def readable(self) -> tuple[Resource, ...]:
        return tuple(kind for kind in ROWS if kind.name in self._read)

    def mark(self, kind: Resource, name: str) -> str | None:
        """None where the cluster has no such row."""
        row = self._rows[kind.name].get(name)
        return row.mark if row else None

    def put(self, kind: Resource, body: Body) -> None:
        if self._take(kind, body):
            self._renew()

    def drop(self, kind: Resource, body: Body) -> None:
        name, version = _name(body), _version(body)
        known = self._rows[kind.name].get(name)
        self._graves[kind.name, name] = version
        if known and known.version <= version:
            del self._rows[kind.name][name]
            self._renew()

    def listed(self, kind: Resource, bodies: Iterable[Body], *, version: int) -> None:
        """All that there are, as of `version`."""
        names = set()
        for body in bodies:
            names.add(_name(body))
            self._take(kind, body)
        rows = self._rows[kind.name]
        for name in [n for n, row in rows.items() if n not in names and row.version <= version]:
            del rows[name]
        self._graves = {at: when for at, when in self._graves.items() if at[0] != kind.name}
        self._read.add(kind.name)
        if self._unread.pop(kind.name, ""):
            log.info("%ss can be read now", kind.name)
        self._renew()

    def unread(self, kind: Resource, why: str, *, gone: bool) -> None:
        """Rows that were read stay known, unless nobody has the kind any more."""
        self._read.discard(kind.name)
        if kind.name not in self._unread:
            log.warning(
                "%ss cannot be read, so the operator's built-in copy is used: %s", kind.name, why
            )
        self._unread[kind.name] = why
        if gone and self._rows[kind.name]:
            self._rows[kind.name].clear()
            self._renew()

    def _take(self, kind: Resource, body: Body) -> bool:
        name, version = _name(body), _version(body)
        known = self._rows[kind.name].get(name)
        newest = max(known.version if known else -1, self._graves.get((kind.name, name), -1))
        if version <= newest:
            return False
        found = self._typed(kind, name, body.get("spec"))
        if isinstance(found, Invalid) and not (known and known.found == found):
            log.warning("left out: %s", found.message)
        marks = body["metadata"].get("annotations") or {}
        mark = str(marks.get(SHIPPED_ANNOTATION, ""))
        self._rows[kind.name][name] = Row(version=version, mark=mark, found=found)
        return known is None or known.found != found

    def _typed(self, kind: Resource, name: str, spec: object) -> Found:
        if kind is CHIP:
            own = self._own.get(name) or {}
            return chip_row_of(name, {} if spec is None else spec, own=own)
        return release_of(name, spec)

    def _shipped(self) -> dict[str, dict[str, Found]]:
        chips = {**{name: {} for name in self._own}, **shipped()}
        releases = shipped_releases()
        return {
            CHIP.name: {name: self._typed(CHIP, name, spec) for name, spec in chips.items()},
            RELEASE.name: {n: self._typed(RELEASE, n, spec) for n, spec in releases.items()},
        }

    def _assembled(self) -> Catalogue:
        rows = {
            kind.name: self._behind[kind.name]
            | {name: row.found for name, row in sorted(self._rows[kind.name].items())}
            for kind in ROWS
        }
        chips = {n: row for n, row in rows[CHIP.name].items() if not isinstance(row, Release)}
        releases: dict[str, Release | Invalid] = {
            n: row for n, row in rows[RELEASE.name].items() if isinstance(row, Release | Invalid)
        }
        return assembled(chips=dict(sorted(chips.items())), releases=releases)

    def _renew(self) -> None:
        """The catalogue stays the same object while it says the same."""
        before, now = self.catalogue, self._assembled()
        chips = _differing(before.chips, now.chips) | _differing(
            before.faulty_chips, now.faulty_chips
        )
        releases = _differing(before.releases, now.releases) | _differing(
            before.faulty_releases, now.faulty_releases
        )
        if chips or releases:
            self.catalogue = now
            self.told(chips=chips, releases=releases)


def _nobody(**_: object) -> None:
    """Before anybody listens."""


def _differing(before: Mapping[str, object], now: Mapping[str, object]) -> frozenset[str]:
    return frozenset(n for n in {*before, *now} if before.get(n) != now.get(n))


def _name(body: Body) -> str:
    return str(body["metadata"]["name"])


def _version(body: Body) -> int:
    return int(body["metadata"].get("resourceVersion") or 0)
