"""How soon the operator answers, at a steady pace of ten changes a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from flagos_operator.cluster.kinds import DEPLOYMENT, MODEL, POD
from tests.bench.bursts import PATIENCE, WRITERS, Crowd, is_observed, names_of, prepared, write
from tests.bench.cluster import Body, Cluster, a_namespace, watching
from tests.bench.models import a_model
from tests.bench.report import Report, percentile

PACE = 0.1
FIRST = "first"
READY: Body = {"type": "Ready", "status": "True"}


async def at_a_pace(
    names: Iterable[str], act: Callable[[str], Coroutine[Any, Any, None]], *, pace: float = PACE
) -> None:
    """Open loop: a slow answer does not slow down the next question."""
    async with asyncio.TaskGroup() as group:
        due = time.perf_counter()
        for name in names:
            group.create_task(act(name))
            due += pace
            await asyncio.sleep(max(0.0, due - time.perf_counter()))


async def create_to_child(cluster: Cluster, *, count: int, report: Report) -> None:
    async with a_namespace(cluster, "bench-create") as namespace:
        waits = await _child_after_create(cluster, namespace, names_of(count), asyncio.Queue())
    report.add("create_to_child_p50_ms", percentile(waits, 0.50))
    report.add("create_to_child_p99_ms", percentile(waits, 0.99))


async def create_floor(cluster: Cluster, status: Body, *, count: int, report: Report) -> None:
    """The same with a bare client in the operator's place, all rendered beforehand.

    No operator may run meanwhile: it would do the work.
    """
    names, created = names_of(count), asyncio.Queue[Body | None]()
    async with a_namespace(cluster, "bench-create-floor") as namespace:
        work = prepared(namespace, (FIRST, *names), status)
        async with asyncio.TaskGroup() as group:
            for _ in range(WRITERS):
                group.create_task(write(cluster, created, work))
            waits = await _child_after_create(cluster, namespace, names, created)
            for _ in range(WRITERS):
                created.put_nowait(None)
    report.add("floor_create_p50_ms", percentile(waits, 0.50))
    report.add("floor_create_p99_ms", percentile(waits, 0.99))


async def _child_after_create(
    cluster: Cluster,
    namespace: str,
    names: tuple[str, ...],
    created: asyncio.Queue[Body | None],
) -> list[float]:
    """Milliseconds from the answer to a creation until a watch sees its Deployment."""
    returned: dict[str, float] = {}

    async def create(name: str) -> None:
        body = await cluster.create(MODEL, a_model(name, namespace=namespace))
        returned[name] = time.perf_counter()
        created.put_nowait(body)

    async with watching(cluster, DEPLOYMENT, namespace) as deployments:
        with deployments.sightings(lambda _: True) as made:
            await create(FIRST)  # the operator's watches begin a moment after it is ready
            await made.of([FIRST], within=PATIENCE)
            await at_a_pace(names, create)
            seen = await made.of(names, within=PATIENCE)
    return [max(0.0, seen[name] - returned[name]) * 1000 for name in names]


async def edit_to_status(crowd: Crowd, *, count: int, report: Report) -> None:
    """An edit that rolls no pod: a roll measures Kubernetes. The clock starts when it is sent."""
    names = crowd.names[:: max(1, len(crowd.names) // count)][:count]
    sent: dict[str, float] = {}

    async def edit(name: str) -> None:
        sent[name] = time.perf_counter()
        change = {"spec": {"service": {"annotations": {"example.com/edited": "yes"}}}}
        await crowd.cluster.merge(MODEL, crowd.namespace, name, change)

    await crowd.settle()
    with crowd.models.sightings(lambda b: b["metadata"]["generation"] > 1 and is_observed(b)) as s:
        await at_a_pace(names, edit)
        seen = await s.of(names, within=PATIENCE)
    waits = [(seen[name] - sent[name]) * 1000 for name in names]
    report.add("edit_to_status_p99_ms", percentile(waits, 0.99))


async def event_to_status(crowd: Crowd, *, count: int, report: Report) -> None:
    """A pod becomes ready, by a patch of its status in the kubelet's place."""
    await crowd.settle()
    found = await crowd.cluster.items(POD, crowd.namespace)
    pods = {pod["metadata"]["labels"]["flagos.io/model"]: pod["metadata"]["name"] for pod in found}
    names = sorted(pods)[-count:]
    sent: dict[str, float] = {}

    async def flip(name: str) -> None:
        sent[name] = time.perf_counter()
        status = {"phase": "Running", "conditions": [READY]}
        await crowd.cluster.patch_status(POD, crowd.namespace, pods[name], status)

    with crowd.models.sightings(lambda b: b.get("status", {}).get("readyReplicas")) as told:
        await at_a_pace(names, flip)
        seen = await told.of(names, within=PATIENCE)
    waits = [(seen[name] - sent[name]) * 1000 for name in names]
    report.add("event_to_status_p99_ms", percentile(waits, 0.99))
