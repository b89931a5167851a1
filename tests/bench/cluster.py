"""The cluster's side of a measure: a bare JSON client, and watches that note when they saw it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import yaml

from flagos_operator.cluster import connection
from flagos_operator.cluster.kinds import Kind
from tests.bench.waiting import until

Body = dict[str, Any]
Accepts = Callable[[Body], bool]

JSON = "application/json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
DEFINITION = Path(__file__).parents[2] / "crds" / "flagosmodels.yaml"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAMESPACES = "/api/v1/namespaces"
_LONGEST_LINE = 4 * 2**20  # aiohttp refuses lines that are longer than twice its buffer


class RefusedError(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:300]}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Cluster:
    session: aiohttp.ClientSession

    async def call(
        self, method: str, path: str, body: Body | bytes | None = None, *, content: str = JSON
    ) -> Body:
        return dict(json.loads(await self._send(method, path, body, content=content)))

    async def text(self, path: str) -> str:
        return (await self._send("GET", path, None, content=JSON)).decode(errors="replace")

    async def _send(
        self, method: str, path: str, body: Body | bytes | None, *, content: str
    ) -> bytes:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {"Content-Type": content, "Accept": JSON}
        async with self.session.request(method, path, data=data, headers=headers) as answer:
            raw = await answer.read()
        if answer.status >= 400:
            raise RefusedError(answer.status, raw.decode(errors="replace"))
        return raw

    async def create(self, kind: Kind, body: Body) -> Body:
        return await self.call("POST", kind.path(body["metadata"]["namespace"]), body)

    async def merge(self, kind: Kind, namespace: str, name: str, change: Body) -> Body:
        return await self.call("PATCH", kind.path(namespace, name), change, content=MERGE)

    async def patch_status(self, kind: Kind, namespace: str, name: str, status: Body) -> Body:
        path = kind.path(namespace, name, "status")
        return await self.call("PATCH", path, {"status": status}, content=STRATEGIC)

    async def apply(self, path: str, body: bytes) -> Body:
        query = urlencode({"fieldManager": "flagos-operator", "force": "true"})
        return await self.call("PATCH", f"{path}?{query}", body, content=APPLY)

    async def items(self, kind: Kind, namespace: str) -> list[Body]:
        return list((await self.call("GET", kind.path(namespace)))["items"])

    async def exists(self, path: str) -> bool:
        try:
            await self.call("GET", path)
        except RefusedError as refused:
            if refused.status == 404:
                return False
            raise
        return True

    async def is_gone(self, path: str) -> bool:
        return not await self.exists(path)


@dataclass(slots=True)
class Sightings:
    """When each object was first seen as wanted; objects are told apart by their names."""

    accepts: Accepts
    times: dict[str, float] = field(default_factory=dict)
    bodies: dict[str, Body] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def look(self, body: Body, *, at: float) -> None:
        name = body["metadata"]["name"]
        if name not in self.times and self.accepts(body):
            self.times[name], self.bodies[name] = at, body
            self.news.set()

    async def of(self, names: Iterable[str], *, within: float) -> dict[str, float]:
        wanted = set(names)
        try:
            async with asyncio.timeout(within):
                while not wanted <= self.times.keys():
                    self.news.clear()
                    await self.news.wait()
        except TimeoutError:
            missing = sorted(wanted - self.times.keys())
            raise TimeoutError(f"after {within:.0f} s still missing: {missing[:3]}...") from None
        return self.times


@dataclass(slots=True)
class Watch:
    kind: Kind
    writes: Counter[str] = field(default_factory=Counter)  # by name; each is a new version
    last: float = 0.0
    _open: list[Sightings] = field(default_factory=list)

    @contextlib.contextmanager
    def sightings(self, accepts: Accepts) -> Iterator[Sightings]:
        found = Sightings(accepts)
        self._open.append(found)
        try:
            yield found
        finally:
            self._open.remove(found)

    def tell(self, line: bytes) -> None:
        event, at = json.loads(line), time.perf_counter()
        if event["type"] == "ERROR":
            raise RuntimeError(f"the watch of {self.kind.plural} broke: {event['object']}")
        self.last = at
        self.writes[event["object"]["metadata"]["name"]] += 1
        for each in self._open:
            each.look(event["object"], at=at)


@contextlib.asynccontextmanager
async def watching(cluster: Cluster, kind: Kind, namespace: str) -> AsyncIterator[Watch]:
    version = (await cluster.call("GET", kind.path(namespace) + "?limit=1"))["metadata"]
    query = {"watch": "true", "resourceVersion": version["resourceVersion"]}
    watch = Watch(kind)
    url = f"{kind.path(namespace)}?{urlencode(query)}&timeoutSeconds=3600"
    forever = aiohttp.ClientTimeout(total=None, sock_read=None)
    async with cluster.session.get(url, timeout=forever, read_bufsize=_LONGEST_LINE) as stream:
        following = asyncio.create_task(_follow(stream, watch))
        try:
            yield watch
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def _follow(stream: aiohttp.ClientResponse, watch: Watch) -> None:
    async for line in stream.content:
        watch.tell(line)


async def quiet(*watches: Watch, seconds: float = 5.0) -> None:
    """Until nothing was written for a while."""
    since = time.perf_counter()

    async def is_quiet() -> bool:
        last = max(since, *(watch.last for watch in watches))
        return time.perf_counter() - last >= seconds

    await until(is_quiet, within=600, every=0.2)


@contextlib.asynccontextmanager
async def connected(environment: Mapping[str, str] = os.environ) -> AsyncIterator[Cluster]:
    found = await connection.describe(await connection.load(environment))
    context = ssl.create_default_context(cafile=found.ca_file)
    if found.certificate_file:
        context.load_cert_chain(found.certificate_file, found.key_file)
    headers = {"Authorization": f"{found.scheme} {found.token}"} if found.token else {}
    async with aiohttp.ClientSession(
        found.server,
        headers=headers,
        connector=aiohttp.TCPConnector(ssl=context, limit=200),
        timeout=aiohttp.ClientTimeout(total=120),
    ) as session:
        yield Cluster(session)


@contextlib.asynccontextmanager
async def defined(cluster: Cluster) -> AsyncIterator[None]:
    """The definition is lent where the cluster has none, and taken back."""
    body = yaml.safe_load(DEFINITION.read_text())
    path = f"{DEFINITIONS}/{body['metadata']['name']}"
    if await cluster.exists(path):
        yield
        return
    await cluster.call("POST", DEFINITIONS, body)
    try:
        served = partial(cluster.exists, "/apis/flagos.io/v1alpha1/flagosmodels")
        await until(served, within=60)
        yield
    finally:
        await cluster.call("DELETE", path)


@contextlib.asynccontextmanager
async def a_namespace(cluster: Cluster, name: str) -> AsyncIterator[str]:
    """Gone at the end, with all that is in it: the next measure begins in peace."""
    name = f"{name}-{os.getpid()}"  # that of a run before may still be on its way out
    path = f"{NAMESPACES}/{name}"
    await cluster.call("POST", NAMESPACES, {"metadata": {"name": name}})
    try:
        yield name
    finally:
        await cluster.call("DELETE", path)
        await until(partial(cluster.is_gone, path), within=600, every=0.5)
