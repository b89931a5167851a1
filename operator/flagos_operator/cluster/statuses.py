"""Status writes: only what differs, and never the same thing twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flagos_operator.cluster.kinds import MODEL, Key
from flagos_operator.observed.facts import ModelFacts

if TYPE_CHECKING:
    from flagos_operator.cluster.client import Client
    from flagos_operator.cluster.store import Store

Status = Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Statuses:
    client: Client
    store: Store
    # What was last written and what the API server made of it: an older CRD drops the fields
    # that it does not know, and writing them again would never end.
    _kept: dict[Key, tuple[Status, Status]] = field(default_factory=dict)

    async def write(self, status: Status, *, model: ModelFacts) -> ModelFacts | None:
        """The model as it then is; None when there was nothing to write."""
        key = Key(model.namespace, model.name)
        if model.status in (status, self._outcome(key, status)):
            return None
        body = await self.client.apply_status(key, uid=model.uid, status=status)
        self._kept[key] = (status, body.get("status") or {})
        self.store.put(MODEL, body)
        written = MODEL.facts(body)
        return written if isinstance(written, ModelFacts) else None

    def forget(self, key: Key) -> None:
        self._kept.pop(key, None)

    def _outcome(self, key: Key, status: Status) -> Status:
        wanted, became = self._kept.get(key, (status, status))
        return became if wanted == status else status
