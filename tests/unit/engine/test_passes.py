"""What one pass over a model asks of the API server, and what it never does meanwhile."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from flagos_operator.catalog.catalogue import Catalogue
from flagos_operator.cluster.apply import Applier
from flagos_operator.cluster.client import Client
from flagos_operator.cluster.complaints import Complaints
from flagos_operator.cluster.fleets import Fleets
from flagos_operator.cluster.kinds import KINDS, MODEL, PIN, POD, Key, Kind
from flagos_operator.cluster.listener import Listener
from flagos_operator.cluster.pins import Pins
from flagos_operator.cluster.recorder import Recorder
from flagos_operator.cluster.statuses import Statuses
from flagos_operator.cluster.store import Snapshot, Store
from flagos_operator.cluster.suspicions import Suspicions
from flagos_operator.cluster.tails import Tails
from flagos_operator.cluster.verdicts import Verdicts
from flagos_operator.decisions import Decisions
from flagos_operator.desired.given import Defaults
from flagos_operator.desired.plan import Plan
from flagos_operator.engine.workers import Next
from flagos_operator.metrics import Metrics
from flagos_operator.observed.facts import ModelFacts
from flagos_operator.reconcile import Conductor
from flagos_operator.retention import Retention
from flagos_operator.status.fetchlog import says_something
from flagos_operator.status.startlog import distil, turns
from tests.loop.running import a_downloaded_model, a_model, a_pod
from tests.unit.desired.build import DEFAULTS, chips

Body = dict[str, Any]
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Api:
    """Answers at once and keeps what it is given; `asked` are the verbs, in order."""

    asked: list[str] = field(default_factory=list)
    meanwhile: Callable[[], None] | None = None  # happens once, while a child is applied
    objects: dict[Key, Body] = field(default_factory=dict)
    _versions: itertools.count[int] = field(default_factory=lambda: itertools.count(10))

    async def apply(self, _: Kind, manifest: Body, *, force: bool) -> Body:
        self.asked.append(f"apply {manifest['kind']}")
        assert isinstance(force, bool)
        if happens := self.meanwhile:
            self.meanwhile = None
            happens()
        return self.stored(manifest)

    async def apply_status(self, key: Key, *, uid: str, status: Body) -> Body:
        self.asked.append("apply_status")
        assert uid
        return self.stored({**self.objects[key], "status": status})

    async def create_event(self, event: Body) -> None:
        self.asked.append(f"event {event['reason']}")

    async def log_tail(self, *_: Any, **__: Any) -> str:
        self.asked.append("log")
        return "RuntimeError: no"

    async def get(self, kind: Kind, _: Key) -> Body:
        self.asked.append("get")
        raise AssertionError(f"a {kind.name} was read that the store has")

    async def list(self, kind: Kind, *, namespace: str) -> AsyncIterator[Body]:
        self.asked.append("list")
        raise AssertionError(f"{kind.name}s of {namespace!r} were listed in a pass")
        yield {}

    def stored(self, body: Body) -> Body:
        version = str(next(self._versions))
        meta = {"uid": f"u-{body['kind']}", "generation": 1} | body["metadata"]
        kept = {**body, "metadata": {**meta, "resourceVersion": version}}
        if body["kind"] == MODEL.name:
            self.objects[Key(meta["namespace"], meta["name"])] = kept
        return kept


class Lab:
    """A conductor whose clock leaps a second each time somebody looks at it."""

    def __init__(self) -> None:
        self.api, self.store = Api(), Store()
        client, metrics = cast("Client", self.api), Metrics()
        self.now = START
        known = Catalogue(chips=chips(), releases={})
        self.decisions = Decisions(catalogue=lambda: known, defaults=Defaults(**DEFAULTS))
        self.conductor = Conductor(
            store=self.store,
            applier=Applier(client=client, store=self.store, metrics=metrics, now=self.tick),
            statuses=Statuses(client=client, store=self.store),
            tails=Tails(client=client),
            complaints=Complaints(client=client, clock=lambda: 0.0),
            listener=Listener(
                client=client,
                clock=lambda: 0.0,
                tell=lambda _: None,
                says_something=says_something,
                distil=distil,
                turns=turns,
            ),
            suspicions=Suspicions(now=self.tick),
            recorder=Recorder(client=client, instance="one", now=self.tick),
            retention=Retention(
                client=client,
                store=self.store,
                decide=lambda model: self.decisions.of(self.seen(model.name), model).plan,
                image=DEFAULTS["fetch_image"],
            ),
            verdicts=Verdicts(client=client),
            decisions=self.decisions,
            fleets=Fleets(look=None, clock=lambda: 0.0, tell=lambda _: None),
            pins=Pins(client=client, store=self.store, now=self.tick),
            now=self.tick,
            started=metrics.model_ready_seconds.observe,
            lasted=metrics.phase_lasted,
        )

    def seen(self, name: str) -> Snapshot:
        return self.store.snapshot(Key("default", name))

    def model(self) -> ModelFacts:
        found = self.seen("m").model
        assert found
        return found

    def restart(self) -> None:
        """All that the conductor remembers by itself is lost; what it sees is the same."""
        client = cast("Client", self.api)
        applier = Applier(client=client, store=self.store, metrics=Metrics(), now=self.tick)
        statuses = Statuses(client=client, store=self.store)
        self.conductor = replace(self.conductor, applier=applier, statuses=statuses)

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def given(self, kind: Kind, body: Body) -> None:
        self.store.put(kind, self.api.stored(body))

    def pass_over(self, name: str = "m") -> Next:
        """A pass that runs without an event loop: it could not wait if it wanted to."""
        work = self.conductor.reconcile(Key("default", name))
        try:
            work.send(None)
        except StopIteration as end:
            return cast("Next", end.value)
        finally:
            work.close()
        raise AssertionError("the pass waited for something that is no answer to a request")

    def template(self) -> str:
        deployment = self.store.snapshot(Key("default", "m")).deployment
        assert deployment
        return deployment.template


@pytest.fixture
def lab() -> Lab:
    return Lab()


def crashed(pod: Body) -> Body:
    ended = {"exitCode": 1, "reason": "Error", "finishedAt": "2025-12-31T23:59:50Z"}
    (server,) = pod["status"]["containerStatuses"]
    server |= {"ready": False, "restartCount": 3, "lastState": {"terminated": ended}}
    server["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
    return pod


def unready(pod: Body) -> Body:
    pod["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    return pod


MODELS = {
    "downloads": a_downloaded_model(weights={"volumeClaimTemplate": {"size": "1Gi"}}),
    "serves in place": a_model(),
    "cannot be served": a_model(chip="unheard-of"),
    "is suspended": a_model(suspend=True),
}
PODS: dict[str, Any] = {
    "ready": lambda pod: pod,
    "loading": unready,
    "crashing": lambda pod: crashed(unready(pod)),
}


def rested(lab: Lab, model: Body) -> None:
    lab.given(MODEL, model)
    lab.pass_over()
    lab.api.asked.clear()


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_model_at_rest_costs_no_request(lab: Lab, model: Body) -> None:
    """At rest NIM wrote 52 times and read 103 times a second for 1,000 that were not ready.

    KAITO and LLMKube sent unchanged children again at every pass, OME listed ten kinds.
    """
    rested(lab, model)
    for _ in range(100):
        lab.pass_over()
    assert lab.api.asked == []


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_model_that_nobody_touched_costs_no_request_after_a_restart(
    lab: Lab, model: Body
) -> None:
    """Every one of 1,000 models had its children sent again before anything new was looked at."""
    rested(lab, model)
    lab.restart()
    lab.pass_over()
    assert lab.api.asked == []


@pytest.mark.parametrize("state", PODS.values(), ids=PODS)
def test_a_pod_in_whatever_state_is_told_once(lab: Lab, state: Any) -> None:
    """LLMKube: a status that said "now" was written 119 times a second, by its own event."""
    rested(lab, a_model())
    lab.given(POD, state(a_pod("m-1", template=lab.template())))
    lab.pass_over()
    assert lab.api.asked.count("apply_status") == 1
    lab.api.asked.clear()
    for _ in range(100):
        lab.pass_over()
    assert lab.api.asked == []


def test_a_status_that_was_written_is_no_news_when_its_event_comes(lab: Lab) -> None:
    """LLMKube: each status write woke the next pass through the watch of the own object."""
    lab.given(MODEL, a_downloaded_model())
    lab.pass_over()
    assert "apply_status" in lab.api.asked
    assert lab.store.put(MODEL, lab.api.objects[Key("default", "m")]) == set()


def test_a_first_pass_writes_each_child_once_and_reads_nothing(lab: Lab) -> None:
    """OME listed ten kinds at every pass, and the API server was at 0.8 of a core."""
    lab.given(MODEL, MODELS["downloads"])
    lab.pass_over()
    kinds = (PIN.name, "ConfigMap", "PersistentVolumeClaim", "Service", "Deployment")
    writes = [*(f"apply {kind}" for kind in kinds), "apply_status"]
    assert lab.api.asked == writes


def test_a_model_that_goes_is_not_judged(lab: Lab) -> None:
    """KAITO #1719: new rules blocked the deletion of objects that were older than they."""
    model = a_model(chip="of an older version")
    model["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    lab.given(MODEL, model)
    assert lab.pass_over() == Next()
    assert lab.api.asked == []


def test_no_definition_but_our_own_is_needed() -> None:
    """KAITO #1725, OME #426: the operator crashed where an optional definition was absent."""
    assert {kind.group for kind in KINDS} == {"flagos.io", "apps", "batch", ""}


def test_a_status_is_about_the_edit_that_was_carried_out(lab: Lab) -> None:
    """One that comes during a pass is not done yet, though the model that is told has it."""
    model = a_model()
    lab.given(MODEL, model)

    def edit() -> None:
        live = lab.api.objects[Key("default", "m")]
        meta = {**live["metadata"], "generation": 2}
        spec = {**model["spec"], "service": {"port": 9000}}
        lab.given(MODEL, {**live, "metadata": meta, "spec": spec})

    def observed() -> set[int]:
        status = lab.api.objects[Key("default", "m")]["status"]
        conditions = [each.get("observedGeneration") for each in status["conditions"]]
        return {status["observedGeneration"], *conditions}

    lab.api.meanwhile = edit
    lab.pass_over()
    assert observed() == {1}
    lab.pass_over()
    assert observed() == {2}


def test_an_edit_sends_only_the_child_that_it_changes(lab: Lab) -> None:
    """KAITO was refused with 409 at every pass; LLMKube sent Deployment and Service anew."""
    model = a_downloaded_model()
    rested(lab, model)
    live = lab.api.objects[Key("default", "m")]
    edited = {**live, "spec": {**model["spec"], "service": {"port": 9000}}}
    edited["metadata"] = {**live["metadata"], "generation": 2}
    lab.given(MODEL, edited)
    lab.pass_over()
    assert [each for each in lab.api.asked if each != "apply_status"] == ["apply Service"]


def test_a_pass_never_sleeps(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """KubeAI slept for a cache, 3 s a model: 1,000 models took 51 minutes.

    No event loop runs here, so that a pass that awaits anything but an answer does not end.
    """

    def slept(_: float) -> None:
        raise AssertionError("the pass held up every other one")

    monkeypatch.setattr(time, "sleep", slept)
    for number, model in enumerate(MODELS.values()):
        name = f"m-{number}"
        lab.given(MODEL, {**model, "metadata": {**model["metadata"], "name": name}})
        lab.pass_over(name)
        lab.pass_over(name)
    assert lab.api.asked.count("apply Deployment") == len(MODELS) - 1


def test_the_same_model_is_decided_once_and_each_edit_anew() -> None:
    """Most passes are about news of pods: parsing apart, a decision is what a pass costs."""
    lab = Lab()
    lab.store.put(MODEL, lab.api.stored(a_model()))
    first = lab.decisions.of(lab.seen("m"), lab.model()).plan
    again = lab.decisions.of(lab.seen("m"), lab.model()).plan
    edited = a_model(replicas=3)
    edited["metadata"]["generation"] = 2
    lab.store.put(MODEL, lab.api.stored(edited))
    after = lab.decisions.of(lab.seen("m"), lab.model()).plan
    assert again is first
    assert isinstance(after, Plan)
    assert after.replicas == 3


def test_a_model_that_is_made_anew_has_a_plan_of_its_own() -> None:
    lab = Lab()
    owners = []
    for uid in ("one", "two"):
        body = a_model()
        body["metadata"]["uid"] = uid
        lab.store.put(MODEL, lab.api.stored(body))
        plan = lab.decisions.of(lab.seen("m"), lab.model()).plan
        assert isinstance(plan, Plan)
        owners.append(plan.meta.uid)
    assert owners == ["one", "two"]
