"""From the previous version to this one and back, under models that serve.

Real are the two charts with their definitions, the two operators' images, the kubelet, containerd,
claims, downloads, and the vLLM of the model that is asked. The other models that serve have
Python's web server in its place, to which a model is no different. Not real are the hub, which is
the one of the tests, and the accelerators, of which there are none.

The previous version is named in testbed/images/previous.py. Each test is about one step, up or
down, and says what it did not do. What this version does once to what the previous one has made
is named here, in WRITTEN_ONCE.
"""

from __future__ import annotations

import json
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import openai
import pytest
import yaml

from testbed.images import previous
from testbed.images.store import Store
from testbed.shell import TestbedError
from tests.e2e.conftest import (
    OPERATOR_IMAGE,
    RELEASE,
    ROOT,
    SYSTEM,
    a_namespace,
    bring_image,
    image_values,
    install_operator,
)
from tests.e2e.model import Model, light, tiny
from tests.e2e.passes import looked_at_all
from tests.e2e.snapshot import Snapshot, at_rest, contradictions
from tests.kube import Body, Kube, eventually, run

pytestmark = [pytest.mark.alone, pytest.mark.timeout(600)]

CHART = ROOT / "charts" / "flagos-operator"
CLAIM = {"volumeClaimTemplate": {"size": "64Mi"}}
REPO = "flagos/tiny-random-llama"
# Kinds of children that this version writes once after an upgrade though it rolls nothing, each
# with the reason. Empty: it has nothing to write.
WRITTEN_ONCE: dict[str, str] = {}


def in_place(name: str) -> Body:
    """Served from a claim that is there already; how long a start may take is the operator's."""
    body = light(name, source={"persistentVolumeClaim": {"claimName": "shared"}})
    del body["spec"]["weights"], body["spec"]["fetch"], body["spec"]["startup"]
    return body


def with_a_token(body: Body) -> Body:
    (hub,) = body["spec"]["source"].values()
    hub["tokenSecretRef"] = {"name": "hub", "key": "token"}
    return body


SHARED = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "shared"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}},
}
MODELS = (
    tiny("served", weights=CLAIM),
    light("edited", weights=CLAIM),
    in_place("in-place"),
    tiny("suspended", weights=CLAIM, suspend=True),
    with_a_token(light("unplaced", pod={"nodeSelector": {"flagos.io/there-is": "no-such-node"}})),
    in_place("refused"),
)
WRONG = {"spec": {"chip": "no-such-chip"}}  # the definition takes it: chips are the chart's
# Phase, reason of Ready, and how many pods serve.
TRUTH = {
    "served": ("Ready", "Serving", 1),
    "edited": ("Ready", "Serving", 1),
    "in-place": ("Ready", "Serving", 1),
    "suspended": ("Suspended", "Suspended", 0),
    "unplaced": ("Scheduling", "Unschedulable", 0),
    "refused": ("Degraded", "UnknownChip", 1),  # the pods of before it was edited serve on
}


def nothing_terminates() -> bool:
    namespaces = SYSTEM.list("namespaces")
    return not any("deletionTimestamp" in each["metadata"] for each in namespaces)


def helm(*words: str) -> str:
    wait = ("--wait", "--timeout", "120s")
    return run("helm", *words, "-n", SYSTEM.namespace, *wait, timeout=150)


def previous_chart() -> Path:
    try:
        return previous.sources(Store.of_this_machine()) / "charts" / "flagos-operator"
    except TestbedError as absent:
        pytest.fail(f"{absent}; cure: {absent.cure}")


def schema(definition: Body) -> Body:
    found: Body = definition["spec"]["versions"][0]["schema"]
    return found


def schema_of(chart: Path) -> Body:
    return schema(yaml.safe_load((chart / "files" / "flagosmodels.yaml").read_text()))


def live_schema() -> Body:
    return schema(json.loads(run("kubectl", "get", "crd", "flagosmodels.flagos.io", "-o", "json")))


@pytest.fixture(scope="module")
def old(hub: Kube) -> Iterator[Path]:
    """The previous chart, installed with its image; in the end today's is back for the others."""
    chart = previous_chart()
    bring_image(previous.NAME)
    # A pass over a model of another test that is on its way out would be counted.
    eventually(nothing_terminates, within=120, what="the namespaces of other tests are gone")
    helm("uninstall", RELEASE, "--ignore-not-found")
    try:
        helm("install", RELEASE, str(chart), "--create-namespace", *image_values(previous.NAME))
        assert live_schema() == schema_of(chart)
        yield chart
    finally:
        # A step that broke off leaves a release which helm would not upgrade.
        helm("uninstall", RELEASE, "--ignore-not-found")
        install_operator()
        assert live_schema() == schema_of(CHART)


@pytest.fixture(scope="module")
def models(old: Path) -> Iterator[Kube]:
    """Made and brought to rest by the previous version."""
    with a_namespace("e2e-upgrade") as kube:
        kube.apply(SHARED, *MODELS)
        Model(kube, "refused").wait_ready()
        kube.patch("flagosmodel", "refused", WRONG)
        for name, (_, reason, _) in TRUTH.items():
            Model(kube, name).wait_reason(reason, within=180)
        # Kubernetes 1.36 stores an unbound claim anew at the first apply after its creation, even
        # if that is the very same one. A write of somebody else has it behind us.
        kube.kubectl("annotate", "persistentvolumeclaims", "--all", "example.com/owner=somebody")
        yield kube


