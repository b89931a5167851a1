"""A reverse proxy before the real API server that fails on purpose: faults are data.

The operator speaks plain HTTP to it and is whoever its token says; what arrives at the server is
what the operator sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp
from aiohttp import web

# Of one connection, or made anew for each.
HOP_BY_HOP = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})
LARGEST_BODY = 64 * 2**20
GONE = {"code": 410, "reason": "Expired", "message": "too old resource version"}
LEADER_CHANGED = {"code": 500, "reason": "InternalError", "message": "etcd leader changed"}


@dataclass(slots=True, kw_only=True)
class Fault:
    """Meets a share of the requests of some methods and paths; watches are cut, not refused.

    Without a status the request is only late. With `lost` it is carried out, and the connection
    breaks before the answer.
    """

    methods: tuple[str, ...] = ()
    path: str = ""
    share: float = 1.0
    status: int = 0
    reason: str = "Injected"
    retry_after: int = 0
    delay: float = 0.0
    lost: bool = False
    met: int = field(default=0, init=False)

    def meets(self, request: web.Request, dice: Random) -> bool:
        asked = (not self.methods or request.method in self.methods) and re.search(
            self.path, request.path
        )
        if not asked or dice.random() >= self.share:
            return False
        self.met += 1
        return True

    def answer(self) -> web.Response:
        body = {
            "apiVersion": "v1",
            "kind": "Status",
            "status": "Failure",
            "code": self.status,
            "reason": self.reason,
            "message": "this failure was asked for",
        }
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after else {}
        return web.json_response(body, status=self.status, headers=headers)


@dataclass(slots=True, kw_only=True, eq=False)
class Stream:
    """A watch that is open; `last_words` goes out before its end, and None is no clean end."""

    relay: asyncio.Task[None]
    last_words: bytes | None = b""

    def cut(self, last_words: bytes | None) -> None:
        self.last_words = last_words
        self.relay.cancel()


@dataclass(slots=True, kw_only=True)
class Proxy:
    upstream: aiohttp.ClientSession
    dice: Random
    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    streams: set[Stream] = field(default_factory=set)
    _flowing: asyncio.Event = field(default_factory=asyncio.Event)

    @contextlib.asynccontextmanager
    async def failing(self, *faults: Fault) -> AsyncIterator[None]:
        self.faults.extend(faults)
        try:
            yield
        finally:
            for fault in faults:
                self.faults.remove(fault)

    @contextlib.asynccontextmanager
    async def silent(self) -> AsyncIterator[None]:
        """Watches stay open and tell nothing; at the end they break."""
        self._flowing.clear()
        try:
            yield
        finally:
            self.break_watches()
            self._flowing.set()

    def break_watches(self) -> int:
        """As when a load balancer goes away."""
        return self._cut(None)

    def end_watches(self, status: dict[str, Any] | None = None) -> int:
        """In order, with an ERROR event before the end if there is something to say."""
        event = {
            "type": "ERROR",
            "object": {"kind": "Status", "status": "Failure", **(status or {})},
        }
        return self._cut(json.dumps(event).encode() + b"\n" if status else b"")

    def _cut(self, last_words: bytes | None) -> int:
        cut = list(self.streams)
        for stream in cut:
            stream.cut(last_words)
        return len(cut)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            return await self._watch(request)
        fault = next((each for each in self.faults if each.meets(request, self.dice)), None)
        if fault:
            await asyncio.sleep(fault.delay)
            if fault.status:
                return fault.answer()
        answer = await self._ask(request)
        return _broken(request) if answer is None or (fault and fault.lost) else answer

    async def _ask(self, request: web.Request) -> web.Response | None:
        try:
            async with self._sent(request, await request.read()) as answer:
                return web.Response(
                    status=answer.status, headers=_passed_on(answer), body=await answer.read()
                )
        except (aiohttp.ClientError, OSError):
            return None  # there is no server, and nobody says so in HTTP

    def _sent(self, request: web.Request, body: bytes) -> Any:
        headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP}
        return self.upstream.request(
            request.method, request.raw_path, headers=headers, data=body or None
        )

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        try:
            async with self._sent(request, b"") as answer:
                return await self._relayed(request, answer)
        except (aiohttp.ClientError, OSError):
            return _broken(request)

    async def _relayed(
        self, request: web.Request, answer: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        told = web.StreamResponse(status=answer.status, headers=_passed_on(answer))
        told.enable_chunked_encoding()
        await told.prepare(request)
        stream = Stream(relay=asyncio.create_task(self._relay(answer, told)))
        self.streams.add(stream)
        try:
            await asyncio.wait([stream.relay])
        finally:
            stream.relay.cancel()
            self.streams.discard(stream)
            (end,) = await asyncio.gather(stream.relay, return_exceptions=True)
        if stream.last_words is None or isinstance(end, Exception):
            return _broken(request, told)
        await told.write(stream.last_words)
        await told.write_eof()
        return told

    async def _relay(self, answer: aiohttp.ClientResponse, told: web.StreamResponse) -> None:
        """Line by line, so that a cut is between two events."""
        async for line in answer.content:
            await self._flowing.wait()
            await told.write(line)


def _passed_on(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {k: v for k, v in answer.headers.items() if k.lower() not in HOP_BY_HOP}


def _broken(request: web.Request, told: web.StreamResponse | None = None) -> web.StreamResponse:
    if request.transport:
        request.transport.abort()
    return told or web.Response(status=502)


@contextlib.asynccontextmanager
async def proxying(server: str, *, ca_file: str, dice: Random) -> AsyncIterator[Proxy]:
    trust = ssl.create_default_context(cafile=ca_file)
    session = aiohttp.ClientSession(
        server,
        connector=aiohttp.TCPConnector(ssl=trust, limit=0),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        read_bufsize=4 * 2**20,  # a line of a watch is an object
    )
    async with session:
        proxy = Proxy(upstream=session, dice=dice)
        proxy._flowing.set()
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", proxy.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield proxy
        finally:
            await runner.cleanup()
