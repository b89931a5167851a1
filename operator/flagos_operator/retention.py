"""What several models share is kept as long as one of them uses it.

A claim that was made for a model with `reclaimPolicy: Delete` goes by garbage collection, which
takes an object when all its owners are gone: so whoever else uses the claim owns it, too.

    made for           used by     owners of the claim
    a, Retain          anybody     none
    a, Delete          a           a
    a, Delete          a and b     a and b: b alone after a is deleted
    a, which left it   b           b

A directory on a claim that is the user's goes by a Job that was made with its model and is let
loose once that is gone:

    the model is there, or something of it             wait
    another model uses the directory                   drop the Job: that one's policy counts now
    another model uses the claim, its spec is invalid  wait: it may be the directory
    the claim is gone, or going                        drop the Job
    else                                               let it run
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flagos_operator.cluster.kinds import CLAIM, JOB, MODEL, Key
from flagos_operator.desired.plan import Plan
from flagos_operator.desired.reclaim import VERB, overlapping, places, successor
from flagos_operator.errors import Conflict, NotFound
from flagos_operator.observed.facts import ChildFacts, JobFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flagos_operator.api.outcome import Invalid
    from flagos_operator.cluster.client import Client
    from flagos_operator.cluster.store import Snapshot, Store
    from flagos_operator.observed.facts import DeploymentFacts, ModelFacts

log = logging.getLogger(__name__)

# Events tell what a Job waits for; this is for one that was missed.
LOOK_AGAIN = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    client: Client
    store: Store
    decide: Callable[[ModelFacts], Plan | Invalid]
    image: str  # the operator's own, for Jobs that were made by an older one
    _loosed: set[str] = field(default_factory=set)  # uids: the answer may be still under way

    # Claims

    async def tie(self, seen: Snapshot, model: ModelFacts) -> bool:
        """Own what is used and would else go with others."""
        lent = [each for each in _lent(seen, model) if model.uid not in each.keepers]
        used = _used(seen, model)
        wanted = [claim for claim in lent if claim.name in used]
        for claim in wanted:
            await self._own(claim, add=[model])
        return bool(wanted)

    async def untie(self, model: ModelFacts) -> bool:
        """Let go of what is not used any more, once that is so; the last one keeps it."""
        if not self.store.sharing.kept_by(model.uid):
            return False
        seen = self.store.snapshot(Key(model.namespace, model.name))
        used = _used(seen, model)
        mine = [each for each in _lent(seen, model) if model.uid in each.keepers]
        left = [each for each in mine if each.name not in used and len(each.keepers) > 1]
        for claim in left:
            await self._own(claim, remove=[model.uid])
        return bool(left)

    async def free(self, seen: Snapshot, plan: Plan) -> bool:
        """A claim that is to be retained has no owner, whoever uses it.

        All at once: what is left of them would take the claim along.
        """
        if plan.claim is None or plan.claim.owned:
            return False
        mine = (
            each for each in seen.children if ("PersistentVolumeClaim", each.name) in _of(plan)
        )
        claim = next((each for each in mine if each.keepers and not each.deleting), None)
        if claim is None:
            return False
        await self._own(claim, remove=sorted(claim.keepers))
        return True

    async def hand_over(self, stale: object, *, model: ModelFacts) -> bool:
        """A claim that its model wants no more, but others do, is theirs from now on."""
        if not isinstance(stale, ChildFacts) or stale.kind != CLAIM.name or stale.deleting:
            return False
        others = [each for each in self._users(_key_of(stale)) if each.uid != model.uid]
        if not others or stale.owner_uid != model.uid:
            return False
        await self._own(stale, add=others, remove=[model.uid])
        return True

    def _users(self, claim: Key) -> Iterator[ModelFacts]:
        """By their specs, and by what runs for them: an edit may not have got through."""
        found = {each.uid: each for each in self.store.sharing.models(claim)}
        for each in self.store.sharing.deployments(claim):
            if model := self.store.snapshot(Key(each.namespace, each.model)).model:
                found[model.uid] = model
        return iter(found.values())

    async def _own(
        self,
        claim: ChildFacts,
        *,
        add: list[ModelFacts] | None = None,
        remove: list[str] | None = None,
    ) -> None:
        owners = [
            *({"$patch": "delete", "uid": uid} for uid in remove or ()),
            *(_owner(model) for model in add or ()),
        ]
        patch = {"metadata": {"uid": claim.uid, "ownerReferences": owners}}
        # The answer is left to the watch: it is news for the model that the claim was made for.
        await self.client.merge_lists(CLAIM, _key_of(claim), patch)

    # Directories

    async def settle(self, seen: Snapshot) -> float | None:
        """See to the Jobs of models of this name that are gone; returns when to look again."""
        waits = False
        for job in seen.jobs:
            if job.purpose != VERB or job.deleting or self._lives(seen, job):
                continue
            if job.ended == "Failed":
                log.warning("%s/%s: weights were not removed: %s", *_key_of(job), job.message)
            elif job.suspended:
                waits |= not await self._settle(seen, job)
        return LOOK_AGAIN if waits else None

    def held(self, plan: Plan) -> JobFacts | None:
        """The Job that still removes what this model is about to use."""
        namespace = plan.meta.namespace
        for claim, path in places(plan.pod):
            for job in self.store.sharing.jobs(Key(namespace, claim)):
                if self._runs(job) and overlapping(job.directory, path):
                    return job
        return None

    def _runs(self, job: JobFacts) -> bool:
        loose = not job.suspended or job.uid in self._loosed
        return job.purpose == VERB and loose and not job.ended

    @staticmethod
    def _lives(seen: Snapshot, job: JobFacts) -> bool:
        return seen.model is not None and seen.model.uid == job.owner_uid

    async def _settle(self, seen: Snapshot, job: JobFacts) -> bool:
        """Whether there is nothing more to do."""
        looks = any(each.purpose != VERB for each in seen.jobs)
        if seen.model is None and (seen.deployment or seen.pods or looks):
            return False  # the collector is on its way, or left them here on purpose
        in_use = self._in_use(job)
        if in_use is None:
            return False
        if in_use or await self._is_gone(Key(job.namespace, job.claim)):
            await self._drop(job)
            return True
        await self._loose(job)
        return True

    def _in_use(self, job: JobFacts) -> bool | None:
        """None: that cannot be known yet."""
        claim, unknown = Key(job.namespace, job.claim), False
        for each in self.store.sharing.deployments(claim):
            if _reads(each.mounts, job):
                if self.store.snapshot(Key(each.namespace, each.model)).model:
                    return True
                unknown = True  # its model is gone, and it soon will be
        for model in self.store.sharing.models(claim):
            plan = self.decide(model)
            if model.uid == job.owner_uid or not isinstance(plan, Plan):
                unknown = True
            elif _reads(places(plan.pod), job):
                return True
        return None if unknown else False

    async def _is_gone(self, claim: Key) -> bool:
        """Asked for: the store has none that the user made."""
        try:
            found = await self.client.get(CLAIM, claim)
        except NotFound:
            return True
        return "deletionTimestamp" in found["metadata"]

    async def _drop(self, job: JobFacts) -> None:
        key = _key_of(job)
        with contextlib.suppress(NotFound, Conflict):
            await self.client.delete(JOB, key, uid=job.uid)
        self.store.gone(JOB, key)
        log.info("%s: kept %s of claim %s", key, job.directory, job.claim)

    async def _loose(self, job: JobFacts) -> None:
        """Marked before it is sent: a model that comes meanwhile must not start into it.

        The mark stays where the answer is lost; then the Job may run already.
        """
        self._loosed.add(job.uid)
        try:
            await (self._unsuspend(job) if job.image == self.image else self._replace(job))
        except (NotFound, Conflict):
            self.store.gone(JOB, _key_of(job))
        self._loosed.discard(job.uid)
        log.info("%s: removing %s of claim %s", _key_of(job), job.directory, job.claim)

    async def _unsuspend(self, job: JobFacts) -> None:
        patch = {"metadata": {"uid": job.uid}, "spec": {"suspend": False}}
        self.store.put(JOB, await self.client.merge(JOB, _key_of(job), patch))

    async def _replace(self, job: JobFacts) -> None:
        """An image of years ago may be in no registry any more, and no template can change."""
        manifest = successor(await self.client.get(JOB, _key_of(job)), image=self.image)
        with contextlib.suppress(Conflict):  # made by a pass that got no further
            self.store.put(JOB, await self.client.apply(JOB, manifest, force=False))
        await self.client.delete(JOB, _key_of(job), uid=job.uid)
        self.store.gone(JOB, _key_of(job))


def _owner(model: ModelFacts) -> dict[str, Any]:
    """Not the controller: that is who the claim was made for."""
    return {
        "apiVersion": MODEL.api_version,
        "kind": MODEL.name,
        "name": model.name,
        "uid": model.uid,
    }


def _lent(seen: Snapshot, model: ModelFacts) -> Iterator[ChildFacts]:
    """Claims that were made for other models and are to go with the last that uses them."""
    others = (claim for claim in seen.claims if claim.model != model.name)
    return (claim for claim in others if claim.keepers and not claim.deleting)


def _used(seen: Snapshot, model: ModelFacts) -> set[str]:
    """By the spec, and by what runs: an edit may not have got through."""
    return {*model.claims, *(claim for claim, _ in _mounts(seen.deployment))}


def _mounts(deployment: DeploymentFacts | None) -> frozenset[tuple[str, str]]:
    return deployment.mounts if deployment else frozenset()


def _of(plan: Plan) -> set[tuple[str, str]]:
    return {(each.kind, each.name) for each in plan.owns}


def _key_of(facts: ChildFacts | JobFacts) -> Key:
    return Key(facts.namespace, facts.name)


def _reads(mounts: Iterable[tuple[str, str]], job: JobFacts) -> bool:
    return any(c == job.claim and overlapping(job.directory, path) for c, path in mounts)
