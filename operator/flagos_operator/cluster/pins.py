"""ControllerRevisions of models: written before what depends on them, a few kept of each."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flagos_operator.cluster.kinds import PIN, Key
from flagos_operator.errors import Conflict, Denied, Forbidden, NotFound, QuotaExceeded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from flagos_operator.cluster.client import Client
    from flagos_operator.cluster.store import Snapshot, Store

log = logging.getLogger(__name__)

KEPT = 3  # the rows in use, and those before them for whoever wants to compare
AGAIN = timedelta(minutes=1)


@dataclass(slots=True, kw_only=True)
class Pins:
    client: Client
    store: Store
    now: Callable[[], datetime]
    _denied: dict[str, datetime] = field(default_factory=dict)  # by namespace

    async def keep(self, manifest: Mapping[str, Any], *, seen: Snapshot) -> bool:
        """Whether it is written. Where that is not allowed models follow their rows at once."""
        namespace = str(manifest["metadata"]["namespace"])
        denied = self._denied.get(namespace)
        if denied and self.now() < denied + AGAIN:
            return False
        try:
            self.store.put(PIN, await self.client.apply(PIN, manifest, force=True))
        except (Forbidden, Denied, QuotaExceeded) as refused:
            if not denied:
                log.warning("rows of models are not kept, so edits of rows roll pods: %s", refused)
            self._denied[namespace] = self.now()
            return False
        self._denied.pop(namespace, None)
        await self._prune(seen, name=str(manifest["metadata"]["name"]))
        return True

    async def _prune(self, seen: Snapshot, *, name: str) -> None:
        others = [pin for pin in seen.pins if pin.name != name]
        for pin in others[: -(KEPT - 1)]:
            key = Key(pin.namespace, pin.name)
            with contextlib.suppress(NotFound, Conflict):
                await self.client.delete(PIN, key, uid=pin.uid)
            self.store.gone(PIN, key)
