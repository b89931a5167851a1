"""A start of a real vLLM, step by step, as a person who watches it sees it."""

from __future__ import annotations

import itertools
import subprocess
import threading
from datetime import datetime

import pytest

from tests.e2e.engine import APART, signal_engine
from tests.e2e.model import START, Model, tiny
from tests.kube import Body, Kube, eventually

pytestmark = pytest.mark.timeout(600)
# The image has no compiler, so the model is served eagerly: nothing is compiled or captured.
ORDER = ["Pending", "Scheduling", "Pulling", "Starting", "Loading", "WarmingUp", "Ready"]
# What a step of the server may lag behind its log line (seconds): one that is over sooner, as
# the loading of a tiny model, may pass unseen and is told by its time alone.
LAG = 5
COLUMNS = "{.status.phase}|{.status.startup.phase}|{.status.progress}{'\\n'}"


class Watch:
    """Each state that `kubectl get --watch` shows."""

    def __init__(self, model: Model) -> None:
        words = ["get", "flagosmodel", model.name, "--watch", "-o", f"jsonpath={COLUMNS}"]
        self.process = subprocess.Popen(
            ["kubectl", "-n", model.kube.namespace, *words], stdout=subprocess.PIPE, text=True
        )
        self.rows: list[list[str]] = []
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self) -> None:
        assert self.process.stdout
        self.rows.extend(line.rstrip("\n").split("|") for line in self.process.stdout)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)
        self.reader.join(timeout=10)
        if self.process.stdout:
            self.process.stdout.close()

    def column(self, number: int) -> list[str]:
        shown = (row[number] for row in self.rows if len(row) > number)
        return [word for word, _ in itertools.groupby(shown) if word]


@pytest.fixture(scope="module")
def model(shared_space: Kube) -> Model:
    return Model(shared_space, "tiny")


@pytest.fixture(scope="module")
def watched(model: Model) -> Watch:
    model.kube.apply(tiny(model.name))
    watch = Watch(model)
    try:
        model.wait_ready()
        eventually(lambda: "Ready" in watch.column(1), within=10, what="the watch sees Ready")
    finally:
        watch.stop()
    print("\n".join("  ".join(row) for row in watch.rows))  # noqa: T201  shown if a test fails
    return watch


def started(model: Model) -> Body:
    return model.body()["status"]["startup"]


def pod_of(model: Model) -> Body:
    (pod,) = model.pods()
    return pod


def test_its_phases_are_seen_in_their_order(model: Model, watched: Watch) -> None:
    phases = [phase for phase in watched.column(0) if phase not in ("Downloading", "Verifying")]
    assert phases == sorted(phases, key=ORDER.index), "a phase came twice or out of order"
    lasted = {phase for phase, seconds in started(model)["timings"].items() if seconds >= LAG}
    assert {"Starting", "Ready"} | lasted & set(ORDER) <= set(phases)


def test_the_column_says_what_the_server_does(watched: Watch) -> None:
    shown = watched.column(2)
    assert "starting the engine" in shown
    assert shown[-1] == "1/1 replicas ready"


def test_the_times_are_kept_and_add_up(model: Model, watched: Watch) -> None:
    told, pod = started(model), pod_of(model)
    assert told["phase"] == "Ready"
    assert told["pod"] == pod["metadata"]["name"]
    assert {"Starting", "Loading", "WarmingUp"} <= set(told["timings"])
    made = datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
    since = datetime.fromisoformat(told["since"])
    assert sum(told["timings"].values()) == (since - made).total_seconds()


def test_another_replica_takes_nothing_from_them(model: Model, watched: Watch) -> None:
    before = started(model)
    model.kube.patch("flagosmodel", model.name, {"spec": {"replicas": 2}})
    eventually(lambda: len(model.pods()) == 2, within=30, what="a second pod")
    assert started(model) == before
    model.kube.patch("flagosmodel", model.name, {"spec": {"replicas": 1}})
    eventually(lambda: len(model.pods()) == 1, within=90, what="one pod again")


def test_a_server_that_is_killed_has_a_start_of_its_own(model: Model, watched: Watch) -> None:
    before, pod = started(model), pod_of(model)["metadata"]["name"]
    model.kube.kubectl("exec", pod, "-c", "server", "--", "bash", "-c", "kill -TERM 1")

    def again() -> Body | None:
        told = started(model)
        return told if told["started"] != before["started"] else None

    eventually(again, within=90, what="another run is told")
    model.wait_ready()
    told = eventually(
        lambda: (now := started(model))["phase"] == "Ready" and now,
        within=10,
        what="the run is ready",
    )
    assert not {"Scheduling", "Pulling", "Downloading"} & set(told["timings"])
    assert {"Starting", "Loading"} <= set(told["timings"])


def test_an_engine_that_stands_still_is_told_and_left_alone(shared_space: Kube) -> None:
    """It is stopped while it loads, as by a hung driver, and goes on when it is let.

    vllm-plugin-FL #521.
    """
    model = Model(shared_space, "still")
    server = {**tiny("x")["spec"]["server"], **APART}
    model.kube.apply(tiny(model.name, server=server, startup={"stallSeconds": 20}))
    eventually(lambda: signal_engine(model, "SIGSTOP"), within=START, what="an engine to stop")
    told = model.wait_reason("Stalled")
    assert told["status"] == "False"
    assert "no line in its log for 20 s" in told["message"]
    assert model.wait_reason("Stalled", condition="Progressing")["status"] == "False"
    assert model.body()["status"]["progress"].endswith("its log stands still")
    pods = model.pod_uids()
    assert signal_engine(model, "SIGCONT")
    model.wait_ready()
    assert model.pod_uids() == pods
    assert not pod_of(model)["status"]["containerStatuses"][0]["restartCount"]
    assert model.condition("Progressing")["reason"] != "Stalled"
