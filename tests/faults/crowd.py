"""The models that are alive meanwhile, and one look at all that has become of them.

Their pods are kwok's: they become Ready without a container, `fetch` reports a complete download,
claims get a volume, and some models lodge on the claim of another one, so that a Job sleeps beside
them. Three models have no node and stay Unschedulable.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from flagos_operator.cluster.kinds import (
    CLAIM,
    CONFIG_MAP,
    DEPLOYMENT,
    JOB,
    MODEL,
    POD,
    SERVICE,
    Kind,
)
from flagos_operator.observed.parse import child_facts
from testbed import kwok
from tests.bench.cluster import Body, Cluster
from tests.loop import running

SIZE = 200
UNPLACED = 3
LODGERS = 4  # on another model's claim
HOST = "steady-007"
CREATORS = 8
RUN = os.getpid()  # what a run before left behind is in nobody's way
NODES = tuple(f"fake-{RUN}-{number}" for number in range(4))
EVERYWHERE = "kube-root-ca.crt"  # a ConfigMap of Kubernetes in each namespace
VOLUME_PATH = "/api/v1/persistentvolumes"
NODE_PATH = "/api/v1/nodes"
CHILDREN = (CONFIG_MAP, CLAIM, SERVICE, JOB, DEPLOYMENT)
REPLICA_SET = Kind(
    name="ReplicaSet",
    group="apps",
    version="v1",
    plural="replicasets",
    facts=partial(child_facts, kind="ReplicaSet"),
)
KINDS = (MODEL, *CHILDREN, REPLICA_SET, POD)

IN_PLACE: Body = {"source": {"hostPath": {"path": "/share/tiny"}}}
DOWNLOADED: Body = {"source": {"modelscope": {"repo": "a/b"}}}
CLASS = (
    f"faults-{RUN}"  # of volumes that are there beforehand: no provisioner works on a fake node
)
ON_A_CLAIM: Body = {
    **DOWNLOADED,
    "weights": {"volumeClaimTemplate": {"size": "64Mi", "storageClassName": CLASS}},
}
LODGED: Body = {
    **DOWNLOADED,
    "weights": {
        "persistentVolumeClaim": {"claimName": f"{HOST}-weights"},
        "reclaimPolicy": "Delete",
    },
}
SHAPES = (IN_PLACE, DOWNLOADED, IN_PLACE, DOWNLOADED, IN_PLACE, DOWNLOADED, IN_PLACE, ON_A_CLAIM)


def models(namespace: str, *, size: int = SIZE) -> Iterator[Body]:
    """Half of them are never scaled, so that their pods have to be the same for ever."""
    names = []
    for number in range(size - UNPLACED - LODGERS):
        names.append(f"{'steady' if number % 16 < 8 else 'scaled'}-{number:03}")
        yield a_model(names[-1], namespace=namespace, shape=SHAPES[number % len(SHAPES)])
    for number in range(LODGERS if HOST in names else 0):
        yield a_model(f"steady-lodged-{number}", namespace=namespace, shape=LODGED)
    for number in range(UNPLACED):
        body = a_model(f"unplaced-{number}", namespace=namespace, shape=DOWNLOADED)
        body["spec"]["pod"]["nodeSelector"] = {"example.com/no-such": "node"}
        yield body


def a_model(name: str, *, namespace: str, shape: Body = IN_PLACE) -> Body:
    pod = {"nodeSelector": kwok.LABEL, "tolerations": [kwok.TOLERATION]}
    return running.a_model(name, namespace=namespace, pod=pod, **shape)


def volumes(models: Iterable[Body]) -> Iterator[Body]:
    """One for each claim."""
    for model in models:
        if "volumeClaimTemplate" in model["spec"].get("weights", {}):
            yield {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": f"{CLASS}-{model['metadata']['name']}"},
                "spec": {
                    "storageClassName": CLASS,
                    "capacity": {"storage": "64Mi"},
                    "accessModes": ["ReadWriteOnce"],
                    "hostPath": {"path": "/share/claimed"},
                },
            }


def is_downloaded(model: Body) -> bool:
    return "hostPath" not in model["spec"]["source"]


async def create_all(cluster: Cluster, bodies: list[Body]) -> None:
    async def create(mine: list[Body]) -> None:
        for body in mine:
            await cluster.create(MODEL, body)

    async with asyncio.TaskGroup() as group:
        for number in range(CREATORS):
            group.create_task(create(bodies[number::CREATORS]))


@dataclass(frozen=True, kw_only=True)
class Look:
    """All objects of the namespace, by kind and name."""

    objects: dict[str, dict[str, Body]]

    def all(self, kind: Kind) -> dict[str, Body]:
        return self.objects[kind.name]

    @cached_property
    def families(self) -> dict[tuple[str, str], list[Body]]:
        """Objects of one kind that carry the label of one model."""
        found: defaultdict[tuple[str, str], list[Body]] = defaultdict(list)
        for kind, bodies in self.objects.items():
            for body in bodies.values():
                found[kind, model_of(body)].append(body)
        return dict(found)

    def of(self, kind: Kind, model: str) -> list[Body]:
        return self.families.get((kind.name, model), [])

    def versions(self, *kinds: Kind) -> dict[tuple[str, str], str]:
        return {
            (kind.name, name): body["metadata"]["resourceVersion"]
            for kind in kinds
            for name, body in self.all(kind).items()
        }

    def pods_by_model(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {name: set() for name in self.all(MODEL)}
        for pod in self.all(POD).values():
            found.setdefault(model_of(pod), set()).add(pod["metadata"]["uid"])
        return {name: frozenset(uids) for name, uids in found.items()}


async def look(cluster: Cluster, namespace: str) -> Look:
    lists = await asyncio.gather(*(cluster.items(kind, namespace) for kind in KINDS))
    return Look(
        objects={
            kind.name: {
                body["metadata"]["name"]: _whole(body, kind)
                for body in bodies
                if body["metadata"]["name"] != EVERYWHERE
            }
            for kind, bodies in zip(KINDS, lists, strict=True)
        }
    )


def model_of(body: Body) -> str:
    labels: dict[str, Any] = body["metadata"].get("labels") or {}
    return str(labels.get("flagos.io/model", ""))


def _whole(body: Body, kind: Kind) -> Body:
    """Items of a list do not say what they are."""
    return {"apiVersion": kind.api_version, "kind": kind.name, **body}
