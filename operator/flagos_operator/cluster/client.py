"""Verbs of the Kubernetes API with plain dicts, over the official client's transport.

The generated models are passed by on purpose: parsing a list of pods into them costs ten times
what `json.loads` does and blocks the event loop meanwhile. Retrying belongs to the work queue;
here a call is made once, or not at all while the API server has asked for a pause.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration

from flagos_operator.cluster import connection
from flagos_operator.cluster.kinds import EVENT, MODEL, POD, Key, Kind, Resource
from flagos_operator.errors import NotLeading, Throttled, Unauthorized, Unreachable, api_error

if TYPE_CHECKING:
    from flagos_operator.cluster.connection import Connection
    from flagos_operator.metrics import Metrics

Body = Mapping[str, Any]

FIELD_MANAGER = "flagos-operator"
CHUNK = 100  # objects of a list at a time; parsed, they take far more room than their facts
LOG_BYTES = 64 * 1024
MOST_EVENTS = 50  # of one object; each kind of trouble has one, with a count
_JSON = "application/json"
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"
_SECONDS = 30.0  # for a call, its answer included
_SECONDS_TO_CONNECT = 10.0
_PAUSE = 1.0  # after a 429 that names no time


class Client:
    def __init__(
        self,
        *,
        login: Callable[[], Awaitable[Configuration]],
        metrics: Metrics,
        clock: Callable[[], float],
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        self._login = login
        self._metrics = metrics
        self._clock = clock
        self._may_write = may_write
        self._api: ApiClient | None = None
        self._logging_in = asyncio.Lock()
        self._paused_until = 0.0

    async def connection(self) -> Connection:
        """Fresh credentials for whoever else talks to the API server in this process."""
        return await connection.describe(await self._login())

    async def close(self) -> None:
        if self._api:
            await self._api.close()

    async def get(self, kind: Resource, key: Key) -> dict[str, Any]:
        return _decode(await self._call("get", "GET", kind.path(*key)))

    async def list(
        self, kind: Resource, *, namespace: str, selector: str = "", fields: str = ""
    ) -> AsyncIterator[dict[str, Any]]:
        """Chunks as the server sends them; each is a List of up to CHUNK items."""
        wanted = selector or (kind.selector if isinstance(kind, Kind) else "")
        given = {"limit": str(CHUNK), "labelSelector": wanted, "fieldSelector": fields}
        query = {name: value for name, value in given.items() if value}
        while True:
            chunk = _decode(await self._call("list", "GET", kind.path(namespace), query=query))
            yield chunk
            token = chunk.get("metadata", {}).get("continue")
            if not token:
                return
            query = {**query, "continue": token}

    async def apply(
        self, kind: Resource, manifest: Body, *, force: bool, manager: str = FIELD_MANAGER
    ) -> dict[str, Any]:
        meta = manifest["metadata"]
        path = kind.path(meta.get("namespace", ""), meta["name"])
        return await self._apply("apply", path, manifest, force=force, manager=manager)

    async def dry_run(self, kind: Resource, manifest: Body) -> dict[str, Any]:
        """What an apply would make of the object: admitted and defaulted, and not kept."""
        meta = manifest["metadata"]
        query = {"fieldManager": FIELD_MANAGER, "force": "true", "dryRun": "All"}
        path = kind.path(meta["namespace"], meta["name"])
        raw = await self._call(
            "dry_run", "PATCH", path, query=query, body=manifest, content=_APPLY
        )
        return _decode(raw)

    async def apply_status(self, key: Key, *, uid: str, status: Body) -> dict[str, Any]:
        """`uid` keeps a model that was recreated meanwhile from getting its ancestor's status."""
        body = {
            "apiVersion": MODEL.api_version,
            "kind": MODEL.name,
            "metadata": {"name": key.name, "namespace": key.namespace, "uid": uid},
            "status": status,
        }
        return await self._apply("apply_status", MODEL.path(*key, "status"), body, force=True)

    async def merge(self, kind: Kind, key: Key, patch: Body) -> dict[str, Any]:
        """A merge patch, where an apply would not do: it replaces lists, or is about one field."""
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
        path = kind.path(*key)
        raw = await self._call("merge", "PATCH", path, query=query, body=patch, content=_MERGE)
        return _decode(raw)

    async def merge_lists(self, kind: Kind, key: Key, patch: Body) -> dict[str, Any]:
        """As merge, but of a list with keys only the items that the patch names."""
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
        path = kind.path(*key)
        raw = await self._call("merge", "PATCH", path, query=query, body=patch, content=_STRATEGIC)
        return _decode(raw)

    async def delete(self, kind: Kind, key: Key, *, uid: str) -> None:
        body = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        await self._call("delete", "DELETE", kind.path(*key), body=body)

    async def log_tail(  # noqa: PLR0913
        self,
        pod: Key,
        container: str,
        *,
        previous: bool,
        lines: int,
        limit: int = LOG_BYTES,
        within: float = _SECONDS,
    ) -> str:
        asked = {
            "previous": str(previous).lower(),
            "tailLines": str(lines),
            "limitBytes": str(limit),
        }
        return await self.log(pod, container, asked=asked, within=within)

    async def log(
        self, pod: Key, container: str, *, asked: Mapping[str, str], within: float = _SECONDS
    ) -> str:
        query = {"container": container, **asked}
        raw = await self._call("log", "GET", POD.path(*pod, "log"), query=query, within=within)
        self._metrics.log_bytes.inc(len(raw))
        return raw.decode(errors="replace")

    async def warnings(
        self, namespace: str, *, uid: str, within: float = _SECONDS
    ) -> tuple[dict[str, Any], ...]:
        """Events about one object. The server looks through all of its namespace for them."""
        query = {
            "fieldSelector": f"involvedObject.uid={uid},type=Warning",
            "limit": str(MOST_EVENTS),
        }
        path = EVENT.path(namespace)
        found = _decode(await self._call("events", "GET", path, query=query, within=within))
        return tuple(found.get("items") or ())

    async def create_event(self, event: Body) -> None:
        path = EVENT.path(event["metadata"]["namespace"])
        await self._call("event", "POST", path, body=event)

    async def _apply(
        self,
        verb: str,
        path: str,
        body: Body,
        *,
        force: bool,
        manager: str = FIELD_MANAGER,
    ) -> dict[str, Any]:
        query = {"fieldManager": manager, "force": str(force).lower()}
        raw = await self._call(verb, "PATCH", path, query=query, body=body, content=_APPLY)
        return _decode(raw)

    async def _call(  # noqa: PLR0913
        self,
        verb: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        content: str = _JSON,
        within: float = _SECONDS,
    ) -> bytes:
        self._obey_pause()
        api = await self._connected()
        if method != "GET" and not self._may_write():
            raise NotLeading(f"{method} {path}: another operator may hold the lease by now")
        started, code = self._clock(), "none"
        try:
            answer = await self._send(
                api, method, path, query=query, body=body, content=content, within=within
            )
            code = str(answer.status)
            raw = bytes(await answer.read())
        except (aiohttp.ClientError, TimeoutError, ssl.SSLError, OSError) as lost:
            raise Unreachable(f"{method} {path}: {lost or type(lost).__name__}") from lost
        finally:
            self._metrics.api_seconds.labels(verb=verb, code=code).observe(self._clock() - started)
        if answer.status >= 400:  # noqa: PLR2004
            await self._refuse(api, answer.status, raw, answer.headers.get("Retry-After", ""))
        return raw

    async def _send(  # noqa: PLR0913
        self,
        api: ApiClient,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None,
        body: Body | None,
        content: str,
        within: float,
    ) -> Any:  # noqa: ANN401  the transport is not typed
        headers = {"Accept": _JSON, "Content-Type": content, "User-Agent": FIELD_MANAGER}
        if word := await connection.authorization(api.configuration):
            headers["Authorization"] = word
        url = api.configuration.host + path + (f"?{urlencode(query)}" if query else "")
        timeout = aiohttp.ClientTimeout(total=within, sock_connect=_SECONDS_TO_CONNECT)
        return await api.rest_client.request(
            method, url, headers=headers, body=body, _request_timeout=timeout
        )

    def _obey_pause(self) -> None:
        """The API server throttles the account, not the call: one 429 speaks for all."""
        left = self._paused_until - self._clock()
        if left > 0:
            raise Throttled("the API server asked for a pause", status=429, retry_after=left)

    async def _refuse(self, api: ApiClient, status: int, raw: bytes, retry_after: str) -> None:
        seconds = float(retry_after) if retry_after.isdecimal() else 0.0
        error = api_error(status, _status_object(raw), retry_after=seconds)
        if isinstance(error, Throttled):
            error.retry_after = error.retry_after or _PAUSE
            self._paused_until = self._clock() + error.retry_after
        if isinstance(error, Unauthorized):
            await self._forget(api)
        raise error

    async def _connected(self) -> ApiClient:
        async with self._logging_in:
            if self._api is None:
                self._api = ApiClient(await self._login())
            return self._api

    async def _forget(self, api: ApiClient) -> None:
        """Credentials have expired: the next call logs in anew."""
        async with self._logging_in:
            if self._api is api:
                self._api = None
                await api.close()


def _decode(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError as wrong:
        raise Unreachable(f"no JSON in the answer: {raw[:80]!r}") from wrong
    return found if isinstance(found, dict) else {}


def _status_object(raw: bytes) -> dict[str, Any]:
    """What is between us and the API server, a proxy for one, answers in other formats."""
    try:
        found = json.loads(raw)
    except ValueError:
        return {"message": raw[:200].decode(errors="replace")}
    return found if isinstance(found, dict) else {}
