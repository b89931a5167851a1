"""The HTTP face of the fake API, with a log of all that was asked and with faults on demand."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.loop.fakekube import logs, merging
from tests.loop.fakekube.faults import Fault
from tests.loop.fakekube.kinds import BY_KIND, BY_PLURAL, SERVED, Served
from tests.loop.fakekube.storage import Body, Change, Id, Refused, Storage, id_of, matches

APPLY, MERGE = "application/apply-patch+yaml", "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    status: int
    wrote: bool  # a version moved by it
    token: str  # whose request it was

    @property
    def is_write(self) -> bool:
        return self.method != "GET"


@dataclass(slots=True)
class FakeKube:
    storage: Storage = field(default_factory=Storage)
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    logs: dict[tuple[str, str], str] = field(default_factory=dict)
    url: str = ""
    defines_rows: bool = False  # whether the definitions of chips and releases are installed
    _watches: dict[asyncio.Queue[Body | None], str] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[FakeKube]:
        app = web.Application(middlewares=[self._recorded])
        app.router.add_get("/api", self._core_versions)
        app.router.add_get("/apis", self._groups)
        app.router.add_get("/api/{version}", self._resources)
        app.router.add_get("/apis/{group}/{version}", self._resources)
        for root in ("/api/{version}", "/apis/{group}/{version}"):
            scoped = f"{root}/namespaces/{{namespace}}/{{plural}}"
            app.router.add_get(f"{root}/{{plural}}", self._list_or_watch)
            app.router.add_get(scoped, self._list_or_watch)
            app.router.add_post(scoped, self._create)
            named = (f"{root}/{{plural}}/{{name}}", f"{scoped}/{{name}}")
            for path in (*named, f"{scoped}/{{name}}/{{subresource}}"):
                app.router.add_get(path, self._get)
                app.router.add_patch(path, self._patch)
                app.router.add_delete(path, self._delete)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            self.break_watches()
            await runner.cleanup()

    # What a test does from outside, as kubectl or a controller would.

    def create(self, body: Body) -> Body:
        return self.storage.create(BY_KIND[body["kind"]], body)

    def patch(self, kind: str, name: str, patch: Body, *, namespace: str = "default") -> Body:
        subresource = "status" if set(patch) == {"status"} and kind == "FlagOSModel" else ""
        id = Id(BY_KIND[kind].plural, namespace, name)
        return self.storage.patch(id, patch, subresource=subresource)

    def delete(self, kind: str, name: str, *, namespace: str = "default") -> None:
        self.storage.delete(Id(BY_KIND[kind].plural, namespace, name))

    def find(self, kind: str, name: str, *, namespace: str = "default") -> Body | None:
        return self.storage.objects.get(Id(BY_KIND[kind].plural, namespace, name))

    def all(self, kind: str) -> list[Body]:
        return [b for id, b in self.storage.objects.items() if id.plural == BY_KIND[kind].plural]

    def put(self, body: Body) -> Body:
        """Create or replace whole, as a controller of Kubernetes does."""
        id = id_of(body)
        return self.storage.replace(id, body) if id in self.storage.objects else self.create(body)

    def writes(self, part: str = "") -> list[Request]:
        return [each for each in self.requests if each.wrote and part in each.path]

    def asked(self, method: str, part: str = "") -> list[Request]:
        return [r for r in self.requests if r.method == method and part in r.path]

    def break_watches(self, error: Body | None = None, *, of: str = "") -> None:
        """End every stream, or those of one kind, after an ERROR event if one is given."""
        for queue, plural in self._watches.items():
            if of not in ("", plural):
                continue
            if error:
                queue.put_nowait({"type": "ERROR", "object": error})
            queue.put_nowait(None)

    # Serving

    @web.middleware
    async def _recorded(self, request: web.Request, handler: Any) -> web.StreamResponse:
        before = self.storage.version
        # The log of a watch is written when it begins.
        if request.query.get("watch"):
            self._record(request, 200, wrote=False)
            return await self._faulty(request, handler)
        try:
            response = await self._faulty(request, handler)
        except Refused as refused:
            causes = tuple({"field": field} for field in refused.fields)
            response = _status(refused.code, refused.reason, str(refused), causes=causes)
        self._record(
            request,
            response.status,
            wrote=self.storage.version != before and request.method != "GET",
        )
        return response

    def _record(self, request: web.Request, status: int, *, wrote: bool) -> None:
        self.requests.append(
            Request(
                method=request.method,
                path=request.path,
                query=dict(request.query),
                status=status,
                wrote=wrote,
                token=request.headers.get("Authorization", "").removeprefix("Bearer "),
            )
        )

    async def _faulty(self, request: web.Request, handler: Any) -> web.StreamResponse:
        fault = next((f for f in self.faults if f.meets(request.method, request.path_qs)), None)
        if fault is None:
            return await handler(request)
        fault.met += 1
        await asyncio.sleep(fault.delay)
        if fault.after:
            await handler(request)
        if fault.drop:
            return _cut(request)
        if not fault.status:
            return await handler(request)
        headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after else {}
        return _status(
            fault.status, fault.reason, fault.message, headers=headers, causes=fault.causes
        )

    async def _core_versions(self, _: web.Request) -> web.Response:
        return web.json_response({"kind": "APIVersions", "versions": ["v1"]})

    async def _groups(self, _: web.Request) -> web.Response:
        found = {each.group: each.version for each in SERVED if each.group}
        groups = [
            {
                "name": group,
                "versions": [{"groupVersion": f"{group}/{version}", "version": version}],
                "preferredVersion": {"groupVersion": f"{group}/{version}", "version": version},
            }
            for group, version in found.items()
        ]
        return web.json_response({"kind": "APIGroupList", "groups": groups})

    async def _resources(self, request: web.Request) -> web.Response:
        group = request.match_info.get("group", "")
        verbs = ["get", "list", "watch", "create", "patch", "delete"]
        resources = [
            {
                "name": each.plural,
                "singularName": each.kind.lower(),
                "kind": each.kind,
                "namespaced": each.namespaced,
                "verbs": verbs,
            }
            for each in SERVED
            if each.group == group and self._defines(each)
        ]
        if not group:
            # Never asked for, but kopf waits until it has seen that it exists.
            resources.append(
                {"name": "namespaces", "singularName": "namespace", "kind": "Namespace"}
                | {"namespaced": False, "verbs": verbs}
            )
        return web.json_response({"kind": "APIResourceList", "resources": resources})

    async def _list_or_watch(self, request: web.Request) -> web.StreamResponse:
        kind = self._kind(request)
        namespace = request.match_info.get("namespace", "")
        if request.query.get("watch"):
            return await self._watch(request, kind, namespace)
        return self._list(request, kind, namespace)

    def _list(self, request: web.Request, kind: Served, namespace: str) -> web.Response:
        """Chunks of one moment: the token carries its version, compaction makes it too old."""
        start, version = 0, self.storage.version
        if token := request.query.get("continue"):
            start, version = json.loads(base64.urlsafe_b64decode(token))
            if version < self.storage.oldest:
                raise Refused(410, "Expired", "The provided continue parameter is too old")
        selector = request.query.get("labelSelector", "")
        items = [
            body
            for id, body in sorted(self.storage.objects.items())
            if id.plural == kind.plural
            and namespace in ("", id.namespace)
            and matches(body, selector)
            and selected(body, request.query.get("fieldSelector", ""))
        ]
        limit = int(request.query.get("limit") or 0) or len(items) or 1
        meta = {"resourceVersion": str(version)}
        if start + limit < len(items):
            token = base64.urlsafe_b64encode(json.dumps([start + limit, version]).encode())
            meta["continue"] = token.decode()
        return web.json_response(
            {
                "apiVersion": kind.api_version,
                "kind": f"{kind.kind}List",
                "metadata": meta,
                "items": [
                    {n: v for n, v in each.items() if n not in ("apiVersion", "kind")}
                    for each in items[start : start + limit]
                ],
            }
        )

    async def _watch(
        self, request: web.Request, kind: Served, namespace: str
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        queue: asyncio.Queue[Body | None] = asyncio.Queue()
        self._watches[queue] = kind.plural
        feeder = asyncio.create_task(self._feed(queue, request, kind, namespace))
        try:
            while event := await queue.get():
                await response.write(json.dumps(event).encode() + b"\n")
        except ConnectionError:
            pass
        finally:
            feeder.cancel()
            del self._watches[queue]
        return response

    async def _feed(
        self, queue: asyncio.Queue[Body | None], request: web.Request, kind: Served, namespace: str
    ) -> None:
        selector = request.query.get("labelSelector", "")
        version = int(request.query.get("resourceVersion") or self.storage.version)
        if version < self.storage.oldest:
            error = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
            queue.put_nowait({"type": "ERROR", "object": error})
            queue.put_nowait(None)
            return
        while True:
            for change in list(self.storage.since(version, kind.plural)):
                version = change.version
                if namespace in ("", change.id.namespace) and (event := _seen(change, selector)):
                    queue.put_nowait(event)
            async with self.storage.news:
                if not list(self.storage.since(version, kind.plural)):
                    await self.storage.news.wait()

    async def _create(self, request: web.Request) -> web.Response:
        kind, body = self._kind(request), await request.json()
        body["metadata"]["namespace"] = request.match_info["namespace"]
        return web.json_response(self.storage.create(kind, body), status=201)

    async def _get(self, request: web.Request) -> web.Response:
        if request.match_info.get("subresource") == "log":
            wanted = (request.match_info["name"], request.query["container"])
            return web.Response(body=logs.answer(self.logs.get(wanted, ""), request.query))
        return web.json_response(self.storage.get(_id(request)))

    async def _patch(self, request: web.Request) -> web.Response:
        body, id = json.loads(await request.read()), _id(request)
        subresource = request.match_info.get("subresource", "")
        if subresource == "scale":
            return web.json_response(self.storage.patch(id, {"spec": body["spec"]}))
        if request.content_type == MERGE:
            return web.json_response(self.storage.patch(id, body, subresource=subresource))
        if request.content_type == STRATEGIC:
            return web.json_response(self.storage.patch(id, body, merge=merging.strategic))
        assert request.content_type == APPLY, request.content_type
        known = id in self.storage.objects
        manager = request.query["fieldManager"]
        if request.query.get("dryRun") == "All":
            tried = self.storage.dry_run(self._kind(request), id, body, manager=manager)
            return web.json_response(tried, status=200 if known else 201)
        found = self.storage.apply(
            self._kind(request),
            id,
            body,
            manager=manager,
            subresource=subresource,
            force=request.query.get("force") == "true",
        )
        return web.json_response(found, status=200 if known else 201)

    async def _delete(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else {}
        uid = body.get("preconditions", {}).get("uid")
        return web.json_response(self.storage.delete(_id(request), uid=uid))

    def _kind(self, request: web.Request) -> Served:
        found = BY_PLURAL.get(request.match_info["plural"])
        if found is None or not self._defines(found):
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        return found

    def _defines(self, kind: Served) -> bool:
        return self.defines_rows or kind.namespaced


FIELDS = {
    "involvedObject.uid": lambda body: body.get("involvedObject", {}).get("uid", ""),
    "type": lambda body: body.get("type", ""),
    "spec.nodeName": lambda body: body.get("spec", {}).get("nodeName", ""),
    "status.phase": lambda body: body.get("status", {}).get("phase", "Pending"),
}


def selected(body: Body, selector: str) -> bool:
    """As the API server has them for pods and Events: `name=value` and `name!=value`."""
    for part in filter(None, selector.split(",")):
        name, _, value = part.partition("=")
        if (FIELDS[name.rstrip("!")](body) == value) == name.endswith("!"):
            return False
    return True


def _id(request: web.Request) -> Id:
    found = request.match_info
    return Id(found["plural"], found.get("namespace", ""), found["name"])


def _seen(change: Change, selector: str) -> Body | None:
    """As a watch with a selector sees it: moving in is an ADDED, moving out a DELETED."""
    before, after = matches(change.before, selector), matches(change.body, selector)
    if change.type == "DELETED":
        return {"type": "DELETED", "object": change.body} if before else None
    if after:
        return {"type": "MODIFIED" if before else "ADDED", "object": change.body}
    return {"type": "DELETED", "object": change.body} if before else None


def _cut(request: web.Request) -> web.Response:
    """Nothing was done and nobody is told: the answer goes to a connection that is gone."""
    assert request.transport
    request.transport.abort()
    return web.Response()


def _status(
    code: int,
    reason: str,
    message: str,
    *,
    headers: dict[str, str] | None = None,
    causes: tuple[dict[str, str], ...] = (),
) -> web.Response:
    body = {
        "kind": "Status",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
        "details": {"causes": list(causes)},
    }
    return web.json_response(body, status=code, headers=headers)
