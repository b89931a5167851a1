"""One model as the operator would see it if it were applied now: its object beside what is live.

Without a cluster nothing is live, and the model is a new one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flagos_operator.api.sent import as_sent
from flagos_operator.cluster.kinds import (
    CLAIM,
    CONFIG_MAP,
    DEPLOYMENT,
    JOB,
    MODEL,
    PIN,
    SERVICE,
    Key,
)
from flagos_operator.cluster.store import Store
from flagos_operator.desired import labels
from flagos_operator.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flagos_operator.cluster.client import Client
    from flagos_operator.cluster.kinds import Kind
    from flagos_operator.cluster.store import Snapshot

Body = dict[str, Any]

FAMILY = (PIN, CONFIG_MAP, CLAIM, SERVICE, JOB, DEPLOYMENT)
# What is removed by the operator itself once a spec does not want it any more.
PRUNED = (CONFIG_MAP, CLAIM, SERVICE, DEPLOYMENT)
NEWER = "9007199254740991"  # than any version of the API server's
ASKED = ("replicas",)  # what others write into a spec, `kubectl scale` for one


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    model: Body  # as it would be after an apply
    live: Body | None = None
    children: Mapping[tuple[str, str], Body] = field(default_factory=dict)  # by kind and name

    @property
    def key(self) -> Key:
        metadata = self.model["metadata"]
        return Key(metadata["namespace"], metadata["name"])

    def snapshot(self) -> Snapshot:
        store = Store()
        store.put(MODEL, self.model)
        kinds = {kind.name: kind for kind in FAMILY}
        for (kind, _), body in self.children.items():
            store.put(kinds[kind], body)
        return store.snapshot(self.key)

    def stale(self, wanted: frozenset[tuple[str, str]]) -> tuple[Body, ...]:
        """What is this very model's and not wanted any more."""
        uid = self.model["metadata"].get("uid")
        pruned = {kind.name for kind in PRUNED}
        return tuple(
            body
            for name, body in self.children.items()
            if name not in wanted and name[0] in pruned and uid and uid in owners(body)
        )


def owners(body: Body) -> set[str]:
    return {str(each.get("uid")) for each in body["metadata"].get("ownerReferences") or ()}


def applied(written: Mapping[str, Any], live: Mapping[str, Any] | None, *, namespace: str) -> Body:
    """What the API server would hold of a model after `kubectl apply` of it."""
    metadata = dict(written["metadata"]) | {"namespace": namespace, "resourceVersion": NEWER}
    if live is None:
        metadata.setdefault("uid", "")
        return {**written, "metadata": {"generation": 1, **metadata}}
    spec = dict(written.get("spec") or {})
    before = live.get("spec") or {}
    spec = {name: before[name] for name in ASKED if name in before} | spec
    edited = as_sent(spec) != as_sent(before)
    was = live["metadata"]
    metadata |= {"uid": was["uid"], "generation": was.get("generation", 1) + edited}
    metadata["annotations"] = {
        **(was.get("annotations") or {}),
        **(metadata.get("annotations") or {}),
    }
    return {**written, "metadata": metadata, "spec": spec, "status": live.get("status") or {}}


async def scene(written: Mapping[str, Any], *, namespace: str, client: Client | None) -> Scene:
    if client is None:
        return Scene(model=applied(written, None, namespace=namespace))
    name = str(written["metadata"]["name"])
    live = await found(client, MODEL, Key(namespace, name))
    model = applied(written, live, namespace=namespace)
    if live is None:
        return Scene(model=model)
    children = await family(client, namespace=namespace, name=name)
    return Scene(model=model, live=live, children=children)


async def family(client: Client, *, namespace: str, name: str) -> dict[tuple[str, str], Body]:
    selector = ",".join(f"{key}={value}" for key, value in labels.selector(name).items())
    bodies: dict[tuple[str, str], Body] = {}
    for kind in FAMILY:
        async for chunk in client.list(kind, namespace=namespace, selector=selector):
            for item in chunk.get("items") or ():
                # Items of a list do not say what they are.
                body = {"apiVersion": kind.api_version, "kind": kind.name, **item}
                bodies[kind.name, item["metadata"]["name"]] = body
    return bodies


async def found(client: Client, kind: Kind, key: Key) -> Body | None:
    try:
        return await client.get(kind, key)
    except NotFound:
        return None
