"""Builders: each gives a thing that is well, so that a test names only what is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flagos_operator.api.spec import FlagOSModelSpec, parse
from flagos_operator.catalog.chips import load_chips
from flagos_operator.desired.given import Defaults, Meta
from flagos_operator.desired.plan import Plan, decide
from flagos_operator.observed.facts import (
    ChildFacts,
    Condition,
    ContainerFacts,
    DeploymentFacts,
    ModelFacts,
    PodFacts,
    Termination,
)
from flagos_operator.status.view import View

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
DONE = (
    '{"reason":"Complete","source":"modelscope","repo":"FlagRelease/X","revision":"master",'
    '"totalBytes":9000000000,"files":12,"digest":"sha256:c0ffee"}'
)
NO_REPO = '{"reason":"SourceNotFound","message":"modelscope has no a/b"}'
SPEC = {
    "chip": "nvidia",
    "devices": 1,
    "image": "harbor.example/flagos:1.6",
    "source": {"modelscope": {"repo": "FlagRelease/X"}},
}


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def a_plan(*, weights: Any = None, pod: Any = None, said: Any = None, **change: Any) -> Plan:
    """What is decided for SPEC and `said`, with template t1 and whatever a test wants else."""
    wanted = SPEC | {"weights": weights, "pod": pod} | (said or {})
    raw = {"metadata": {"name": "qwen", "namespace": "prod"}, "spec": wanted}
    spec = parse(raw)
    assert isinstance(spec, FlagOSModelSpec), spec
    meta = Meta(namespace="prod", name="qwen", uid="m1", generation=1)
    defaults = Defaults(fetch_image="operator:1", registry_rewrite={}, fetch_env={})
    plan = decide(spec, meta=meta, defaults=defaults, chips=load_chips(None))
    assert isinstance(plan, Plan), plan
    return replace(plan, template="t1", budget_seconds=600, **change)


def a_model(**change: Any) -> ModelFacts:
    well: dict[str, Any] = {
        "namespace": "prod",
        "name": "qwen",
        "uid": "m1",
        "generation": 1,
        "resource_version": "7",
        "deleting": False,
        "raw": {},
        "status": {},
    }
    return ModelFacts(**(well | change))


def a_container(name: str = "server", **change: Any) -> ContainerFacts:
    """Running and ready since a minute."""
    well: dict[str, Any] = {
        "name": name,
        "init": name == "fetch",
        "ready": True,
        "started": True,
        "restarts": 0,
        "state": "running",
        "reason": "",
        "message": "",
        "image_id": "",
        "ended": None,
        "last": None,
        "since": ago(60),
    }
    return ContainerFacts(**(well | change))


def ended(code: int = 1, *, at: float = 5, ran: float = 20, **change: Any) -> Termination:
    """A run that ended `at` seconds ago after `ran` seconds."""
    well: dict[str, Any] = {
        "exit_code": code,
        "reason": "Completed" if code == 0 else "Error",
        "message": "",
        "started": ago(at + ran),
        "finished": ago(at),
    }
    return Termination(**(well | change))


def starting(**change: Any) -> ContainerFacts:
    return a_container(**({"ready": False, "started": False} | change))


def waiting(reason: str, message: str = "", **change: Any) -> ContainerFacts:
    told = {"state": "waiting", "reason": reason, "message": message, "since": None}
    return starting(**(told | change))


def crashed(run: Termination, **change: Any) -> ContainerFacts:
    """In back-off after a run that ended."""
    return waiting("CrashLoopBackOff", "back-off 10s", **({"last": run, "restarts": 1} | change))


def fetched(message: str = DONE, **change: Any) -> ContainerFacts:
    run = ended(0, at=61, message=message)
    return a_container("fetch", **({"state": "terminated", "ended": run, "since": None} | change))


def fetching(**change: Any) -> ContainerFacts:
    return a_container("fetch", ready=False, **change)


def a_condition(kind: str, status: str, reason: str = "", message: str = "") -> Condition:
    return Condition(type=kind, status=status, reason=reason, message=message, since=ago(60))


def a_pod(*containers: ContainerFacts, **change: Any) -> PodFacts:
    """Of the newest spec, on a node, ready when its server is."""
    inside = containers or (fetched(), a_container())
    is_ready = all(each.ready for each in inside)
    well: dict[str, Any] = {
        "namespace": "prod",
        "name": "qwen-0",
        "uid": "p0",
        "model": "qwen",
        "template": "t1",
        "phase": "Running",
        "node": "node1",
        "deleting": False,
        "ready": is_ready,
        "created": ago(120),
        "reason": "",
        "message": "",
        "conditions": (a_condition("Ready", str(is_ready)),),
        "containers": inside,
    }
    return PodFacts(**(well | change))


def unscheduled(message: str = "", *, age: float = 60, **change: Any) -> PodFacts:
    told = (a_condition("PodScheduled", "False", "Unschedulable", message),)
    conditions = told if message else ()
    well = {"node": "", "ready": False, "phase": "Pending", "created": ago(age)}
    return replace(a_pod(), **(well | {"conditions": conditions, "containers": ()} | change))


def a_deployment(**change: Any) -> DeploymentFacts:
    well: dict[str, Any] = {
        "namespace": "prod",
        "name": "qwen",
        "uid": "d1",
        "model": "qwen",
        "owner_uid": "m1",
        "generation": 1,
        "observed_generation": 1,
        "template": "t1",
        "fetch_image": "operator:1",
        "wanted": 1,
        "replicas": 1,
        "updated": 1,
        "ready": 1,
        "available": 1,
        "deleting": False,
        "conditions": (),
        "version": "1",
    }
    return DeploymentFacts(**(well | change))


def a_claim(phase: str) -> ChildFacts:
    return ChildFacts(
        kind="PersistentVolumeClaim",
        namespace="prod",
        name="qwen-weights",
        uid="c1",
        model="qwen",
        owner_uid="",
        deleting=False,
        phase=phase,
        version="1",
    )


def a_view(*pods: PodFacts, **change: Any) -> View:
    well: dict[str, Any] = {
        "model": a_model(),
        "plan": change.pop("plan", None) or a_plan(),
        "deployment": a_deployment(),
        "pods": pods,
        "children": (),
        "now": NOW,
    }
    return View(**(well | change))


def fetch_failing(message: str = NO_REPO, **run: Any) -> ContainerFacts:
    return crashed(ended(10, message=message, **run), name="fetch", init=True)


def was_ready(**change: Any) -> PodFacts:
    """Ready was lost after the present run began."""
    lost = replace(a_condition("Ready", "False"), since=ago(5))
    return a_pod(fetched(), a_container(ready=False, **change), conditions=(lost,))
