"""The full look, when the API server goes away in the midst of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from flagos_operator.cluster.kinds import DEPLOYMENT, MODEL, Key, Kind
from flagos_operator.cluster.resync import Resync
from flagos_operator.cluster.store import Store
from flagos_operator.errors import Unreachable
from flagos_operator.metrics import Metrics

M = Key("default", "m")


class Lists:
    """Of an API server with one model; `lost` are the lists of Deployments that break."""

    def __init__(self) -> None:
        self.version, self.lost = 1, 0

    async def list(self, kind: Kind, **_: object) -> AsyncIterator[dict[str, Any]]:
        if kind is DEPLOYMENT and self.lost:
            self.lost -= 1
            raise Unreachable("the API server went away")
        meta = {"name": M.name, "namespace": M.namespace, "uid": "u", "generation": self.version}
        model = {"metadata": {**meta, "resourceVersion": str(self.version)}}
        items = [model] if kind is MODEL else []
        yield {"metadata": {"resourceVersion": str(self.version)}, "items": items}


@contextlib.asynccontextmanager
async def looking(lists: Lists, *, interval: float) -> AsyncIterator[asyncio.Queue[Key]]:
    found: asyncio.Queue[Key] = asyncio.Queue()
    resync = Resync(
        client=lists,  # type: ignore[arg-type]
        store=Store(),
        metrics=Metrics(),
        namespaces=("",),
        interval=interval,
        dice=lambda: 0.5,
        wall=lambda: 0.0,
        enqueue=found.put_nowait,
    )
    task = asyncio.create_task(resync.run())
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_a_broken_look_has_found_is_told_all_the_same():
    """The next look finds it in the store already, and would never call it news."""
    lists = Lists()
    async with looking(lists, interval=0.01) as told, asyncio.timeout(5):
        assert await told.get() == M
        lists.version, lists.lost = 2, 1
        assert await told.get() == M
    assert not lists.lost


async def test_the_first_look_tells_of_all_when_it_is_complete():
    lists = Lists()
    lists.lost = 2
    async with looking(lists, interval=0.01) as told, asyncio.timeout(5):
        assert await told.get() == M
        assert not lists.lost
