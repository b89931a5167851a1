"""A few models at a time, each made, watched and removed; and when their pods did what."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from flagos_operator.cluster.kinds import MODEL, POD
from flagos_operator.status.reached import READY, begun
from flagos_operator.status.startlog import lines
from flagos_operator.status.timeline import ORDER
from tests.bench.cluster import Body, Cluster, Watch, a_namespace, watching
from tests.bench_start.models import a_config_map
from tests.bench_start.scripts import crash, failures, starts

AT_A_TIME = 5
PATIENCE = 120.0
CONFIG_MAPS = "/api/v1/namespaces/{}/configmaps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    cluster: Cluster
    namespace: str
    models: Watch
    pods: Watch
    offset: float  # from the clock of watches to the time of day

    def at(self, seen: float) -> float:
        return seen + self.offset

    async def play(self, model: Body, until: Callable[[str], Awaitable[None]]) -> None:
        name = model["metadata"]["name"]
        await self.cluster.create(MODEL, model)
        await until(name)
        await self.cluster.call("DELETE", MODEL.path(self.namespace, name))

    async def play_all(
        self, models: Iterable[Body], until: Callable[[str], Awaitable[None]]
    ) -> None:
        gate = asyncio.Semaphore(AT_A_TIME)

        async def one(model: Body) -> None:
            async with gate:
                await self.play(model, until)

        async with asyncio.TaskGroup() as group:
            for each in models:
                group.create_task(one(each))

    async def model(self, name: str) -> Body:
        return await self.cluster.call("GET", MODEL.path(self.namespace, name))

    async def log(self, model: str) -> str:
        """The whole log of its one pod, each line with the time at which it was written."""
        items = await self.cluster.items(POD, self.namespace)
        pod = next(each for each in items if model_of(each) == model)["metadata"]["name"]
        query = urlencode({"container": "server", "timestamps": "true"})
        return await self.cluster.text(f"{POD.path(self.namespace, pod, 'log')}?{query}")


@contextlib.asynccontextmanager
async def stage(cluster: Cluster, name: str) -> AsyncIterator[Stage]:
    scripts = starts() | {name: crash(text) for name, text in failures().items()}
    async with (
        a_namespace(cluster, name) as namespace,
        watching(cluster, MODEL, namespace) as models,
        watching(cluster, POD, namespace) as pods,
    ):
        body = a_config_map(scripts, namespace=namespace)
        await cluster.call("POST", CONFIG_MAPS.format(namespace), body)
        offset = time.time() - time.perf_counter()  # noqa: TID251  the kubelet's
        yield Stage(cluster=cluster, namespace=namespace, models=models, pods=pods, offset=offset)


def model_of(pod: Body) -> str:
    return str(pod["metadata"]["labels"].get("flagos.io/model", ""))


def begun_in(log: str) -> dict[str, float]:
    """When the line was written that each step begins with."""
    told = list(lines(log))
    found = {each.name: told[each.number - 1] for each in begun(line.text for line in told)}
    return {
        step: line.at.timestamp() + line.nanos / 1e9
        for step, line in found.items()
        if step != READY  # a probe tells that, not the log
    }


def has_reached(step: str, model: Body) -> bool:
    """A step that was over when it was first heard of is told by the one after it."""
    phase = _phase(model)
    return phase in ORDER and ORDER.index(phase) >= ORDER.index(step)


def is_at(step: str, model: Body) -> bool:
    return _phase(model) == step


def _phase(model: Body) -> str:
    return str(model.get("status", {}).get("startup", {}).get("phase", ""))


def is_ready(model: Body) -> bool:
    return ready(model).get("status") == "True"


def ready(model: Body) -> Body:
    conditions = model.get("status", {}).get("conditions", ())
    return next((dict(each) for each in conditions if each["type"] == "Ready"), {})


def first_end(pod: Body) -> float | None:
    """When the server first ended; the kubelet tells whole seconds."""
    return next(_ends(pod), None)


def _ends(pod: Body) -> Iterator[float]:
    for each in pod.get("status", {}).get("containerStatuses", ()):
        for state in (each.get("lastState", {}), each.get("state", {})):
            finished = state.get("terminated", {}).get("finishedAt")
            if finished and each["name"] == "server":  # of a container that was lost it is null
                yield datetime.fromisoformat(finished).timestamp()
