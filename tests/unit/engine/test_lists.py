"""The full look, when the API server goes away in the midst of it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

from flagos_operator.cluster.kinds import DEPLOYMENT, JOB, MODEL, Key, Kind
from flagos_operator.cluster.resync import Resync
from flagos_operator.cluster.store import Store
from flagos_operator.errors import Forbidden, Unreachable
from flagos_operator.metrics import Metrics

M = Key("default", "m")


class Lists:
    """Of an API server with one model; `lost` are the lists of Deployments that break.

    It refuses as many lists of Jobs as are `denied`.
    """

    def __init__(self) -> None:
        self.version, self.lost, self.denied = 1, 0, 0

    async def list(self, kind: Kind, **_: object) -> AsyncIterator[dict[str, Any]]:
        if kind is DEPLOYMENT and self.lost:
            self.lost -= 1
            raise Unreachable("the API server went away")
        if kind is JOB and self.denied:
            self.denied -= 1
            raise Forbidden("jobs is forbidden", status=403)
        meta = {"name": M.name, "namespace": M.namespace, "uid": "u", "generation": self.version}
        model = {"metadata": {**meta, "resourceVersion": str(self.version)}}
        items = [model] if kind is MODEL else []
        yield {"metadata": {"resourceVersion": str(self.version)}, "items": items}


@contextlib.asynccontextmanager
async def looking(
    lists: Lists, *, interval: float, wall: Callable[[], float] = lambda: 0.0
) -> AsyncIterator[asyncio.Queue[Key]]:
    found: asyncio.Queue[Key] = asyncio.Queue()
    resync = Resync(
        client=lists,  # type: ignore[arg-type]
        store=Store(),
        metrics=Metrics(),
        namespaces=("",),
        interval=interval,
        dice=lambda: 0.5,
        wall=wall,
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


async def test_a_refusal_of_a_moment_is_not_taken_for_a_missing_right():
    """An API server that has just started knows nobody's rights; of the Jobs nothing is known."""
    lists = Lists()
    lists.denied = 3
    async with looking(lists, interval=0.01) as told, asyncio.timeout(5):
        assert await told.get() == M
        assert not lists.denied


async def test_a_right_that_is_missing_for_long_holds_up_nobody():
    lists, seconds = Lists(), itertools.count()
    lists.denied = 1_000
    async with looking(lists, interval=0.01, wall=lambda: next(seconds)) as told:
        async with asyncio.timeout(5):
            assert await told.get() == M
    assert lists.denied > 900
