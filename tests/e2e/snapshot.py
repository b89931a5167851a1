"""One namespace at one moment, and what two such moments have to have in common.

Who compares two versions of the operator must neither overlook a roll nor forbid progress: a newer
version may say more of a model, and in other words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.kube import Body, Kube, eventually

CHILDREN = ("deployments", "replicasets", "services", "configmaps", "persistentvolumeclaims")
# For people; the rest of a status is part of the API (docs/status.md).
WORDS = frozenset({"message", "progress"})
LOOKS_AT_REST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    models: Mapping[str, Body]
    pods: Mapping[str, Body]
    children: Mapping[str, Body]
    events: Mapping[str, int]  # of models, with how often each was seen

    def status(self, model: str) -> Body:
        """With the conditions by their type."""
        status: Body = self.models[model].get("status", {})
        conditions = {each["type"]: each for each in status.get("conditions", [])}
        return {**status, "conditions": conditions}

    def runs(self) -> dict[str, object]:
        """Each pod, each start of its containers, and what each one that ended has left."""
        return {name: (pod["metadata"]["uid"], _starts(pod)) for name, pod in self.pods.items()}

    def writes(self, *, but: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        """What any write to a child moves; of the kinds in `but` only what a roll would move."""
        return {
            name: _marks(body, written=body["kind"] in but) for name, body in self.children.items()
        }

    def ready_pods(self, model: str) -> int:
        """By the kubelet's word."""
        mine = [pod for pod in self.pods.values() if _model(pod) == model]
        return sum(_is_ready(pod) for pod in mine)


def snapshot(kube: Kube) -> Snapshot:
    found = kube.list(",".join((*CHILDREN, "pods", "flagosmodels", "events")))
    made = [body for body in found if "flagos.io/model" in body["metadata"].get("labels", {})]
    return Snapshot(
        models=_named(body for body in found if body["kind"] == "FlagOSModel"),
        pods=_named(body for body in made if body["kind"] == "Pod"),
        children={f"{each['kind']} {_name(each)}": each for each in made if each["kind"] != "Pod"},
        events={
            _name(body): body.get("count") or 1
            for body in found
            if body["kind"] == "Event" and body["involvedObject"]["kind"] == "FlagOSModel"
        },
    )


def at_rest(kube: Kube, *, within: float = 60) -> Snapshot:
    """Kubernetes' own controllers write on for a moment after a model has become Ready."""
    looks: list[Snapshot] = []

    def still() -> Snapshot | None:
        looks.append(snapshot(kube))
        last = looks[-LOOKS_AT_REST:]
        unmoved = len(last) == LOOKS_AT_REST and all(each == last[0] for each in last)
        return last[0] if unmoved else None

    return eventually(still, within=within, what=f"{kube.namespace} is at rest")


def contradictions(older: Any, newer: Any, *, of: str) -> list[str]:
    """Where the newer version does not say what the older one says.

    What the older one did not know it did not say.
    """
    if isinstance(older, dict) and isinstance(newer, dict):
        return [
            line
            for key in older.keys() - WORDS
            for line in contradictions(older[key], newer.get(key), of=f"{of}.{key}")
        ]
    if older in (newer, "Unknown"):
        return []
    return [f"{of}: {older!r} by the older, {newer!r} by the newer"]


def _starts(pod: Body) -> list[tuple[object, ...]]:
    status = pod["status"]
    containers = status.get("initContainerStatuses", []) + status.get("containerStatuses", [])
    return [
        (each["name"], each.get("containerID"), each["restartCount"], each["state"])
        for each in containers
    ]


def _marks(body: Body, *, written: bool) -> tuple[str, ...]:
    meta = body["metadata"]
    rolls = (meta["uid"], str(meta.get("generation", "")))
    return rolls if written else (*rolls, meta["resourceVersion"])


def _is_ready(pod: Body) -> bool:
    conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True"


def _model(pod: Body) -> str:
    return str(pod["metadata"]["labels"]["flagos.io/model"])


def _named(bodies: Iterable[Body]) -> dict[str, Body]:
    return {_name(body): body for body in bodies}


def _name(body: Body) -> str:
    return str(body["metadata"]["name"])
