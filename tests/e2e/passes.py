"""Whether the installed operator has looked at every model: its own metrics tell."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.conftest import SYSTEM
from tests.kube import eventually, run

LOOKS_WHEN_DONE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What an operator says that it has done since it began."""

    passes: Counter[str] = field(default_factory=Counter)
    models: float = 0
    waiting: float = 0

    @property
    def all_seen(self) -> bool:
        return self.models > 0 and not self.waiting and self.passes.total() >= self.models


def look(image: str) -> Look:
    """By the replica that works; nothing while there is none or another image still runs.

    One that stands by has all models in its queue and takes none.
    """
    pods = SYSTEM.list("pods", selector="app.kubernetes.io/name=flagos-operator")
    if {pod["spec"]["containers"][0]["image"] for pod in pods} != {image}:
        return Look()
    looks = [look_at(pod["metadata"]["name"]) for pod in pods]
    return max(looks, key=lambda each: each.passes.total())


def look_at(pod: str) -> Look:
    """Asked of the pod itself: the Service in front of it would choose one."""
    path = f"/api/v1/namespaces/{SYSTEM.namespace}/pods/{pod}:8080/proxy/metrics"
    passes: Counter[str] = Counter()
    values: dict[str, float] = {}
    for family in text_string_to_metric_families(run("kubectl", "get", "--raw", path)):
        for each in family.samples:
            if each.name == "flagos_reconcile_total":
                passes[each.labels["result"]] += int(each.value)
            elif not each.labels:
                values[each.name] = each.value
    return Look(
        passes=passes, models=values["flagos_models"], waiting=values["flagos_queue_depth"]
    )


def looked_at_all(image: str) -> Look:
    """Once each model had its pass and nothing follows from it."""
    looks = [Look()]

    def done() -> bool:
        looks.append(look(image))
        last = looks[-LOOKS_WHEN_DONE:]
        return last == [looks[-1]] * LOOKS_WHEN_DONE and looks[-1].all_seen

    try:
        eventually(done, within=60, what=f"the operator {image} has looked at all models")
    except AssertionError as error:
        raise AssertionError(f"{error}; it said {looks[-1]}") from error
    return looks[-1]
