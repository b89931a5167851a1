"""The truth, asked for: lists every kind, corrects the store and says who has news.

A watch starts from a list, the first time and whenever it broke for longer than the API server
remembers; what was deleted before that list is never told. This finds it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flagos_operator.cluster.kinds import KINDS, ROWS, Key, Kind, Resource
from flagos_operator.cluster.suspicions import LASTING
from flagos_operator.errors import Forbidden, NotFound, OperatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from flagos_operator.cluster.client import Body, Client
    from flagos_operator.cluster.rows import Rows
    from flagos_operator.cluster.store import Store
    from flagos_operator.metrics import Metrics

log = logging.getLogger(__name__)

_RETRY_FIRST, _RETRY_MOST = 1.0, 30.0
_SETTLED_AT_LAST = 30.0


@dataclass(slots=True, kw_only=True)
class Resync:
    client: Client
    store: Store
    metrics: Metrics
    namespaces: Sequence[str]  # ("",) is the whole cluster
    interval: float
    dice: Callable[[], float]
    wall: Callable[[], float]
    enqueue: Callable[[Key], None]
    rows: Rows | None = None  # None where the operator is not to look beyond its namespaces
    listed_rows: Callable[[], None] = lambda: None
    settled: float = 1.0  # watches begin together: one list answers all that ask within this
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    turned: asyncio.Event = field(default_factory=asyncio.Event)  # other kinds are readable now
    _denied: dict[str, float] = field(default_factory=dict)  # since when
    _unreadable: frozenset[str] = frozenset()
    _asks: int = 0
    _answered: int = 0
    _now: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Once at the start, before anybody works; then every interval, or when asked."""
        failures = 0
        while True:
            self._now.clear()
            asks = self._asks
            if await self._try():
                failures, self._answered = 0, asks
            else:
                failures += 1
            if await self._asked(within=self._pause(failures)):
                await self._settle()

    def soon(self) -> None:
        """Events may have been missed: do not wait for the next turn."""
        self._asks += 1
        self._now.set()

    @property
    def readable(self) -> tuple[Resource, ...]:
        return (
            *(kind for kind in KINDS if kind.name not in self._unreadable),
            *(self.rows.readable if self.rows else ()),
        )

    @property
    def owed(self) -> bool:
        """Somebody asked for a list that has not come yet."""
        return self._asks > self._answered

    async def _try(self) -> bool:
        news: set[Key] = set()
        try:
            await self._once(news)
        except OperatorError as error:
            log.warning("cannot list: %s: %s", type(error).__name__, error)
            # It is in the store by now, so the list that succeeds will not call it news.
            self._tell(news if self.synced.is_set() else ())
            return False
        # At the start everything is news, but also what has none deserves one look.
        self._tell(news if self.synced.is_set() else self.store.keys())
        self.synced.set()
        return True

    def _tell(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self.enqueue(key)

    async def _once(self, news: set[Key]) -> None:
        self.store.forget_graves()
        for kind in KINDS:
            try:
                for namespace in self.namespaces:
                    await self._list(kind, namespace, news)
            except Forbidden:
                if not kind.spared or not self._lasts(kind):
                    raise
            else:
                self._denied.pop(kind.name, None)
                self.metrics.seen_at.labels(kind=kind.name).set(self.wall())
        if self.rows:
            await self._list_rows(self.rows)
        self._see_rights()

    async def _list_rows(self, rows: Rows) -> None:
        """Rows are also known without the cluster: that they cannot be read stops nobody."""
        before = rows.readable
        for kind in ROWS:
            try:
                bodies, version = await self._all(kind)
            except (Forbidden, NotFound) as why:
                rows.unread(kind, str(why), gone=isinstance(why, NotFound))
            else:
                rows.listed(kind, bodies, version=version)
                self.metrics.seen_at.labels(kind=kind.name).set(self.wall())
        if rows.readable != before:
            self.turned.set()
        self.listed_rows()

    async def _all(self, kind: Resource) -> tuple[list[Body], int]:
        bodies: list[Body] = []
        version = 0
        async for chunk in self.client.list(kind, namespace=""):
            version = int(chunk["metadata"].get("resourceVersion") or 0)
            bodies += chunk.get("items") or ()
        return bodies, version

    def _lasts(self, kind: Kind) -> bool:
        """An API server that has just started knows nobody's rights."""
        since = self._denied.setdefault(kind.name, self.wall())
        return self.wall() - since >= LASTING.total_seconds()

    def _see_rights(self) -> None:
        now = frozenset(self._denied)
        if now == self._unreadable:
            return
        for name in sorted(now - self._unreadable):
            log.warning("%ss cannot be read, so models that need them do not work", name)
        self._unreadable = now
        self.turned.set()

    async def _list(self, kind: Kind, namespace: str, news: set[Key]) -> None:
        seen: set[Key] = set()
        version = 0
        async for chunk in self.client.list(kind, namespace=namespace):
            version = int(chunk["metadata"].get("resourceVersion") or 0)
            for body in chunk.get("items") or ():
                meta = body["metadata"]
                seen.add(Key(meta.get("namespace", ""), meta["name"]))
                news |= self.store.put(kind, body)
        ghosts, bereaved = self.store.sweep(kind, seen=seen, version=version, namespace=namespace)
        self.metrics.ghosts.labels(kind=kind.name).inc(ghosts)
        news |= bereaved

    def _pause(self, failures: int) -> float:
        spread = 0.8 + 0.4 * self.dice()
        if failures:
            return min(_RETRY_FIRST * 2.0 ** (failures - 1), _RETRY_MOST, self.interval) * spread
        return self.interval * spread

    async def _asked(self, *, within: float) -> bool:
        try:
            async with asyncio.timeout(within):
                return await self._now.wait()
        except TimeoutError:
            return False

    async def _settle(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLED_AT_LAST):
                while await self._asked(within=self.settled):
                    self._now.clear()
