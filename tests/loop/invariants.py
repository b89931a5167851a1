"""What holds whenever the operator has come to rest, said without the operator's engine.

Objects and statuses are computed anew from what the fake API holds, by the pure half alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

from flagos_operator.api.outcome import Invalid
from flagos_operator.app import utc_now
from flagos_operator.cluster.kinds import KINDS, Key
from flagos_operator.cluster.store import Snapshot, Store
from flagos_operator.decisions import Decisions
from flagos_operator.desired.fleet import UNKNOWN, Fleet, fleets
from flagos_operator.desired.plan import Plan
from flagos_operator.desired.reclaim import overlapping
from flagos_operator.desired.render import render
from flagos_operator.observed.facts import DeploymentFacts, JobFacts
from flagos_operator.observed.nodes import Pool, node_facts
from flagos_operator.observed.parse import deployment_facts, job_facts, model_facts
from flagos_operator.operands import catalogue, defaults
from flagos_operator.settings import Settings
from flagos_operator.status import prechecks
from flagos_operator.status.summary import summarize
from flagos_operator.status.view import View
from tests.loop.fakekube import FakeKube, merging
from tests.loop.fakekube.storage import Id, matches
from tests.loop.scripts import CHILDREN, Stage, children

CATALOGUE = catalogue(Settings())
DECISIONS = Decisions(catalogue=lambda: CATALOGUE, defaults=defaults(Settings()))
NOTHING = Snapshot(model=None, deployment=None, pods=(), children=())


def judge(stage: Stage) -> None:
    for model in stage.kube.all("FlagOSModel"):
        plan = plan_of(model)
        if isinstance(plan, Plan):
            _children_are_as_planned(stage.kube, plan)
            _nothing_else_is_owned(stage.kube, plan)
        _the_status_is_true(stage.kube, model, plan)
    assert not _being_deleted(stage.kube), "stuck in its deletion"
    for name, asked in stage.asked.items():
        _no_pods_changed_for_nothing(stage.kube, name, asked)
    _no_weights_went_for_nothing(stage)
    _no_directory_went_under_a_model(stage)


def statuses_are_true(kube: FakeKube) -> None:
    for model in kube.all("FlagOSModel"):
        _the_status_is_true(kube, model, plan_of(model))


def plan_of(model: dict[str, Any]) -> Plan | Invalid:
    """Without what is there: neither pods nor what was kept of rows."""
    facts = model_facts(model)
    alone = replace(facts, status={}, verify="")
    return DECISIONS.of(NOTHING, alone).plan


def _children_are_as_planned(kube: FakeKube, plan: Plan) -> None:
    for manifest in render(plan):
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        live = kube.find(kind, name, namespace=manifest["metadata"]["namespace"])
        assert live, f"no {kind} {name}"
        assert merging.apply(live, manifest, before={}) == live, f"{kind} {name} is not as planned"


def _nothing_else_is_owned(kube: FakeKube, plan: Plan) -> None:
    wanted = {(each.kind, each.name) for each in plan.owns}
    owned = {
        (body["kind"], body["metadata"]["name"])
        for kind in CHILDREN
        for body in children(kube, kind, of=plan.meta.name)
        if plan.meta.uid in _owners(body)
    }
    assert owned <= wanted, f"left over: {owned - wanted}"


def _owners(body: dict[str, Any]) -> set[str]:
    """A claim has a controller, and others who only use it; a Job that outlives its model none."""
    meta = body["metadata"]
    mine = {o["uid"] for o in meta.get("ownerReferences") or () if o.get("controller")}
    return mine | {(meta.get("annotations") or {}).get("flagos.io/model-uid", "")}


def _no_directory_went_under_a_model(stage: Stage) -> None:
    """While a Job removes a directory, no Deployment has pods that read there."""
    alive: dict[Id, dict[str, Any]] = {}
    for change in stage.kube.storage.history:
        if change.type == "DELETED":
            alive.pop(change.id, None)
        else:
            alive[change.id] = change.body
        jobs = [job_facts(body) for each, body in alive.items() if each.plural == "jobs"]
        busy = [job for job in jobs if not job.suspended and not job.ended]
        for each, body in alive.items():
            if busy and each.plural == "deployments":
                _reads_elsewhere(deployment_facts(body), busy)


def _reads_elsewhere(deployment: DeploymentFacts, jobs: list[JobFacts]) -> None:
    for job in jobs:
        for claim, path in deployment.mounts:
            meets = claim == job.claim and overlapping(job.directory, path)
            assert not meets or not deployment.wanted, f"{job.name} ran under {deployment.name}"


def _the_status_is_true(kube: FakeKube, model: dict[str, Any], plan: Plan | Invalid) -> None:
    meta = model["metadata"]
    seen = _all_told(kube).snapshot(Key(meta["namespace"], meta["name"]))
    assert seen.model
    view = View(
        model=seen.model,
        plan=plan,
        deployment=seen.deployment,
        pods=seen.pods,
        children=seen.children,
        now=utc_now(),
    )
    view = replace(view, fleet=_fleet(kube, prechecks.looks(view)))
    assert model.get("status") == summarize(view).status, f"the status of {meta['name']} is old"
    assert all(each["reason"] for each in model["status"]["conditions"])


def _fleet(kube: FakeKube, resource: str) -> Fleet:
    found = fleets([node_facts(body, pool=Pool()) for body in kube.all("Node")])
    return found.get(resource, UNKNOWN)


def _all_told(kube: FakeKube) -> Store:
    store = Store()
    for kind in KINDS:
        for body in kube.all(kind.name):
            if matches(body, kind.selector):
                store.put(kind, body)
    return store


def _being_deleted(kube: FakeKube) -> list[str]:
    metas = (body["metadata"] for body in kube.storage.objects.values())
    return [meta["name"] for meta in metas if meta.get("deletionTimestamp")]


def _no_pods_changed_for_nothing(kube: FakeKube, name: str, asked: list[dict[str, Any]]) -> None:
    """The templates that a Deployment had are those that its model asked for, in that order."""
    plans = [plan_of(model) for model in asked]
    wanted = _without_repeats(plan.template for plan in plans if isinstance(plan, Plan))
    had = _without_repeats(
        change.body["spec"]["template"]["metadata"]["annotations"]["flagos.io/template"]
        for change in kube.storage.history
        if change.id.plural == "deployments" and change.id.name == name
    )
    left: Iterator[str] = iter(wanted)
    assert all(each in left for each in had), f"{name}: had {had}, was asked for {wanted}"


def _no_weights_went_for_nothing(stage: Stage) -> None:
    """A claim goes with its files, which would be downloaded again."""
    for change in stage.kube.storage.history:
        meta = change.body["metadata"]
        if change.id.plural != "persistentvolumeclaims" or change.type != "DELETED":
            continue
        if meta["uid"] not in stage.lost:
            assert meta.get("ownerReferences"), f"{change.id.name} was to be retained"
            assert _may_go(stage, meta["labels"]["flagos.io/model"]), f"{change.id.name} went"


def _may_go(stage: Stage, name: str) -> bool:
    plans = [plan_of(model) for model in stage.asked[name]]
    claims = {"PersistentVolumeClaim"}
    return name in stage.removed or any(
        isinstance(plan, Plan) and not claims & {each.kind for each in plan.owns} for plan in plans
    )


def _without_repeats(items: Iterable[str]) -> list[str]:
    return [each for each, _ in groupby(items)]
