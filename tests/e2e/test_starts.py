"""A start of a real vLLM, step by step, as a person who watches it sees it.

The engine that is to stand still is stopped first, and stands while the other model is looked at.
"""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.e2e.engine import APART, signal_engine
from tests.e2e.model import START, Model, tiny
from tests.e2e.watch import Watch
from tests.kube import Body, Kube, eventually

pytestmark = pytest.mark.timeout(600)
# The image has no compiler, so the model is served eagerly: nothing is compiled or captured.
ORDER = ["Pending", "Scheduling", "Pulling", "Starting", "Loading", "WarmingUp", "Ready"]
# What a step of the server may lag behind its log line (seconds): one that is over sooner, as
# the loading of a tiny model, may pass unseen and is told by its time alone.
LAG = 5
STALL = 20
COLUMNS = (".status.phase", ".status.startup.phase", ".status.progress")


@pytest.fixture(scope="module")
def still(shared_space: Kube) -> Model:
    """Stopped while it loads, as by a hung driver."""
    model = Model(shared_space, "still")
    server = {**tiny("x")["spec"]["server"], **APART}
    model.kube.apply(tiny(model.name, server=server, startup={"stallSeconds": STALL}))
    eventually(lambda: signal_engine(model, "SIGSTOP"), within=START, what="an engine to stop")
    return model


@pytest.fixture(scope="module")
def model(shared_space: Kube) -> Model:
    return Model(shared_space, "tiny")


@pytest.fixture(scope="module")
def watched(model: Model, still: Model) -> Watch:
    model.kube.apply(tiny(model.name))
    watch = Watch(model, *COLUMNS)
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


def test_an_engine_that_stands_still_is_told_and_left_alone(still: Model) -> None:
    """It goes on when it is let. vllm-plugin-FL #521."""
    told = still.wait_reason("Stalled")
    assert told["status"] == "False"
    assert f"no line in its log for {STALL} s" in told["message"]
    assert still.wait_reason("Stalled", condition="Progressing")["status"] == "False"
    assert still.body()["status"]["progress"].endswith("its log stands still")
    pods = still.pod_uids()
    assert signal_engine(still, "SIGCONT")
    still.wait_ready()
    assert still.pod_uids() == pods
    assert not pod_of(still)["status"]["containerStatuses"][0]["restartCount"]
    assert still.condition("Progressing")["reason"] != "Stalled"
