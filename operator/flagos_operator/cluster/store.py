"""What the cluster holds, as last told: facts of models and of their children.

Two sources feed it, watch events and lists, and neither waits for the other. The API server
numbers every write, so the newer word wins whoever brings it; our own writes come back as
answers, are put here at once, and their echo in the watch is then no news.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flagos_operator.cluster.kinds import CLAIM, DEPLOYMENT, JOB, KINDS, MODEL, Facts, Key, Kind
from flagos_operator.cluster.sharing import Sharing
from flagos_operator.observed.facts import (
    ChildFacts,
    DeploymentFacts,
    JobFacts,
    ModelFacts,
    PinFacts,
    PodFacts,
)

Body = Mapping[str, Any]
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True, slots=True)
class Entry:
    version: int
    facts: Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One model and what carries its label."""

    model: ModelFacts | None
    deployment: DeploymentFacts | None
    pods: tuple[PodFacts, ...]
    children: tuple[ChildFacts, ...]
    jobs: tuple[JobFacts, ...] = ()
    pins: tuple[PinFacts, ...] = ()  # of this very model, the newest last
    claims: tuple[ChildFacts, ...] = ()  # made by us, be it for others, that it uses or owns

    @property
    def owned(self) -> Iterator[DeploymentFacts | JobFacts | ChildFacts]:
        """Objects that an apply of ours may have made."""
        if self.deployment:
            yield self.deployment
        yield from self.jobs
        yield from self.children


class Store:
    """`concerns` is told of models that a change concerns though it is about another one.

    It is told at once and not with the news: an answer to a write of ours may hold such a change,
    and is no news to the model that it was written for.
    """

    def __init__(self, *, concerns: Callable[[Key], object] = lambda _: None) -> None:
        self._concerns = concerns
        self._entries: dict[str, dict[Key, Entry]] = {kind.name: {} for kind in KINDS}
        self._families: defaultdict[Key, dict[tuple[str, Key], Facts]] = defaultdict(dict)
        self.sharing = Sharing()
        # When what was last deleted: a list that is older must not bring it back.
        self._graves: dict[tuple[str, Key], int] = {}

    def __len__(self) -> int:
        return len(self._entries[MODEL.name])

    def put(self, kind: Kind, body: Body) -> set[Key]:
        """Remember an object; returns the models that have news by it."""
        key, version = _key(body), _version(body)
        known = self._entries[kind.name].get(key)
        if version <= max(known.version if known else -1, self._graves.get((kind.name, key), -1)):
            return set()
        facts = kind.facts(_slim(body))
        self._entries[kind.name][key] = Entry(version, facts)
        if known and known.facts == facts:
            return set()
        return self._regroup(kind, key, known.facts if known else None, facts)

    def drop(self, kind: Kind, body: Body) -> set[Key]:
        """Forget an object that was deleted; `body` is its last state."""
        key, version = _key(body), _version(body)
        known = self._entries[kind.name].get(key)
        if known and known.version > version:
            return set()  # the name has a new bearer already
        self._graves[kind.name, key] = version
        return self._remove(kind, key)

    def gone(self, kind: Kind, key: Key) -> set[Key]:
        """Forget an object because the API server says that there is none."""
        return self._remove(kind, key)

    def sweep(
        self, kind: Kind, *, seen: set[Key], version: int, namespace: str
    ) -> tuple[int, set[Key]]:
        """Drop what a complete list of `version` does not hold: ghosts, and who has news by it.

        What is newer than the list is no ghost.
        """
        ghosts = [
            key
            for key, entry in self._entries[kind.name].items()
            if key not in seen and entry.version <= version and namespace in ("", key.namespace)
        ]
        news = [self._remove(kind, key) for key in ghosts]
        return len(ghosts), set().union(*news)

    def forget_graves(self) -> None:
        self._graves.clear()

    def keys(self) -> Iterable[Key]:
        """All models, and those that are gone and have left work behind."""
        jobs = (entry.facts for entry in self._entries[JOB.name].values())
        left = (_family(facts) for facts in jobs)
        return {*self._entries[MODEL.name], *(key for key in left if key)}

    def models(self) -> Iterator[ModelFacts]:
        for entry in self._entries[MODEL.name].values():
            if isinstance(entry.facts, ModelFacts):
                yield entry.facts

    def find(self, kind: Kind, key: Key) -> Facts | None:
        entry = self._entries[kind.name].get(key)
        return entry.facts if entry else None

    def version(self, kind: Kind, key: Key) -> int:
        entry = self._entries[kind.name].get(key)
        return entry.version if entry else 0

    def snapshot(self, key: Key) -> Snapshot:
        model = self.find(MODEL, key)
        family = self._families.get(key, {})
        deployment = family.get((DEPLOYMENT.name, key))
        pods = (each for each in family.values() if isinstance(each, PodFacts))
        return Snapshot(
            model=model if isinstance(model, ModelFacts) else None,
            deployment=deployment if isinstance(deployment, DeploymentFacts) else None,
            pods=tuple(sorted(pods, key=lambda pod: (pod.created, pod.name))),
            children=tuple(each for each in family.values() if isinstance(each, ChildFacts)),
            jobs=tuple(each for each in family.values() if isinstance(each, JobFacts)),
            pins=_pins(model, family.values()),
            claims=self._claims(model) if isinstance(model, ModelFacts) else (),
        )

    def _claims(self, model: ModelFacts) -> tuple[ChildFacts, ...]:
        used = {Key(model.namespace, name) for name in model.claims}
        keys = sorted(used | self.sharing.kept_by(model.uid))
        found = (self.find(CLAIM, key) for key in keys)
        return tuple(each for each in found if isinstance(each, ChildFacts))

    def _remove(self, kind: Kind, key: Key) -> set[Key]:
        entry = self._entries[kind.name].pop(key, None)
        return self._regroup(kind, key, entry.facts, None) if entry else set()

    def _regroup(self, kind: Kind, key: Key, old: Facts | None, new: Facts | None) -> set[Key]:
        """Move a child to the family that its label names; a label can be edited."""
        for other in self.sharing.move(kind, key, old=old, new=new):
            self._concerns(other)
        if kind is MODEL:
            return {key}
        before, after = _family(old), _family(new)
        if before:
            self._families[before].pop((kind.name, key), None)
            if not self._families[before]:
                del self._families[before]
        if after and new:
            self._families[after][kind.name, key] = new
        return {each for each in (before, after) if each}


def _pins(model: Facts | None, family: Iterable[Facts]) -> tuple[PinFacts, ...]:
    if not isinstance(model, ModelFacts):
        return ()
    found = (
        each
        for each in family
        if isinstance(each, PinFacts) and each.owner_uid == model.uid and not each.deleting
    )
    return tuple(sorted(found, key=lambda pin: pin.revision))


def _family(facts: Facts | None) -> Key | None:
    if facts is None or isinstance(facts, ModelFacts) or not facts.model:
        return None
    return Key(facts.namespace, facts.model)


def _key(body: Body) -> Key:
    meta = body["metadata"]
    return Key(meta.get("namespace", ""), meta["name"])


def _version(body: Body) -> int:
    """Versions are ordered numbers by the API's own promise (KEP-5504)."""
    return int(body["metadata"].get("resourceVersion") or 0)


def _slim(body: Body) -> dict[str, Any]:
    """Without the bookkeeping that is often larger than the object."""
    meta = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
    notes = meta.get("annotations") or {}
    if LAST_APPLIED in notes:
        meta["annotations"] = {n: v for n, v in notes.items() if n != LAST_APPLIED}
    return {**body, "metadata": meta}
