"""All that the tests of faults and the soak share: the crowd, the operator, and the check."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

import aiohttp
import yaml

from flagos_operator.cluster import connection
from flagos_operator.cluster.kinds import MODEL, POD, Kind
from testbed import kwok
from tests.account import the_charts_account
from tests.bench.cluster import DEFINITION, Body, Cluster, a_namespace, connected, defined
from tests.bench.waiting import until
from tests.faults import control_plane, crowd, invariants, storm
from tests.faults.control_plane import ControlPlane
from tests.faults.crowd import CHILDREN, Look, model_of
from tests.faults.invariants import Before
from tests.faults.operators import Launcher, Running
from tests.faults.proxy import Proxy, proxying
from tests.kube import run

ALIVE = 240.0
SETTLED = 120.0
QUIET = 2  # looks in a row, a second apart, that find the same
MORE_FILES, MORE_THREADS, MORE_MEMORY = 40, 24, 1.6
OPERATORS = "/apis/apps/v1/deployments?labelSelector=app.kubernetes.io/name%3Dflagos-operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Of the operator's process."""

    files: int
    threads: int
    memory: float  # MiB

    def __str__(self) -> str:
        return f"{self.memory:.0f} MiB, {self.files} files, {self.threads} threads"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How an operator is started."""

    proxied: bool = False
    hours_off: int = 0


@dataclass(slots=True, kw_only=True)
class World:
    cluster: Cluster
    plane: ControlPlane
    proxy: Proxy
    launcher: Launcher
    namespace: str
    dice: Random
    before: Before = field(default_factory=lambda: Before(models=frozenset(), pods={}))
    guests: list[str] = field(default_factory=list)  # that came in a storm and are still there
    operator: Running | None = None
    way: Way = field(default_factory=Way)
    unused: bool = False  # the operator has looked at all since it began, and nothing has happened
    size: Size | None = None  # as it was when the crowd had come alive

    async def look(self) -> Look:
        return await crowd.look(self.cluster, self.namespace)

    async def use(self, *, proxied: bool = False, hours_off: int = 0) -> Running:
        """The operator from now on, in the place of the one before."""
        way = Way(proxied=proxied, hours_off=hours_off)
        stays = self.operator if self.unused and way == self.way else None
        self.unused = False
        return stays or await self._start(way)

    async def _start(self, way: Way) -> Running:
        if self.operator:
            await self.operator.stop()
        kubeconfig = self.launcher.proxied if way.proxied else self.launcher.direct
        self.way = way
        self.operator = await self.launcher.start(kubeconfig=kubeconfig, hours_off=way.hours_off)
        await until(self.operator.known.is_ready, within=60)
        return self.operator

    async def replace_killed(self) -> None:
        """By one that may be killed before it has looked round."""
        assert self.operator
        await self.operator.kill()
        self.way, self.unused = Way(), False
        self.operator = await self.launcher.start()

    @contextlib.asynccontextmanager
    async def raging(self) -> AsyncIterator[storm.Storm]:
        """Edits of all kinds meanwhile; afterwards nobody writes."""
        names = tuple(sorted(self.before.models))
        wild = storm.Storm(
            cluster=self.cluster,
            namespace=self.namespace,
            dice=self.dice,
            names=names,
            guests=self.guests,
        )
        async with storm.raging(wild):
            yield wild

    async def settle(self, *, within: float = SETTLED) -> Look:
        """Until nothing moves and all is well; what is wrong at last is the failure."""
        deadline, last, same, wrong = time.monotonic() + within, None, 0, ["nobody has looked"]
        while wrong and time.monotonic() < deadline:
            waits = await self._unfinished()  # before the look: what such a pass writes is seen
            found = await self.look()
            versions = found.versions(*crowd.KINDS)
            same = same + 1 if versions == last else 0
            last = versions
            if same >= QUIET:
                wrong = await asyncio.to_thread(invariants.broken, found, self.before)
                wrong += waits
            await asyncio.sleep(1.0 if wrong else 0.0)
        assert not wrong, f"after {within:.0f} s: {invariants.told(wrong)}"
        return found

    async def _unfinished(self) -> list[str]:
        """All can look well while a pass that failed waits to be made again."""
        assert self.operator
        if not await self.operator.known.is_ready():
            return ["the operator has not looked round"]
        retrying = (await self.operator.known.read()).retrying
        return [f"{retrying:.0f} models wait for another pass"] if retrying else []

    async def check(self, *, within: float = SETTLED) -> Size:
        """All is as a fresh operator would have it: in the words of its code, and in its deeds.

        That one is there from now on. The size is that of the one which has been through it all.
        """
        settled = await self.settle(within=within)
        weighed = self._weigh()
        await self._ask_a_fresh_one(settled)
        return weighed

    async def _ask_a_fresh_one(self, settled: Look) -> None:
        fresh = await self._start(Way(proxied=self.way.proxied))
        await fresh.known.reconciled(len(settled.all(MODEL)))
        calls = (await fresh.known.read()).calls
        found = await self.look()
        news = {
            (MODEL.name, model_of(found.all(POD)[name])) for name in moved(settled, found, POD)
        }
        changed = {
            (kind.name, name)
            for kind in (MODEL, *CHILDREN)
            for name in moved(settled, found, kind)
            if (kind.name, name) not in news  # of its pod: the scheduler has found other words
        }
        assert not changed, f"a fresh operator changed {sorted(changed)[:9]}; it made {calls}"
        self.unused = True

    def _weigh(self) -> Size:
        """Nothing piles up in the process, whatever it went through."""
        assert self.operator
        now = size_of(self.operator)
        first = self.size = self.size or now
        assert now.files <= first.files + MORE_FILES, f"{first} at first, {now} now"
        assert now.threads <= first.threads + MORE_THREADS, f"{first} at first, {now} now"
        assert now.memory <= first.memory * MORE_MEMORY, f"{first} at first, {now} now"
        return now


def moved(before: Look, after: Look, kind: Kind) -> set[str]:
    """The names of what is there and has another version than before."""
    changed = after.versions(kind).items() - before.versions(kind).items()
    return {name for (_, name), _ in changed}


def size_of(operator: Running) -> Size:
    return Size(
        files=operator.open_files(), threads=operator.threads(), memory=operator.known.rss_mib()
    )


@contextlib.asynccontextmanager
async def a_world(
    *, folder: Path, seed: int, size: int = crowd.SIZE, log: Path | None = None
) -> AsyncIterator[World]:
    """A crowd that is alive and well, and an operator that made it so."""
    plane = control_plane.own()
    dice = Random(seed)  # noqa: S311  no secret: it has to be possible to roll it again
    async with contextlib.AsyncExitStack() as life:
        enter = life.enter_async_context
        cluster = await enter(connected())
        await no_other_operator(cluster)
        await enter(defined(cluster))
        # One that an older run left behind has not all fields.
        run("kubectl", "apply", "--server-side", "--force-conflicts", "-f", str(DEFINITION))
        await enter(control_plane.with_kwok(plane))
        await enter(lent(cluster, crowd.NODE_PATH, map(kwok.node, crowd.NODES)))
        system = f"faults-system-{os.getpid()}"
        account = life.enter_context(the_charts_account(system, kubeconfig=folder / "direct.yaml"))
        proxy = await enter(a_proxy(account, dice=dice))
        namespace = await enter(a_namespace(cluster, "faults"))
        models = tuple(crowd.models(namespace, size=size))
        await enter(lent(cluster, crowd.VOLUME_PATH, crowd.volumes(models)))
        launcher = Launcher(
            direct=account,
            proxied=write_proxied(account, proxy.url),
            namespace=system,
            log=log or folder / "operator.log",
            session=await enter(aiohttp.ClientSession()),
        )
        world = World(
            cluster=cluster,
            plane=plane,
            proxy=proxy,
            launcher=launcher,
            namespace=namespace,
            dice=dice,
        )
        life.push_async_callback(end, world)
        await begin(world, models)
        yield world


async def begin(world: World, models: Sequence[Body]) -> None:
    await world.use()
    await crowd.create_all(world.cluster, list(models))
    found = await world.settle(within=ALIVE)
    world.before = Before(models=frozenset(found.all(MODEL)), pods=found.pods_by_model())


async def end(world: World) -> None:
    if world.operator:
        await world.operator.kill()


async def no_other_operator(cluster: Cluster) -> None:
    found = (await cluster.call("GET", OPERATORS))["items"]
    assert not found, "helm uninstall the operator of this cluster first: two would do the work"


@contextlib.asynccontextmanager
async def lent(cluster: Cluster, path: str, bodies: Iterable[Body]) -> AsyncIterator[None]:
    """Objects of the whole cluster, which no namespace takes with it."""
    made = [await cluster.call("POST", path, body) for body in bodies]
    try:
        yield
    finally:
        for body in made:
            await cluster.call("DELETE", f"{path}/{body['metadata']['name']}")


@contextlib.asynccontextmanager
async def a_proxy(account: Path, *, dice: Random) -> AsyncIterator[Proxy]:
    found = await connection.describe(await connection.load({"KUBECONFIG": str(account)}))
    assert found.ca_file
    async with proxying(found.server, ca_file=found.ca_file, dice=dice) as proxy:
        await until(partial(_answers, proxy), within=10)
        yield proxy


async def _answers(proxy: Proxy) -> bool:
    async with proxy.upstream.get("/readyz") as answer:
        return answer.status < 500


def write_proxied(account: Path, url: str) -> Path:
    config = yaml.safe_load(account.read_text())
    config["clusters"] = [{"name": config["clusters"][0]["name"], "cluster": {"server": url}}]
    path = account.with_name("proxied.yaml")
    path.write_text(yaml.safe_dump(config))
    return path