class Asking:
    """Somebody who asks the served model all the time, and what came of it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.answers = 0
        self.failures: list[str] = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.ask_on)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.over.set()
        self.thread.join()

    def ask_on(self) -> None:
        url = f"{self.address}/v1"
        with openai.OpenAI(base_url=url, api_key="unused", timeout=60, max_retries=0) as client:
            while not self.over.wait(0.2):
                self.ask(client)

    def ask(self, client: openai.OpenAI) -> None:
        words: Any = [{"role": "user", "content": "hello"}]
        try:
            client.chat.completions.create(model="served", messages=words, max_tokens=2)
        except openai.OpenAIError as error:
            self.failures.append(repr(error))
        else:
            self.answers += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change of the version: the cluster before and after it, and what was seen meanwhile."""

    chart: Path  # that it leads to, with the operator's image
    image: str
    before: Snapshot
    after: Snapshot
    up: bool
    passes: Counter[str]
    asked_before: list[str]
    asked_after: list[str]
    asking: Asking

    @property
    def older(self) -> Snapshot:
        """By the older version's word."""
        return self.before if self.up else self.after

    @property
    def newer(self) -> Snapshot:
        return self.after if self.up else self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The namespace that all happens in, and those who are asked meanwhile."""

    kube: Kube
    address: str
    hub: str

    def asked_of_the_hub(self) -> list[str]:
        """Whatever was asked about the repository: downloads and listings."""
        with urllib.request.urlopen(f"{self.hub}/_stats", timeout=10) as answer:
            requests = json.load(answer)["requests"]
        return [
            f"{each['method']} {each['target']}" for each in requests if REPO in each["target"]
        ]

    def step(self, *words: str, chart: Path, image: str, up: bool) -> Step:
        before, asked = at_rest(self.kube), self.asked_of_the_hub()
        with Asking(self.address) as asking:
            helm(*words)
            seen = looked_at_all(image)
        return Step(
            chart=chart,
            image=image,
            before=before,
            after=at_rest(self.kube),
            up=up,
            passes=seen.passes,
            asked_before=asked,
            asked_after=self.asked_of_the_hub(),
            asking=asking,
        )


@pytest.fixture(scope="module")
def stage(models: Kube, hub: Kube, address_of: Callable[[Kube, str], str]) -> Stage:
    return Stage(
        kube=models, address=address_of(models, "served"), hub=address_of(hub, "flagos-hub")
    )


@pytest.fixture(scope="module")
def upgraded(stage: Stage) -> Step:
    """As docs/install.md tells it."""
    words = ("upgrade", RELEASE, str(CHART), "--reset-then-reuse-values")
    values = image_values(OPERATOR_IMAGE)
    return stage.step(*words, *values, chart=CHART, image=OPERATOR_IMAGE, up=True)


@pytest.fixture(scope="module")
def rolled_back(old: Path, stage: Stage, upgraded: Step) -> Step:
    return stage.step("rollback", RELEASE, "1", chart=old, image=previous.NAME, up=False)


@pytest.fixture(scope="module", params=["upgraded", "rolled_back"])
def step(request: pytest.FixtureRequest) -> Step:
    found: Step = request.getfixturevalue(request.param)
    return found


def test_the_definition_goes_with_the_operator(step: Step) -> None:
    assert live_schema() == schema_of(step.chart)


def test_each_model_is_looked_at_and_no_look_fails(step: Step) -> None:
    """A right that the chart lacks, or a field that the definition refuses, would show here."""
    assert step.passes.total() >= len(MODELS)
    assert set(step.passes) == {"Done"}


def test_no_pod_is_replaced_and_no_container_starts_again(step: Step) -> None:
    assert step.after.runs() == step.before.runs()


def test_nothing_is_asked_of_the_hub(step: Step) -> None:
    assert step.asked_after == step.asked_before != []


def test_no_child_is_written(step: Step) -> None:
    """Deployments and their ReplicaSets, Services, ConfigMaps and claims, none of them new."""
    assert step.after.writes(but=WRITTEN_ONCE) == step.before.writes(but=WRITTEN_ONCE)


@pytest.mark.parametrize("name", TRUTH)
def test_a_status_stays_as_it_was(step: Step, name: str) -> None:
    """With the times of its conditions. The newer version may say more, and in other words."""
    assert contradictions(step.older.status(name), step.newer.status(name), of=name) == []


@pytest.mark.parametrize("name", TRUTH)
def test_a_status_is_true(step: Step, name: str) -> None:
    status, (phase, reason, ready) = step.after.status(name), TRUTH[name]
    assert (status["phase"], status["conditions"]["Ready"]["reason"]) == (phase, reason)
    assert status.get("readyReplicas", 0) == step.after.ready_pods(name) == ready


def test_nobody_is_told_news(step: Step) -> None:
    assert step.after.events == step.before.events != {}


def test_every_request_is_answered_meanwhile(step: Step) -> None:
    assert step.asking.failures == []
    assert step.asking.answers > 0


def test_an_edit_is_served_by_the_operator_that_is_there(stage: Stage, step: Step) -> None:
    """It rolls, and its new pod finds the weights that another version has downloaded."""
    model = Model(stage.kube, "edited")
    pods, asked = model.pod_uids(), stage.asked_of_the_hub()
    env = [{"name": "EDITED_UNDER", "value": step.image}]
    model.kube.patch("flagosmodel", "edited", {"spec": {"server": {"env": env}}})

    def served() -> Body | None:
        body, found = model.body(), model.pods()
        current = body["status"]["observedGeneration"] == body["metadata"]["generation"]
        ready = model.condition("Ready")["status"] == "True"
        new = len(found) == 1 and not model.pod_uids() & pods
        return found[0] if current and ready and new else None

    pod = eventually(served, within=90, what="the new pod serves")
    (fetch,) = pod["spec"]["initContainers"]
    assert fetch["image"] == step.image
    assert stage.asked_of_the_hub() == asked
