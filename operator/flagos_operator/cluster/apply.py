"""Server-side apply with a memory: an unchanged object costs no call, a foreign one no harm.

Possible scenarios, by what the store knows of the object:

    nothing                 apply as "must not exist yet"; if it does, look whose it is
    ours, as we left it     nothing to do; after a restart a fingerprint in the status tells
    ours, else              apply with force, only to the very object that was seen (uid)
    ours, being deleted     wait: its end is an event
    somebody else's         look again, then refuse: never taken over
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flagos_operator.cluster.kinds import BY_NAME, CLAIM, DEPLOYMENT, JOB, MODEL, Key, Kind
from flagos_operator.errors import (
    ApiError,
    ClaimRefused,
    Conflict,
    Denied,
    Malformed,
    NameTaken,
    NotFound,
)
from flagos_operator.observed.facts import (
    ChildFacts,
    DeploymentFacts,
    JobFacts,
    ModelFacts,
    PodFacts,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from flagos_operator.cluster.client import Client
    from flagos_operator.cluster.store import Snapshot, Store
    from flagos_operator.metrics import Metrics

# What a claim is made with, but for its size, stays.
IMMUTABLE = "is immutable after creation"

Manifest = Mapping[str, Any]
Child = DeploymentFacts | JobFacts | ChildFacts

# An object that exists has a later version, one that does not has none to disagree with: the
# API server then creates it, or answers 409 and leaves the existing one untouched. Without it
# an apply would quietly merge into a stranger's ConfigMap.
MUST_NOT_EXIST = "1"

# A child of a deleted model of the same name goes within seconds. If not, Kubernetes has missed
# the deletion, as it can while its API server is away, and would keep the child for ever.
COLLECTED = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """An object as we left it. `version` moves when somebody changes it after us."""

    uid: str
    version: str
    digest: str


@dataclass(slots=True, kw_only=True)
class Applier:
    client: Client
    store: Store
    metrics: Metrics
    now: Callable[[], datetime]
    _ledger: defaultdict[Key, dict[tuple[str, Key], Stamp]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    async def apply(self, manifest: Manifest, *, model: ModelFacts) -> bool:
        """Make the object so; returns whether anything changed by it."""
        kind, key = _names(manifest)
        known = self.store.find(kind, key)
        digest = _digest(manifest)
        stamp = self._ledger[_key(model)].get((kind.name, key))
        if isinstance(known, Child):
            if known.deleting or stamp == _stamp(known, digest):
                return False
            before = self.store.version(kind, key)
        else:
            known, before = None, 0
        try:
            body = await self._write(kind, manifest, known=known, model=model)
        except (Denied, Malformed) as refused:
            if kind is not CLAIM:
                raise
            raise of_claim(refused, known or self.store.find(kind, key)) from refused
        self._remember(kind, body, digest=digest, model=_key(model))
        return self._count(kind, before=before, after=self.store.version(kind, key))

    def has(self, manifest: Manifest, *, model: ModelFacts) -> bool:
        """Whether the object is there and serves this model, be it as wanted or as before."""
        kind, key = _names(manifest)
        known = self.store.find(kind, key)
        return (
            isinstance(known, Child)
            and not known.deleting
            and known.model == model.name
            and known.owner_uid in ("", model.uid)
        )

    async def halt(self, seen: Snapshot, *, model: ModelFacts) -> bool:
        """Let no pod run, though the rest of the spec cannot be followed."""
        deployment = seen.deployment
        if not deployment or not deployment.wanted or deployment.deleting:
            return False
        if deployment.owner_uid != model.uid:
            return False
        key = Key(deployment.namespace, deployment.name)
        body = await self.client.merge(
            DEPLOYMENT, key, {"metadata": {"uid": deployment.uid}, "spec": {"replicas": 0}}
        )
        self.store.put(DEPLOYMENT, body)
        return True

    async def prune(self, child: Child, *, model: ModelFacts) -> bool:
        """Delete what the plan no longer has, of what this very model owns.

        A claim that is retained has no owner, and what a user labelled has another.
        """
        if child.deleting or child.owner_uid != model.uid:
            return False
        kind = kind_of(child)
        key = Key(child.namespace, child.name)
        try:
            await self.client.delete(kind, key, uid=child.uid)
        except (NotFound, Conflict):
            self.store.gone(kind, key)
        self._ledger[_key(model)].pop((kind.name, key), None)
        self.metrics.applies.labels(kind=kind.name, result="deleted").inc()
        return True

    def recall(self, manifests: Iterable[Manifest], *, model: ModelFacts) -> None:
        """After a restart: believe the fingerprint that was left, if all still is as it says.

        What is not wanted any more, a retained claim for one, is no part of it.
        """
        wanted = {_names(manifest): manifest for manifest in manifests}
        if left := self._ledger.get(_key(model)):
            names = {(kind.name, key) for kind, key in wanted}
            self._ledger[_key(model)] = {n: stamp for n, stamp in left.items() if n in names}
            return
        stamps = {}
        for (kind, key), manifest in wanted.items():
            known = self.store.find(kind, key)
            if isinstance(known, Child):
                stamps[kind.name, key] = _stamp(known, _digest(manifest))
        if _fingerprint(stamps) == model.status.get("applied"):
            self._ledger[_key(model)] = stamps

    def fingerprint(self, model: ModelFacts) -> str:
        """Of all objects of this model as they were left."""
        return _fingerprint(self._ledger.get(_key(model), {}))

    def forget(self, model: Key) -> None:
        self._ledger.pop(model, None)

    async def _write(
        self, kind: Kind, manifest: Manifest, *, known: Child | None, model: ModelFacts
    ) -> dict[str, Any]:
        if known is None:
            return await self._create(kind, manifest, model=model)
        if known.owner_uid not in ("", model.uid):
            return await self._dispute(kind, manifest, model=model)
        try:
            return await self.client.apply(kind, _with(manifest, uid=known.uid), force=True)
        except Conflict:
            # Gone since we last heard of it; its DELETED event is still under way.
            self.store.gone(kind, Key(known.namespace, known.name))
            return await self._create(kind, manifest, model=model)
        except Malformed as error:
            if "metadata.uid" in error.fields:
                return await self._dispute(kind, manifest, model=model)
            if not error.is_verdict:
                raise
            return await self._overwrite(kind, manifest, uid=known.uid)

    async def _overwrite(self, kind: Kind, manifest: Manifest, *, uid: str) -> dict[str, Any]:
        """Lists are merged by key, and an edited key can leave an invalid sum.

        Somebody changes a port: ours comes back beside theirs and both are called http. A merge
        patch replaces whole lists; after it the apply takes the fields back.
        """
        await self.client.merge(kind, _names(manifest)[1], _with(manifest, uid=uid))
        return await self.client.apply(kind, _with(manifest, uid=uid), force=True)

    async def _create(
        self, kind: Kind, manifest: Manifest, *, model: ModelFacts
    ) -> dict[str, Any]:
        body = _with(manifest, resourceVersion=MUST_NOT_EXIST)
        try:
            return await self.client.apply(kind, body, force=False)
        except Conflict:
            return await self._dispute(kind, manifest, model=model)

    async def _dispute(
        self, kind: Kind, manifest: Manifest, *, model: ModelFacts
    ) -> dict[str, Any]:
        """The name is in use: ask whose the object is now, not whose it was."""
        _, key = _names(manifest)
        try:
            found = await self.client.get(kind, key)
        except NotFound as gone:
            self.store.gone(kind, key)
            raise Conflict(f"{kind.name} {key} has just been deleted") from gone
        _claim(kind, found, model=model, now=self.now())
        uid = found["metadata"]["uid"]
        return await self.client.apply(kind, _with(manifest, uid=uid), force=True)

    def _remember(self, kind: Kind, body: Mapping[str, Any], *, digest: str, model: Key) -> None:
        self.store.put(kind, body)
        facts = kind.facts(body)
        if isinstance(facts, Child):
            key = Key(facts.namespace, facts.name)
            self._ledger[model][kind.name, key] = _stamp(facts, digest)

    def _count(self, kind: Kind, *, before: int, after: int) -> bool:
        result = "created" if not before else "changed" if after != before else "unchanged"
        self.metrics.applies.labels(kind=kind.name, result=result).inc()
        return result != "unchanged"


def of_claim(refused: ApiError, known: object) -> ClaimRefused:
    words = str(refused)
    if isinstance(known, ChildFacts):
        words = _fixed(known) if IMMUTABLE in words else f"{words}{_size(known)}"
    return ClaimRefused(words, status=refused.status, details=refused.details)


def _size(claim: ChildFacts) -> str:
    if not claim.capacity:
        return ""
    return f"; it has {claim.capacity}: set spec.weights.volumeClaimTemplate.size to that"


def _fixed(claim: ChildFacts) -> str:
    """The API server answers with the difference of two Go structs."""
    words = (
        f"claim {claim.name} is there from before, and its storage class and access modes cannot "
        "become those of spec.weights.volumeClaimTemplate"
    )
    delete = f"kubectl delete pvc {claim.name}"
    if claim.phase == "Pending":
        return f"{words}; it is not bound and holds nothing: {delete}, and it is made anew"
    return f"{words}; write them as the claim has them, or give up what it holds: {delete}"


def kind_of(child: Child) -> Kind:
    if isinstance(child, ChildFacts):
        return BY_NAME[child.kind]
    return JOB if isinstance(child, JobFacts) else DEPLOYMENT


def _claim(kind: Kind, body: Mapping[str, Any], *, model: ModelFacts, now: datetime) -> None:
    """Ours by its owner, or by our labels when it has none: a retained claim, an orphan.

    Also what nobody has collected though its owner, a model of this name, is long gone.
    """
    facts = kind.facts(body)
    if isinstance(facts, ModelFacts | PodFacts) or facts.owner_uid == model.uid:
        return
    meta = body["metadata"]
    if not facts.owner_uid and facts.model == model.name and _is_managed(meta):
        return
    if any(_is_ancestor(each, model) for each in meta.get("ownerReferences") or ()):
        left = not meta.get("deletionTimestamp") and model.created
        if left and now > left + COLLECTED and _is_managed(meta):
            return
        raise Conflict(f"{kind.name} {facts.name} of the deleted model is still being collected")
    raise NameTaken(
        f"{kind.name} {facts.name} exists in namespace {facts.namespace} and does not belong "
        "to this model: remove or rename it, or rename the model"
    )


def _is_managed(meta: Mapping[str, Any]) -> bool:
    return (meta.get("labels") or {}).get("app.kubernetes.io/managed-by") == "flagos-operator"


def _is_ancestor(owner: Mapping[str, Any], model: ModelFacts) -> bool:
    return owner.get("kind") == MODEL.name and owner.get("name") == model.name


def _names(manifest: Manifest) -> tuple[Kind, Key]:
    meta = manifest["metadata"]
    return BY_NAME[manifest["kind"]], Key(meta["namespace"], meta["name"])


def _key(model: ModelFacts) -> Key:
    return Key(model.namespace, model.name)


def _stamp(facts: Child, digest: str) -> Stamp:
    # The owner is part of it: a Deployment's generation does not move when a reference is cut.
    return Stamp(uid=facts.uid, version=f"{facts.version}/{facts.owner_uid}", digest=digest)


def _digest(manifest: Manifest) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _fingerprint(stamps: Mapping[tuple[str, Key], Stamp]) -> str:
    left = sorted((kind, *key, *astuple(stamp)) for (kind, key), stamp in stamps.items())
    return hashlib.sha256(json.dumps(left).encode()).hexdigest()[:16]


def _with(manifest: Manifest, **meta: str) -> dict[str, Any]:
    return {**manifest, "metadata": {**manifest["metadata"], **meta}}
