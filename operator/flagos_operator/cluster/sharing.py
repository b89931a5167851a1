"""Who has to do with which claim: several models may use one, and Jobs outlive their model."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from flagos_operator.cluster.kinds import DEPLOYMENT, JOB, MODEL, Facts, Key
from flagos_operator.observed.facts import ChildFacts, DeploymentFacts, JobFacts, ModelFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flagos_operator.cluster.kinds import Kind


class Sharing:
    def __init__(self) -> None:
        # By claim and kind: of a claim of a thousand models its few Jobs are found at once.
        self._on: defaultdict[tuple[Key, str], dict[Key, Facts]] = defaultdict(dict)
        self._kept: defaultdict[str, set[Key]] = defaultdict(set)

    def models(self, claim: Key) -> Iterator[ModelFacts]:
        """Whose specs name it."""
        return (each for each in self._facts(claim, MODEL) if isinstance(each, ModelFacts))

    def deployments(self, claim: Key) -> Iterator[DeploymentFacts]:
        found = self._facts(claim, DEPLOYMENT)
        return (each for each in found if isinstance(each, DeploymentFacts))

    def jobs(self, claim: Key) -> Iterator[JobFacts]:
        return (each for each in self._facts(claim, JOB) if isinstance(each, JobFacts))

    def kept_by(self, uid: str) -> frozenset[Key]:
        """Claims that this model owns, alone or with others."""
        return frozenset(self._kept.get(uid, ()))

    def move(self, kind: Kind, key: Key, *, old: Facts | None, new: Facts | None) -> set[Key]:
        """Follow a change; returns the models that it concerns beside the object's own."""
        self._index(kind, key, old=old, new=new)
        self._keep(key, old=old, new=new)
        if isinstance(new, JobFacts) or isinstance(old, JobFacts):
            return {_key(model) for claim in _claims(old, new) for model in self.models(claim)}
        if isinstance(new, ChildFacts) and new.keepers:
            found = self.models(Key(new.namespace, new.name))
            return {_key(model) for model in found if model.uid not in new.keepers}
        if _is_news(old, new):
            jobs = (job for claim in _claims(old, new) for job in self.jobs(claim))
            return {Key(job.namespace, job.model) for job in jobs}
        return set()

    def _facts(self, claim: Key, kind: Kind) -> tuple[Facts, ...]:
        return tuple(self._on.get((claim, kind.name), {}).values())

    def _index(self, kind: Kind, key: Key, *, old: Facts | None, new: Facts | None) -> None:
        for claim in _claims(old):
            users = self._on[claim, kind.name]
            users.pop(key, None)
            if not users:
                del self._on[claim, kind.name]
        for claim in _claims(new):
            if new:
                self._on[claim, kind.name][key] = new

    def _keep(self, key: Key, *, old: Facts | None, new: Facts | None) -> None:
        for uid in old.keepers if isinstance(old, ChildFacts) else ():
            self._kept[uid].discard(key)
            if not self._kept[uid]:
                del self._kept[uid]
        for uid in new.keepers if isinstance(new, ChildFacts) else ():
            self._kept[uid].add(key)


def _is_news(old: Facts | None, new: Facts | None) -> bool:
    """A model's own status is none: each of many that share a claim would wake all others."""
    if isinstance(old, ModelFacts) and isinstance(new, ModelFacts):
        return (old.uid, old.generation, old.deleting) != (new.uid, new.generation, new.deleting)
    return True


def _claims(*facts: Facts | None) -> set[Key]:
    return {claim for each in facts if each for claim in _claims_of(each)}


def _claims_of(facts: Facts) -> Iterator[Key]:
    if isinstance(facts, ModelFacts):
        yield from (Key(facts.namespace, claim) for claim in facts.claims)
    elif isinstance(facts, DeploymentFacts):
        yield from (Key(facts.namespace, claim) for claim, _ in facts.mounts)
    elif isinstance(facts, JobFacts) and facts.claim:
        yield Key(facts.namespace, facts.claim)


def _key(model: ModelFacts) -> Key:
    return Key(model.namespace, model.name)
