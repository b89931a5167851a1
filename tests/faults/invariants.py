"""What has to hold when all has calmed down, each as a rule that names what breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from flagos_operator.cluster.kinds import BY_NAME, MODEL, POD, Kind
from flagos_operator.desired.plan import Plan
from flagos_operator.desired.render import render
from flagos_operator.documents import Document
from flagos_operator.observed.facts import ChildFacts, DeploymentFacts, PodFacts
from flagos_operator.observed.parse import model_facts
from flagos_operator.operands import catalogue, defaults
from flagos_operator.render import Operator
from flagos_operator.settings import Settings
from flagos_operator.status.summary import summarize
from flagos_operator.status.view import View
from tests.bench.cluster import Body
from tests.faults.crowd import CHILDREN, REPLICA_SET, Look
from tests.faults.operators import IMAGE

MOST_TOLD = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """As it was when the crowd had come alive."""

    models: frozenset[str]
    pods: Mapping[str, frozenset[str]]


Rule = Callable[[Look, Before], Iterator[str]]


def broken(look: Look, before: Before) -> list[str]:
    return [said for rule in RULES for said in rule(look, before)]


def told(complaints: Iterable[str]) -> str:
    found = list(complaints)
    more = [f"... and {len(found) - MOST_TOLD} more"] if len(found) > MOST_TOLD else []
    return "\n".join(["", *found[:MOST_TOLD], *more])


def nobody_is_missing(look: Look, before: Before) -> Iterator[str]:
    for name in sorted(before.models - look.all(MODEL).keys()):
        yield f"model {name} is gone"


def nothing_is_stuck(look: Look, _: Before) -> Iterator[str]:
    for kind, bodies in look.objects.items():
        for name, body in bodies.items():
            if "deletionTimestamp" in body["metadata"]:
                yield f"{kind} {name} is being deleted for ever"
    for name, model in look.all(MODEL).items():
        seen = model.get("status", {}).get("observedGeneration")
        if seen != model["metadata"]["generation"]:
            yield f"model {name}: generation {model['metadata']['generation']}, observed {seen}"


def children_are_as_planned(look: Look, _: Before) -> Iterator[str]:
    for model in look.all(MODEL).values():
        for manifest in render(plan_of(model)):
            kind, name = manifest["kind"], manifest["metadata"]["name"]
            live = look.objects[kind].get(name)
            if live is None:
                yield f"{kind} {name} is missing"
            else:
                yield from (f"{kind} {name}: {said}" for said in differing(manifest, live))


def nothing_is_left_over(look: Look, _: Before) -> Iterator[str]:
    plans = [plan_of(model) for model in look.all(MODEL).values()]
    wanted = {(ref.kind, ref.name) for plan in plans for ref in plan.owns}
    for kind in CHILDREN:
        for name in look.all(kind):
            if (kind.name, name) not in wanted:
                yield f"{kind.name} {name} belongs to no plan"


def every_model_has_the_pods_it_asks_for(look: Look, _: Before) -> Iterator[str]:
    pods = look.pods_by_model()
    for name, model in look.all(MODEL).items():
        wanted = plan_of(model).replicas
        if len(pods[name]) != wanted:
            yield f"model {name} asks for {wanted} pods and has {len(pods[name])}"
    for name in sorted(pods.keys() - look.all(MODEL).keys()):
        yield f"pods of a model {name!r}, which is not there"


def every_pod_is_ready(look: Look, _: Before) -> Iterator[str]:
    """But for those that no node takes."""
    for name, pod in look.all(POD).items():
        told = {c["type"]: c["status"] for c in pod.get("status", {}).get("conditions", ())}
        if told.get("Ready") != "True" and not name.startswith("unplaced"):
            yield f"pod {name} is not ready"


def no_pod_was_rolled(look: Look, before: Before) -> Iterator[str]:
    """A roll would have made a second ReplicaSet; and whom nobody scaled has the same pods."""
    for name in look.all(MODEL):
        count = len(look.of(REPLICA_SET, name))
        if count != 1:
            yield f"model {name} has {count} ReplicaSets"
    now = look.pods_by_model()
    for name, uids in before.pods.items():
        if name.startswith("steady") and now.get(name) != uids:
            yield f"model {name} has other pods than before"


def nothing_was_downloaded_twice(look: Look, _: Before) -> Iterator[str]:
    for name, pod in look.all(POD).items():
        for each in pod.get("status", {}).get("initContainerStatuses", ()):
            if each["restartCount"]:
                yield f"{each['name']} of pod {name} ran again"


def statuses_are_as_judged(look: Look, _: Before) -> Iterator[str]:
    for name, model in look.all(MODEL).items():
        wanted, found = judged(look, model), model.get("status", {})
        for key in sorted(wanted.keys() | found.keys()):
            if wanted.get(key) != found.get(key):
                yield f"status.{key} of {name}: {found.get(key)} instead of {wanted.get(key)}"


RULES: tuple[Rule, ...] = (
    nobody_is_missing,
    nothing_is_stuck,
    children_are_as_planned,
    nothing_is_left_over,
    every_model_has_the_pods_it_asks_for,
    every_pod_is_ready,
    no_pod_was_rolled,
    nothing_was_downloaded_twice,
    statuses_are_as_judged,
)


def judged(look: Look, model: Body) -> dict[str, Any]:
    """What one who has just come would say of it: the pure half alone, from what is there."""
    name = model["metadata"]["name"]
    children = [facts(kind, body) for kind in CHILDREN for body in look.of(kind, name)]
    pods = [facts(POD, body) for body in look.of(POD, name)]
    view = View(
        model=model_facts(model),
        plan=plan_of(model),
        deployment=next((each for each in children if isinstance(each, DeploymentFacts)), None),
        pods=tuple(
            sorted(
                (each for each in pods if isinstance(each, PodFacts)),
                key=lambda pod: (pod.created, pod.name),
            )
        ),
        children=tuple(each for each in children if isinstance(each, ChildFacts)),
        now=datetime.now(tz=UTC),  # noqa: TID251  it is the judge of other clocks
    )
    return summarize(view).status


def facts(kind: Kind, body: Body) -> Any:
    return BY_NAME[kind.name].facts(body)


@cache
def operator() -> Operator:
    settings = Settings(operator_image=IMAGE)
    return Operator(defaults=defaults(settings), catalogue=catalogue(settings), namespace="")


def plan_of(model: Body) -> Plan:
    plan = operator().plan(Document(origin=model["metadata"]["name"], body=model))
    assert isinstance(plan, Plan), plan
    return plan


def differing(wanted: Any, live: Any, path: str = "") -> Iterator[str]:
    """Where the live object does not hold what the manifest says; more it may hold."""
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        for key, value in wanted.items():
            yield from differing(value, live.get(key), f"{path}.{key}")
    elif isinstance(wanted, list | tuple) and isinstance(live, list) and len(wanted) == len(live):
        for number, (one, other) in enumerate(zip(wanted, live, strict=True)):
            yield from differing(one, other, f"{path}[{number}]")
    elif wanted != live and wanted not in ({}, []):
        yield f"{path} is {live!r} instead of {wanted!r}"
