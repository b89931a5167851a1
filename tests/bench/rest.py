"""What a thousand models cost while nothing happens, and when the operator starts again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from flagos_operator.cluster.kinds import CONFIG_MAP, DEPLOYMENT, LEASE, MODEL, POD, SERVICE
from tests.bench.bursts import Crowd
from tests.bench.cluster import Cluster, Watch, a_namespace, watching
from tests.bench.models import a_foreign_pod
from tests.bench.process import Operator, running
from tests.bench.report import Report
from tests.bench.waiting import until

FOREIGN = 10_000
_WRITTEN = (MODEL, CONFIG_MAP, SERVICE, DEPLOYMENT)


@contextlib.asynccontextmanager
async def watching_all(crowd: Crowd) -> AsyncIterator[list[Watch]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(watching(crowd.cluster, kind, crowd.namespace))
            for kind in _WRITTEN
        ]


def versions(watches: list[Watch]) -> int:
    """Each event of a watch is one new resourceVersion; a write that changes nothing has none."""
    return sum(watch.writes.total() for watch in watches)


async def rest(crowd: Crowd, operator: Operator, *, seconds: float, report: Report) -> None:
    await crowd.settle(seconds=10)
    async with watching_all(crowd) as watches:
        before, cpu = await operator.read(), operator.cpu_seconds()
        await asyncio.sleep(seconds)
        spent = operator.cpu_seconds() - cpu
        after = await operator.read()
        events = after.calls.get("event", 0) - before.calls.get("event", 0)
        report.add("writes_at_rest", versions(watches) + events)
    report.add("passes_at_rest", after.reconciles - before.reconciles, unit="passes")
    report.add("cpu_rest_percent", spent / seconds * 100)


@contextlib.asynccontextmanager
async def restarted(
    crowd: Crowd, starting: contextlib.AbstractAsyncContextManager[Operator], *, report: Report
) -> AsyncIterator[Operator]:
    async with watching_all(crowd) as watches, starting as operator:
        report.add("restart_to_synced_s", await operator.reconciled(len(crowd.names)))
        await asyncio.sleep(5)  # what it would write late
        events = (await operator.read()).calls.get("event", 0)
        report.add("writes_after_restart", versions(watches) + events)
        report.add("rss_1000_restarted_mib", operator.rss_mib(), unit="MiB")
        yield operator


async def takeover(cluster: Cluster, log: Path, *, report: Report) -> None:
    """A standby that follows all models sees the leader die; until it has looked at one."""
    lease = f"bench-{os.getpid()}"
    async with taken_back(cluster, lease), running(log, lease=lease) as leader:
        await until(partial(_has_worked, leader), within=120)
        async with running(log, lease=lease) as standby:
            await asyncio.sleep(3)  # a standby knows the lease after its second look at it
            assert not await _has_worked(standby)
            killed = time.perf_counter()
            leader.kill()
            await until(partial(_has_worked, standby), within=60)
            report.add("takeover_s", time.perf_counter() - killed)


@contextlib.asynccontextmanager
async def taken_back(cluster: Cluster, lease: str) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await cluster.call("DELETE", LEASE.path("default", lease))


async def _has_worked(operator: Operator) -> bool:
    return (await operator.read()).reconciles > 0


async def beside_foreign_pods(cluster: Cluster, operator: Operator, *, report: Report) -> None:
    """Pods that no scheduler takes: the API server stores and tells of them like of others."""
    async with a_namespace(cluster, "bench-foreign") as namespace:
        numbers = iter(range(FOREIGN))

        async def create() -> None:
            for number in numbers:
                await cluster.create(
                    POD, a_foreign_pod(f"foreign-{number:05}", namespace=namespace)
                )

        async with asyncio.TaskGroup() as group:
            for _ in range(16):
                group.create_task(create())
        await asyncio.sleep(5)
        report.add("rss_1000_10000_mib", operator.rss_mib())
