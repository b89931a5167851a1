"""Objects, their versions, and the history that watches are served from."""

from __future__ import annotations

import asyncio
import copy
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.loop.fakekube import merging
from tests.loop.fakekube.kinds import BY_KIND, Served

Body = dict[str, Any]

COLLECTION = 0.05


class Refused(Exception):
    def __init__(
        self, code: int, reason: str, message: str, *, field: str = "", fields: Iterable[str] = ()
    ) -> None:
        super().__init__(message)
        self.code, self.reason = code, reason
        self.fields = (field, *fields) if field else tuple(fields)


class Id(NamedTuple):
    plural: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    version: int
    type: str
    id: Id
    body: Body
    before: Body | None


class Storage:
    """`undeclared` names status fields, dotted, that the installed definition does not know."""

    def __init__(self) -> None:
        self.objects: dict[Id, Body] = {}
        self.history: list[Change] = []
        self.version = 100
        self.oldest = 0  # what is older has been compacted away
        self.news = asyncio.Condition()
        self.undeclared: set[str] = set()
        self.collects = True
        self.runs_jobs = True
        self._uids = itertools.count(1)
        self._applied: dict[tuple[str, str, str], Body] = {}  # (uid, manager, subresource)

    def get(self, id: Id) -> Body:
        if id not in self.objects:
            raise Refused(404, "NotFound", f'{id.plural} "{id.name}" not found')
        return self.objects[id]

    def create(self, kind: Served, body: Body) -> Body:
        id = Id(kind.plural, body["metadata"].get("namespace", ""), body["metadata"]["name"])
        if id in self.objects:
            raise Refused(409, "AlreadyExists", f'{id.plural} "{id.name}" already exists')
        return self._insert(kind, id, body)

    def apply(
        self,
        kind: Served,
        id: Id,
        wanted: Body,
        *,
        manager: str,
        subresource: str = "",
        force: bool = True,
    ) -> Body:
        meta, live = dict(wanted["metadata"]), self.objects.get(id)
        self._check_declared(kind, wanted)
        uid, expected = meta.pop("uid", None), meta.pop("resourceVersion", None)
        if live is None:
            return self._apply_new(
                kind, id, {**wanted, "metadata": meta}, uid, manager, subresource
            )
        if uid not in (None, live["metadata"]["uid"]):
            raise Refused(422, "Invalid", "field is immutable", field="metadata.uid")
        if expected not in (None, live["metadata"]["resourceVersion"]):
            raise Refused(409, "Conflict", "the object has been modified")
        owner = (live["metadata"]["uid"], manager, subresource)
        content = _content({**wanted, "metadata": meta}, subresource)
        if not force:
            self._check_owners(live, content, owner)
        merged = merging.apply(live, content, before=self._applied.get(owner, {}))
        self._applied[owner] = content
        return self.replace(id, merged, subresource=subresource)

    def dry_run(self, kind: Served, id: Id, wanted: Body, *, manager: str) -> Body:
        """An apply to a copy of all that is here."""
        twin = Storage()
        twin.collects = twin.runs_jobs = False
        twin.version, twin.objects = self.version, dict(self.objects)
        twin._applied = dict(self._applied)
        return twin.apply(kind, id, wanted, manager=manager)

    def _check_owners(self, live: Body, content: Body, owner: tuple[str, str, str]) -> None:
        """An apply without force changes nothing that somebody else has set."""
        others = [
            said
            for of, said in self._applied.items()
            if of[0] == owner[0] and of[1] != owner[1] and of[2] == owner[2]
        ]
        found = {path for said in others for path in merging.conflicts(live, content, said)}
        if found:
            raise Refused(409, "Conflict", "Apply failed with conflicts", fields=sorted(found))

    def _check_declared(self, kind: Served, wanted: Body) -> None:
        """Server-side apply refuses what other writes would lose."""
        unknown = [each for each in self.undeclared if _has(wanted.get("status", {}), each)]
        if kind.kind == "FlagOSModel" and unknown:
            said = "\n".join(f".status.{each}: field not declared in schema" for each in unknown)
            raise Refused(500, "", f"failed to create typed patch object (x): errors:\n{said}")

    def patch(
        self,
        id: Id,
        patch: Body,
        *,
        subresource: str = "",
        merge: Callable[[Any, Any], Any] = merging.merge_patch,
    ) -> Body:
        live = self.get(id)
        uid = patch.get("metadata", {}).get("uid")
        if uid not in (None, live["metadata"]["uid"]):
            raise Refused(409, "Conflict", "uid mismatch")
        if not subresource:
            self._own(live, patch)
        return self.replace(id, merge(live, patch), subresource=subresource)

    def _own(self, live: Body, patch: Body) -> None:
        """What somebody edits is theirs from then on."""
        uid = live["metadata"]["uid"]
        owner = (uid, "kubectl-edit", "")
        content = _content({"metadata": {}, **patch}, "")
        for of, said in self._applied.items():
            if of[0] == uid and of != owner and not of[2]:
                self._applied[of] = merging.less(said, content)
        self._applied[owner] = merging.merge_patch(self._applied.get(owner, {}), content)

    def replace(self, id: Id, body: Body, *, subresource: str = "") -> Body:
        """Spec and status are written through different doors; no change is no write."""
        before = self.objects[id]
        after = self._admitted(_through_door(before, body, subresource))
        if after == before:
            return before
        if after.get("spec") != before.get("spec"):
            after["metadata"]["generation"] = before["metadata"]["generation"] + 1
        if after["metadata"].get("deletionTimestamp") and not after["metadata"].get("finalizers"):
            return self._remove(id)
        return self._store("MODIFIED", id, after, before=before)

    def delete(self, id: Id, *, uid: str | None = None) -> Body:
        live = self.get(id)
        if uid not in (None, live["metadata"]["uid"]):
            raise Refused(409, "Conflict", "the UID in the precondition does not match")
        if live["metadata"].get("finalizers"):
            marked = copy.deepcopy(live)
            marked["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            return self._store("MODIFIED", id, marked, before=live)
        return self._remove(id)

    def compact(self) -> None:
        """Forget the history: a watch that asks for it gets 410."""
        self.oldest = self.version
        self.history.clear()

    def since(self, version: int, plural: str) -> Iterator[Change]:
        return (
            each for each in self.history if each.version > version and each.id.plural == plural
        )

    def _apply_new(
        self, kind: Served, id: Id, wanted: Body, uid: str | None, manager: str, subresource: str
    ) -> Body:
        if subresource:
            raise Refused(404, "NotFound", f'{id.plural} "{id.name}" not found')
        if uid:
            raise Refused(409, "Conflict", "uid mismatch: no existing object was found")
        body = self._insert(kind, id, wanted)
        self._applied[body["metadata"]["uid"], manager, ""] = _content(wanted, "")
        return body

    def _insert(self, kind: Served, id: Id, body: Body) -> Body:
        body = {"apiVersion": kind.api_version, "kind": kind.kind, **copy.deepcopy(body)}
        body["metadata"] |= {
            **({"namespace": id.namespace} if kind.namespaced else {}),
            "uid": f"uid-{next(self._uids)}",
            "generation": 1,
            "creationTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        self._collect_soon()
        return self._store("ADDED", id, self._admitted(body), before=None)

    def _admitted(self, body: Body) -> Body:
        owners = [
            each
            for each in body["metadata"].get("ownerReferences") or ()
            if each.get("controller")
        ]
        if len(owners) > 1:
            raise Refused(
                422,
                "Invalid",
                "Only one reference can have Controller set to true",
                field="metadata.ownerReferences",
            )
        ports = [each.get("name") for each in _list(body, "spec", "ports")]
        if len(set(ports)) < len(ports):
            raise Refused(422, "Invalid", "Duplicate value", field="spec.ports[1].name")
        return body

    def _store(self, type: str, id: Id, body: Body, *, before: Body | None) -> Body:
        self.version += 1
        body = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        self.objects[id] = body
        self._tell(type, id, body, before)
        if id.plural == "jobs" and self.runs_jobs:
            asyncio.get_running_loop().call_later(COLLECTION, self._run_job, id)
        return body

    def _run_job(self, id: Id) -> None:
        """Whatever a Job does takes a moment, and later it is cleared away."""
        body = self.objects.get(id)
        if body is None or body["spec"].get("suspend") or not self.runs_jobs:
            return
        if body.get("status"):
            self.delete(id)
        else:
            ended = {"conditions": [{"type": "Complete", "status": "True"}]}
            self.replace(id, {**body, "status": ended})

    def _remove(self, id: Id) -> Body:
        body = self.objects.pop(id)
        self.version += 1
        gone = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        self._tell("DELETED", id, gone, body)
        self._collect_soon()
        return gone

    def _collect_soon(self) -> None:
        """The collector is a controller like any other: it acts afterwards, on what it sees."""
        asyncio.get_running_loop().call_later(COLLECTION, self._collect)

    def _collect(self) -> None:
        if not self.collects:  # perhaps only since it was to come
            return
        alive = {body["metadata"]["uid"] for body in self.objects.values()}
        for id, body in list(self.objects.items()):
            owners = [each["uid"] for each in body["metadata"].get("ownerReferences") or ()]
            if owners and not alive.intersection(owners) and id in self.objects:
                self.delete(id)

    def _tell(self, type: str, id: Id, body: Body, before: Body | None) -> None:
        self.history.append(
            Change(version=self.version, type=type, id=id, body=body, before=before)
        )
        asyncio.get_running_loop().create_task(self._wake())

    async def _wake(self) -> None:
        async with self.news:
            self.news.notify_all()


def matches(body: Mapping[str, Any] | None, selector: str) -> bool:
    labels = (body or {}).get("metadata", {}).get("labels") or {}
    wanted = (part.partition("=") for part in selector.split(",") if part)
    return body is not None and all(
        labels.get(name) == value if equals else name in labels for name, equals, value in wanted
    )


def id_of(body: Body) -> Id:
    meta = body["metadata"]
    return Id(BY_KIND[body["kind"]].plural, meta.get("namespace", ""), meta["name"])


def _content(wanted: Body, subresource: str) -> Body:
    """What an apply owns: never the names by which it found the object."""
    if subresource:
        return {subresource: wanted.get(subresource, {})}
    meta = {n: v for n, v in wanted["metadata"].items() if n not in ("name", "namespace")}
    rest = {
        n: v for n, v in wanted.items() if n not in ("apiVersion", "kind", "status", "metadata")
    }
    return {"metadata": meta, **rest}


def _through_door(before: Body, body: Body, subresource: str) -> Body:
    if subresource == "status":
        return {**before, "status": body.get("status", {})}
    if BY_KIND[before["kind"]].subresources and "status" in BY_KIND[before["kind"]].subresources:
        body = {n: v for n, v in body.items() if n != "status"}
        body |= {"status": before["status"]} if "status" in before else {}
    fixed = ("uid", "generation", "creationTimestamp", "resourceVersion", "name", "namespace")
    meta = {
        **body["metadata"],
        **{n: before["metadata"][n] for n in fixed if n in before["metadata"]},
    }
    return {**body, "metadata": meta}


def _has(fields: Body, path: str) -> bool:
    name, _, inner = path.partition(".")
    return name in fields and (not inner or _has(fields[name], inner))


def _list(body: Body, *path: str) -> list[Body]:
    found: Any = body
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, list) else []
