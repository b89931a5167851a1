"""What an apply would do to each object of a model, asked of the API server itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from flagos_operator.cluster.apply import of_claim
from flagos_operator.cluster.kinds import BY_NAME, CLAIM, DEPLOYMENT, Key
from flagos_operator.desired import labels
from flagos_operator.errors import ClaimRefused, Denied, Malformed, NotFound, QuotaExceeded
from flagos_operator.planning.differences import cleaned, rolling, unified
from flagos_operator.planning.scene import found, owners

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flagos_operator.cluster.client import Client
    from flagos_operator.cluster.kinds import Kind
    from flagos_operator.errors import ApiError
    from flagos_operator.planning.scene import Body, Scene

# What the API server says of the object, and not of who asks.
JUDGED = (ClaimRefused, Denied, Malformed, NotFound, QuotaExceeded)


class Action(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    KEEP = "keep"
    DELETE = "delete"
    REFUSED = "refused"
    RENDERED = "rendered"  # nobody was asked what is there


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    kind: str
    name: str
    action: Action
    diff: str = ""
    rolls: tuple[str, ...] = ()  # fields that make new pods
    pods: int = 0  # that would be replaced
    ends_first: bool = False  # each of them, before its successor starts
    message: str = ""
    manifest: Body | None = None

    @property
    def title(self) -> str:
        return f"{self.kind}/{self.name}"


def rendered(manifest: Body) -> Change:
    return Change(
        kind=manifest["kind"],
        name=manifest["metadata"]["name"],
        action=Action.RENDERED,
        manifest=manifest,
    )


async def changes(
    manifests: Iterable[Body], *, scene: Scene, client: Client
) -> tuple[Change, ...]:
    asked = [await change(each, scene=scene, client=client) for each in manifests]
    wanted = frozenset((each.kind, each.name) for each in asked)
    return (*asked, *(deletion(body) for body in scene.stale(wanted)))


async def change(manifest: Body, *, scene: Scene, client: Client) -> Change:
    kind, name = BY_NAME[manifest["kind"]], manifest["metadata"]["name"]
    before = await found(client, kind, Key(scene.key.namespace, name))
    told = Change(kind=kind.name, name=name, action=Action.REFUSED, manifest=manifest)
    if before is not None and (why := foreign(before, scene=scene)):
        return replace(told, message=f"NameTaken: {why}")
    try:
        after = await client.dry_run(kind, manifest)
    except JUDGED as refused:
        return replace(told, message=_why(refused, kind=kind, before=before))
    if before is None:
        return made(manifest)
    return compared(before, after, manifest=manifest)


def _why(refused: ApiError, *, kind: Kind, before: Body | None) -> str:
    """As the operator would say it."""
    if kind is CLAIM:
        refused = of_claim(refused, kind.facts(before) if before else None)
    return f"{refused.reason or type(refused).__name__}: {refused}"


def foreign(live: Body, *, scene: Scene) -> str:
    """Whose it is, where it is not this model's; such an object is never taken over."""
    metadata, name = live["metadata"], scene.key.name
    title = f"{live['kind']} {metadata['name']}"
    said = metadata.get("labels") or {}
    if not labels.selector(name).items() <= said.items():
        return f"{title} is there and not this model's; rename one of them"
    uid, holders = scene.model["metadata"].get("uid"), owners(live)
    if holders and uid not in holders:
        return f"{title} is owned by another object; rename one of them, or wait until it is gone"
    return ""


def made(manifest: Body) -> Change:
    name = manifest["metadata"]["name"]
    diff = unified(None, manifest, title=f"{manifest['kind']}/{name}")
    return Change(
        kind=manifest["kind"], name=name, action=Action.CREATE, diff=diff, manifest=manifest
    )


def deletion(live: Body) -> Change:
    name = live["metadata"]["name"]
    return Change(
        kind=live["kind"],
        name=name,
        action=Action.DELETE,
        diff=unified(cleaned(live), None, title=f"{live['kind']}/{name}"),
    )


def surge(deployment: Body) -> int:
    """New pods that may start before an old one ends."""
    count: int = deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    return count


def compared(before: Body, after: Body, *, manifest: Body) -> Change:
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    was, will = cleaned(before), cleaned(after)
    rolls = rolling(was, will) if kind == DEPLOYMENT.name else ()
    running = int((before.get("status") or {}).get("replicas") or 0)
    return Change(
        kind=kind,
        name=name,
        action=Action.KEEP if was == will else Action.CHANGE,
        diff=unified(was, will, title=f"{kind}/{name}"),
        rolls=rolls,
        pods=running if rolls else 0,
        ends_first=bool(rolls) and surge(manifest) == 0,
        manifest=manifest,
    )
