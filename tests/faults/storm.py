"""Edits from several sides at once, none of which may roll a pod; seeded, so that it can recur."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

import aiohttp

from flagos_operator.cluster.kinds import CONFIG_MAP, DEPLOYMENT, MODEL, SERVICE, Kind
from tests.bench.cluster import Body, Cluster, RefusedError
from tests.faults import crowd

WRITERS = 4
_NUMBERS = itertools.count()
PACE = 0.15  # seconds between two edits of one writer
LOST = (RefusedError, aiohttp.ClientError, OSError, TimeoutError)


@dataclass(slots=True, kw_only=True)
class Storm:
    cluster: Cluster
    namespace: str
    dice: Random
    names: tuple[str, ...]
    guests: list[str]
    done: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self) -> None:
        """One writer. What the API server does not take is lost: nobody was promised anything."""
        while not self._over.is_set():
            edit = self.dice.choice(EDITS)
            try:
                async with asyncio.timeout(20):
                    await edit(self, self.dice.choice(self.names))
                self.done[edit.__name__] += 1
            except LOST:
                self.refused += 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PACE * 2 * self.dice.random()):
                    await self._over.wait()

    def end(self) -> None:
        self._over.set()

    async def annotate(self, name: str) -> None:
        await self._edit(name, {"service": {"annotations": {"example.com/n": self._number()}}})

    async def tell_the_download(self, name: str) -> None:
        """Goes to the ConfigMap that a failing download reads again."""
        body = await self.cluster.call("GET", MODEL.path(self.namespace, name))
        if crowd.is_downloaded(body):
            await self._edit(name, {"fetch": {"env": [{"name": "N", "value": self._number()}]}})

    async def scale(self, name: str) -> None:
        if name.startswith("scaled"):
            await self._edit(name, {"replicas": self.dice.randrange(3)})

    async def suspend(self, name: str) -> None:
        if name.startswith("scaled"):
            await self._edit(name, {"suspend": self.dice.random() < 0.5})

    async def scale_the_deployment(self, name: str) -> None:
        """By somebody who does not know whose it is."""
        if name.startswith("scaled"):
            replicas = self.dice.randrange(3)
            await self._harm(DEPLOYMENT, name, {"spec": {"replicas": replicas}})

    async def turn_the_service(self, name: str) -> None:
        await self._harm(SERVICE, name, {"spec": {"selector": {"example.com/other": "yes"}}})

    async def unlabel_the_service(self, name: str) -> None:
        label = self.dice.choice(["flagos.io/model", "app.kubernetes.io/managed-by"])
        await self._harm(SERVICE, name, {"metadata": {"labels": {label: None}}})

    async def remove_the_service(self, name: str) -> None:
        await self.cluster.call("DELETE", SERVICE.path(self.namespace, name))

    async def remove_the_configmap(self, name: str) -> None:
        await self.cluster.call("DELETE", CONFIG_MAP.path(self.namespace, f"{name}-fetch"))

    async def come(self, _: str) -> None:
        shape = self.dice.choice([crowd.IN_PLACE, crowd.DOWNLOADED])
        name = f"guest-{next(_NUMBERS)}"
        await self.cluster.create(
            MODEL, crowd.a_model(name, namespace=self.namespace, shape=shape)
        )
        self.guests.append(name)

    async def go(self, _: str) -> None:
        """Not under a name that comes again.

        Kubernetes' own collector takes the return of a name for an edit if it cannot watch just
        then, and never collects what the one before has left.
        """
        if self.guests:
            name = self.guests.pop(self.dice.randrange(len(self.guests)))
            policy = self.dice.choice(["Background", "Foreground"])
            path = MODEL.path(self.namespace, name)
            await self.cluster.call("DELETE", path, {"propagationPolicy": policy})

    async def _edit(self, name: str, spec: Body) -> None:
        await self.cluster.merge(MODEL, self.namespace, name, {"spec": spec})

    async def _harm(self, kind: Kind, name: str, change: Body) -> None:
        await self.cluster.merge(kind, self.namespace, name, change)

    def _number(self) -> str:
        return str(self.dice.randrange(10**6))


Edit = Callable[[Storm, str], Awaitable[None]]
# What users do is twice as likely as what somebody breaks.
_USERS: tuple[Edit, ...] = (
    Storm.annotate,
    Storm.tell_the_download,
    Storm.scale,
    Storm.suspend,
    Storm.come,
    Storm.go,
)
EDITS: tuple[Edit, ...] = (
    *_USERS,
    *_USERS,
    Storm.scale_the_deployment,
    Storm.turn_the_service,
    Storm.unlabel_the_service,
    Storm.remove_the_service,
    Storm.remove_the_configmap,
)


@contextlib.asynccontextmanager
async def raging(storm: Storm) -> AsyncIterator[Storm]:
    async with asyncio.TaskGroup() as group:
        for _ in range(WRITERS):
            group.create_task(storm.write())
        try:
            yield storm
        finally:
            storm.end()
