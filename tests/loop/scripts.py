"""What happens to models, as short scripts: each step is what a user or a cluster does."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flagos_operator.app import App
from flagos_operator.cluster.kinds import KINDS, Key
from tests.loop import running
from tests.loop.fakekube import FakeKube, Fault
from tests.loop.fakekube.storage import matches

NAMES = ("a", "b")
CHILDREN = ("ConfigMap", "PersistentVolumeClaim", "Service", "Job", "Deployment")
SOON = 1.0  # a look that is planned within this is waited for

Spec = Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Stage:
    """`judge` looks at all that there is whenever it has come to rest."""

    kube: FakeKube
    folder: Path
    judge: Callable[[Stage], None]
    app: App | None = None
    asked: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)  # models
    lost: set[str] = field(default_factory=set)  # uids of what somebody else deleted

    @contextlib.asynccontextmanager
    async def operator(self) -> AsyncIterator[App]:
        async with running.operator(self.kube, self.folder) as self.app:
            yield self.app
            assert not count(self.app, "Bug"), "the operator met an error of its own"
            assert not count(self.app, "Timeout"), "a pass did not end"

    async def met(self, *, after: int) -> None:
        """Answers take a while for once, so that what comes next is told before the pass ends."""
        slow = Fault(method="PATCH", delay=0.02)
        self.kube.faults.append(slow)
        await running.eventually(
            lambda: slow.met > after or (self.app and at_rest(self.kube, self.app))
        )

    async def settled(self) -> None:
        await running.eventually(lambda: self.app and at_rest(self.kube, self.app))
        self.kube.faults.clear()
        self.judge(self)


@dataclass(frozen=True)
class Ask:
    """Create the model, or edit the one that there is."""

    model: str
    spec: Spec

    def act(self, stage: Stage) -> None:
        body = running.a_model(self.model, **self.spec)
        stage.asked.setdefault(self.model, []).append(stage.kube.put(body))


@dataclass(frozen=True)
class Remove:
    model: str

    def act(self, stage: Stage) -> None:
        if stage.kube.find("FlagOSModel", self.model):
            stage.removed.add(self.model)
            stage.kube.delete("FlagOSModel", self.model)


@dataclass(frozen=True)
class Lose:
    """Somebody deletes all children of a kind."""

    model: str
    kind: str

    def act(self, stage: Stage) -> None:
        for child in children(stage.kube, self.kind, of=self.model):
            stage.lost.add(child["metadata"]["uid"])
            stage.kube.delete(self.kind, child["metadata"]["name"])


@dataclass(frozen=True)
class Bend:
    """Somebody edits the Deployment by hand."""

    model: str
    replicas: int

    def act(self, stage: Stage) -> None:
        if stage.kube.find("Deployment", self.model):
            stage.kube.patch("Deployment", self.model, {"spec": {"replicas": self.replicas}})


@dataclass(frozen=True)
class Pod:
    """A pod of the newest template comes, or changes."""

    model: str
    number: int
    ready: bool

    def act(self, stage: Stage) -> None:
        owner = stage.kube.find("Deployment", self.model)
        if owner is None:
            return
        name, template = f"{self.model}-{self.number}", running.template(stage.kube, self.model)
        body = running.a_pod(name, model=self.model, template=template, ready=self.ready)
        body["metadata"]["ownerReferences"] = [{"uid": owner["metadata"]["uid"]}]
        # Its log stays empty, which is told of a server that began long ago.
        (server,) = body["status"]["containerStatuses"]
        server["state"] = {"running": {"startedAt": owner["metadata"]["creationTimestamp"]}}
        stage.kube.put(body)


Act = Ask | Remove | Lose | Bend | Pod


@dataclass(frozen=True)
class Settle:
    """All that was done before is seen, answered and judged before the script goes on."""


@dataclass(frozen=True)
class Meet:
    """What comes next falls into the pass that answers what was done, after some of its writes."""

    writes: int


@dataclass(frozen=True)
class Restart:
    """The operator ends, whatever it is at; things happen; a new one starts."""

    meanwhile: tuple[Act, ...] = ()


Step = Act | Settle | Meet | Restart


async def played(script: list[Step], *, stage: Stage) -> None:
    """One operator after the other, until the script is at its end and all has settled."""
    steps = iter(script)
    while restart := await _until_restart(steps, stage=stage):
        for act in restart.meanwhile:
            act.act(stage)


async def _until_restart(steps: Iterator[Step], *, stage: Stage) -> Restart | None:
    async with stage.operator():
        for step in steps:
            if isinstance(step, Restart):
                return step
            if isinstance(step, Settle):
                await stage.settled()
            elif isinstance(step, Meet):
                await stage.met(after=step.writes)
            else:
                step.act(stage)
        await stage.settled()
        return None


def at_rest(kube: FakeKube, app: App) -> bool:
    """Everything was told, and nobody is at anything or soon will be."""
    queue = app.queue
    soon = queue._clock() + SOON
    busy = len(queue) or queue._active or queue._failures or app.resync.owed
    due = [when for when in queue._timers.values() if when < soon]
    quiet = not busy and not due and not orphans(kube) and not running_jobs(kube)
    return quiet and _told(app) == _to_tell(kube)


def _told(app: App) -> dict[tuple[str, Key], int]:
    return {
        (kind.name, key): entry.version
        for kind in KINDS
        for key, entry in app.store._entries[kind.name].items()
    }


def _to_tell(kube: FakeKube) -> dict[tuple[str, Key], int]:
    found = {}
    for kind in KINDS:
        for body in kube.all(kind.name):
            meta = body["metadata"]
            if matches(body, kind.selector):
                key = Key(meta["namespace"], meta["name"])
                found[kind.name, key] = int(meta["resourceVersion"])
    return found


def children(kube: FakeKube, kind: str, *, of: str) -> list[dict[str, Any]]:
    labelled = f"flagos.io/model={of}"
    return [body for body in kube.all(kind) if matches(body, labelled)]


def orphans(kube: FakeKube) -> list[str]:
    alive = {body["metadata"]["uid"] for body in kube.storage.objects.values()}
    return [
        body["metadata"]["name"]
        for body in kube.storage.objects.values()
        if (owners := {each["uid"] for each in body["metadata"].get("ownerReferences") or ()})
        and not owners & alive
    ]


def running_jobs(kube: FakeKube) -> list[str]:
    found = kube.all("Job")
    return [body["metadata"]["name"] for body in found if not body["spec"]["suspend"]]


def count(app: App, result: str) -> float:
    found: Callable[[], float] = app.metrics.reconciles.labels(result=result)._value.get
    return found()
