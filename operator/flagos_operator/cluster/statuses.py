"""Status writes: only what differs, and only what the installed definition knows."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flagos_operator.cluster.kinds import MODEL, Key
from flagos_operator.errors import Malformed
from flagos_operator.observed.facts import ModelFacts

if TYPE_CHECKING:
    from flagos_operator.cluster.client import Client
    from flagos_operator.cluster.store import Store

Status = Mapping[str, Any]
log = logging.getLogger(__name__)

# Server-side apply does not prune: it refuses the whole status for one field.
_UNDECLARED = re.compile(r"\.status\.([\w.]+)[^:\n]*: field not declared in schema")


@dataclass(slots=True, kw_only=True)
class Statuses:
    client: Client
    store: Store
    # Fields that a definition older than this operator has not, with a dot where one is inside
    # another; it is asked anew at a start.
    _undeclared: set[str] = field(default_factory=set)

    async def write(self, status: Status, *, model: ModelFacts) -> ModelFacts | None:
        """The model as it then is; None when there was nothing to write."""
        status = self._declared(status)
        if model.status == status:
            return None
        try:
            return await self._apply(status, model)
        except Malformed as refused:
            fields = set(_UNDECLARED.findall(str(refused))) - self._undeclared
            if not fields:
                raise
            self._undeclared |= fields
            log.warning(
                "the definition of FlagOSModel is older than this operator, so its status is "
                "without %s: upgrade the definition",
                ", ".join(sorted(fields)),
            )
        return await self.write(status, model=model)

    def _declared(self, status: Status) -> Status:
        for path in self._undeclared:
            status = _without(status, *path.split("."))
        return status

    async def _apply(self, status: Status, model: ModelFacts) -> ModelFacts | None:
        key = Key(model.namespace, model.name)
        body = await self.client.apply_status(key, uid=model.uid, status=status)
        self.store.put(MODEL, body)
        written = MODEL.facts(body)
        return written if isinstance(written, ModelFacts) else None


def _without(fields: Status, name: str, *inner: str) -> Status:
    if inner and isinstance(fields.get(name), Mapping):
        return {**fields, name: _without(fields[name], *inner)}
    return fields if inner else {key: value for key, value in fields.items() if key != name}
