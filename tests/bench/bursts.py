"""Many models at once: by the operator, and by a bare client that shows what the server allows."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from flagos_operator.cluster.kinds import BY_NAME, DEPLOYMENT, MODEL
from flagos_operator.desired.plan import Plan
from flagos_operator.desired.render import render
from flagos_operator.documents import Document
from flagos_operator.operands import catalogue, defaults
from flagos_operator.render import Operator
from flagos_operator.settings import Settings
from tests.bench.cluster import Body, Cluster, Watch, a_namespace, quiet, watching
from tests.bench.models import a_model
from tests.bench.process import Operator as Process
from tests.bench.report import Report

CREATORS = 8
WRITERS = Settings().workers  # as many as the operator has
PATIENCE = 300.0
PATIENCE_PER_MODEL = 0.2
_UID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Models that are alive, and watches of them."""

    cluster: Cluster
    namespace: str
    names: tuple[str, ...]
    models: Watch
    deployments: Watch
    status: Body  # of one of them, as first written

    async def settle(self, seconds: float = 5.0) -> None:
        await quiet(self.models, self.deployments, seconds=seconds)


@asynccontextmanager
async def crowd(
    cluster: Cluster, operator: Process, *, size: int, report: Report
) -> AsyncIterator[Crowd]:
    """The burst; its models live on inside."""
    names = names_of(size)
    before, cpu = await operator.read(), operator.cpu_seconds()
    async with (
        a_namespace(cluster, f"bench-{size}") as namespace,
        watching(cluster, MODEL, namespace) as models,
        watching(cluster, DEPLOYMENT, namespace) as deployments,
    ):
        with (
            models.sightings(is_observed) as told,
            deployments.sightings(lambda _: True) as made,
        ):
            started = time.perf_counter()
            await create_all(cluster, namespace, names, asyncio.Queue())
            patience = PATIENCE + size * PATIENCE_PER_MODEL
            children = await made.of(names, within=patience)
            statuses = await told.of(names, within=patience)
        report.add(f"burst_{size}_children_s", max(children.values()) - started, unit="s")
        report.add(f"burst_{size}_status_s", max(statuses.values()) - started, unit="s")
        await quiet(models, deployments)
        calls = (await operator.read()).count() - before.count()
        cost = (operator.cpu_seconds() - cpu) / size * 1000
        # A row of its own has the name without a number; the others tell of growth.
        suffix = "" if size == 1000 else f"_{size}"
        report.add(f"api_calls_per_model{suffix}", calls / size, unit="calls")
        report.add(f"cpu_per_model_{size}_ms", cost, unit="ms")
        report.add(f"rss_{size}_mib", operator.rss_mib(), unit="MiB")
        yield Crowd(
            cluster=cluster,
            namespace=namespace,
            names=names,
            models=models,
            deployments=deployments,
            status=told.bodies[names[0]]["status"],
        )


async def floor(cluster: Cluster, status: Body, *, size: int, report: Report) -> None:
    """The same objects in the same order, decided and rendered beforehand.

    No operator may run meanwhile: it would do the work.
    """
    async with a_namespace(cluster, "bench-floor") as namespace:
        names = names_of(size)
        work = prepared(namespace, names, status)
        created: asyncio.Queue[Body | None] = asyncio.Queue()
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(WRITERS):
                group.create_task(write(cluster, created, work))
            await create_all(cluster, namespace, names, created)
            for _ in range(WRITERS):
                created.put_nowait(None)
        report.add(f"floor_{size}_s", time.perf_counter() - started, unit="s")


def compare(report: Report) -> None:
    ratio = report.value("burst_1000_status_s") / report.value("floor_1000_s")
    report.add("burst_over_floor", ratio)


def names_of(size: int) -> tuple[str, ...]:
    return tuple(f"m{number:04}" for number in range(size))


async def create_all(
    cluster: Cluster, namespace: str, names: tuple[str, ...], created: asyncio.Queue[Body | None]
) -> None:
    async def create(mine: tuple[str, ...]) -> None:
        for name in mine:
            created.put_nowait(await cluster.create(MODEL, a_model(name, namespace=namespace)))

    async with asyncio.TaskGroup() as group:
        for number in range(CREATORS):
            group.create_task(create(names[number::CREATORS]))


async def write(
    cluster: Cluster, created: asyncio.Queue[Body | None], work: Mapping[str, list[Request]]
) -> None:
    while body := await created.get():
        uid = body["metadata"]["uid"].encode()
        for path, request in work[body["metadata"]["name"]]:
            await cluster.apply(path, request.replace(_UID.encode(), uid))


Request = tuple[str, bytes]


def prepared(namespace: str, names: tuple[str, ...], status: Body) -> dict[str, list[Request]]:
    """What to send for each model, but for the uid, which only its creation tells."""
    settings = Settings()
    operator = Operator(
        defaults=defaults(settings), catalogue=catalogue(settings), namespace=namespace
    )
    return {name: [*children(operator, name), told(status, operator, name)] for name in names}


def told(status: Body, operator: Operator, name: str) -> Request:
    body = json.dumps(model_with(status, name=name, namespace=operator.namespace))
    return MODEL.path(operator.namespace, name, "status"), body.encode()


def children(operator: Operator, name: str) -> list[Request]:
    model = a_model(name, namespace=operator.namespace)
    model["metadata"]["uid"] = _UID
    plan = operator.plan(Document(origin=name, body=model))
    assert isinstance(plan, Plan), plan
    return [
        (
            BY_NAME[body["kind"]].path(operator.namespace, body["metadata"]["name"]),
            json.dumps(body).encode(),
        )
        for body in render(plan)
    ]


def model_with(status: Body, *, name: str, namespace: str) -> Body:
    body = a_model(name, namespace=namespace)
    meta = {**body["metadata"], "uid": _UID}
    return {
        "apiVersion": body["apiVersion"],
        "kind": body["kind"],
        "metadata": meta,
        "status": status,
    }


def is_observed(model: Body) -> bool:
    told = model.get("status", {}).get("observedGeneration")
    return bool(told == model["metadata"]["generation"])
