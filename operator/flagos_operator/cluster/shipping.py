"""The shipped rows of chips and releases, applied to the cluster by whoever leads.

Possible scenarios, by what the cluster has of a row:

    none                        apply it, also when somebody has just deleted it
    this one, by its mark       nothing to do, whatever was edited in it since
    another one of ours         apply it once; fields that others have set stay as they are
    somebody's own of the name  as above: what it says stays, what it leaves open is filled
    nobody may write there      say so once; the built-in copy serves
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flagos_operator.catalog.catalogue import shipped_releases
from flagos_operator.catalog.chips import shipped
from flagos_operator.cluster.kinds import CHIP, RELEASE
from flagos_operator.cluster.ownership import without
from flagos_operator.cluster.rows import SHIPPED_ANNOTATION
from flagos_operator.errors import ApiError, Conflict, Malformed, OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flagos_operator.cluster.client import Client
    from flagos_operator.cluster.kinds import Resource
    from flagos_operator.cluster.rows import Rows

log = logging.getLogger(__name__)

MANAGER = "flagos-operator-catalog"  # what it owns in a row is told from what users own
# Of several words one is allowed: somebody's edit may say deny where ours is denyMore, which is no
# conflict of fields, but a row that the API server refuses.
_CHOICES = (".spec.flagos.operators",)
_ATTEMPTS = 8  # a conflict names all fields that others own; more can come to be meanwhile


@dataclass(slots=True, kw_only=True)
class Shipping:
    client: Client
    rows: Rows
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _done: set[tuple[str, str]] = field(default_factory=set)
    _given_up: set[tuple[str, str]] = field(default_factory=set)
    _refused: bool = False

    def soon(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        while True:
            self._woken.clear()
            await self.once()
            await self._woken.wait()

    async def once(self) -> int:
        """Returns how many rows were applied. What fails is tried again at the next call."""
        count = 0
        for kind, name, spec in _all():
            if kind not in self.rows.readable or not self._is_wanted(kind, name, spec):
                continue
            try:
                count += await self._ship(kind, name, spec)
            except OperatorError as error:
                self._say(error)
                break
        else:
            self._refused = False
        return count

    def _is_wanted(self, kind: Resource, name: str, spec: Mapping[str, Any]) -> bool:
        """Once for each process: of two operators neither may undo the other for ever."""
        if (kind.name, name) in self._given_up:
            return False
        mark = self.rows.mark(kind, name)
        return mark is None or (mark != digest(spec) and (kind.name, name) not in self._done)

    async def _ship(self, kind: Resource, name: str, spec: Mapping[str, Any]) -> int:
        body = await self._applied(kind, name, spec)
        self._done.add((kind.name, name))
        if body is None:
            return 0
        self.rows.put(kind, body)
        return 1

    async def _applied(
        self, kind: Resource, name: str, spec: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        manifest = row(kind, name, spec)
        for _ in range(_ATTEMPTS):
            try:
                return await self.client.apply(kind, manifest, force=False, manager=MANAGER)
            except Conflict as others:
                left = without(manifest, others.fields)
                if left == manifest:
                    break
                manifest = left
            except Malformed as refused:
                left = without(manifest, _CHOICES)
                if left != manifest:
                    manifest = left
                    continue
                # A definition older than the operator, for one: the other rows go on.
                log.warning("%s %s is not applied: %s", kind.name, name, refused)
                self._given_up.add((kind.name, name))
                return None
        log.warning("%s %s is not applied: others have set what it says", kind.name, name)
        return None

    def _say(self, error: OperatorError) -> None:
        if not self._refused and isinstance(error, ApiError):
            log.warning("rows are not applied, the built-in copy is used: %s", error)
        self._refused = True


def row(kind: Resource, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {"name": name, "annotations": {SHIPPED_ANNOTATION: digest(spec)}},
        "spec": spec,
    }


def digest(spec: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]


def _all() -> Iterator[tuple[Resource, str, Mapping[str, Any]]]:
    yield from ((CHIP, name, spec) for name, spec in shipped().items())
    yield from ((RELEASE, name, spec) for name, spec in shipped_releases().items())
