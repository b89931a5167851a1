"""Servers that end, with a real vLLM: the cause, its line and its cure reach a person at once.

All models of this file start together, since each start takes a machine with two cores some
fifteen seconds; each is suspended once it has told what it had to.
"""

from __future__ import annotations

import calendar
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.disk import UNPRIVILEGED, a_disk, claim, on_claim
from tests.e2e.engine import APART, signal_engine
from tests.e2e.model import START, Model, tiny
from tests.kube import Body, CommandFailedError, Kube, eventually, run

pytestmark = [pytest.mark.alone, pytest.mark.timeout(400)]

CLAIM = "models"
REASONS = {
    "first-request": "UnsupportedModel",
    "killed": "EngineDied",
    "no-device-memory": "DeviceBusy",
    "short-cache": "KVCacheTooSmall",
    "strange": "UnsupportedModel",
    "truncated": "WeightsCorrupt",
    "unheard-of": "CrashLoop",
}
LOGS = Path(__file__).parents[1] / "unit" / "status" / "logs"
WEIGHTS = "model.safetensors"
# What is asked of the operator, and what a kubelet that was late and a machine that is busy with
# five starts at once may add to it.
SOON, LATE = 5.0, 5.0
UNKNOWN = """\
INFO 11-25 02:23:01 [x.py:1] Loading
(EngineCore pid=9) ERROR 11-25 02:23:02 [core.py:9] RotaryTableError: 96 is not one of the angles
Traceback (most recent call last):
  File "/x.py", line 3, in main
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""


def server(*args: str, **change: Any) -> Body:
    """The example's server block with more arguments and with some fields replaced."""
    block: Body = tiny("x")["spec"]["server"]
    return {**block, "args": [*block["args"], *args], **change}


def by_hand(name: str) -> Body:
    """Served in place from this directory of the claim."""
    body = tiny(name, source={"persistentVolumeClaim": {"claimName": CLAIM, "path": name}})
    del body["spec"]["weights"], body["spec"]["fetch"]
    return body


def said(name: str, text: str) -> tuple[Body, Body]:
    """A server that writes this and ends: for causes that no chip is here to have."""
    script = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-log"}}
    block = {
        "engine": "Custom",
        "command": ["sh", "-c", "cat /said/log; exit 1"],
        "healthPath": "/",
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
        "volumeMounts": [{"name": "said", "mountPath": "/said"}],
    }
    volumes = [{"name": "said", "configMap": {"name": f"{name}-log"}}]
    spec = {"server": block, "weights": {"emptyDir": {}}, "pod": {"volumes": volumes}}
    return {**script, "data": {"log": text}}, tiny(name, **spec)


@dataclass
class Crash:
    """A failure when the status first showed it; the kubelet tells whole seconds."""

    reason: str
    ended: str
    seen: float

    @property
    def lag(self) -> float:
        return self.seen - calendar.timegm(time.strptime(self.ended, "%Y-%m-%dT%H:%M:%SZ"))


@dataclass
class Watch:
    """All failures of all models of a namespace, as `kubectl get -w` tells them."""

    process: subprocess.Popen[str]
    crashes: dict[tuple[str, str], Crash] = field(default_factory=dict)

    def read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            name, ended, reason = (*line.split(), "", "", "")[:3]
            if reason:
                now = time.time()  # noqa: TID251  to be compared with the kubelet's
                found = Crash(reason=reason, ended=ended, seen=now)
                self.crashes.setdefault((name, ended), found)


@pytest.fixture(scope="module")
def watch(shared_space: Kube) -> Iterator[Watch]:
    shown = "{.metadata.name} {.status.lastFailure.time} {.status.lastFailure.reason}{'\\n'}"
    words = ("kubectl", "-n", shared_space.namespace, "get", "flagosmodels", "--watch")
    command = (*words, "-o", f"jsonpath={shown}")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watch = Watch(process)
        reader = threading.Thread(target=watch.read)
        reader.start()
        yield watch
        process.terminate()
        reader.join(timeout=10)


@pytest.fixture(scope="module")
def models(shared_space: Kube, watch: Watch) -> Callable[[str], Model]:
    """All of them, started; the broken copies are made of what the first one downloads."""
    disk = a_disk(shared_space, on_claim(CLAIM), claim(CLAIM), security=UNPRIVILEGED)
    room = {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"memory": "3Gi"}}
    crashing = {**tiny("x")["spec"]["source"]["modelscope"], "repo": "flagos/tiny-crashing-llama"}
    shared_space.apply(
        tiny(
            "short-cache",
            server=server("--kv-cache-memory-bytes", "327680"),
            weights={"persistentVolumeClaim": {"claimName": CLAIM}, "directory": "whole"},
        ),
        tiny("killed", server=server(**APART, resources=room)),
        tiny("first-request", source={"modelscope": crashing}),
        *said("no-device-memory", (LOGS / "device-out-of-memory.txt").read_text()),
        *said("unheard-of", UNKNOWN),
    )
    eventually(lambda: f"whole/{WEIGHTS}" in disk.files("whole"), within=90, what="a whole copy")
    disk.sh("for copy in truncated strange; do mkdir $copy; cp whole/*.* $copy; done")
    disk.sh(f"head -c 200000 whole/{WEIGHTS} > truncated/{WEIGHTS}")
    disk.sh("sed -i s/LlamaForCausalLM/FooForCausalLM/ strange/config.json")
    shared_space.apply(by_hand("truncated"), by_hand("strange"))
    return lambda name: Model(shared_space, name)


def suspend(model: Model) -> None:
    model.kube.patch("flagosmodel", model.name, {"spec": {"suspend": True}})


def failure(model: Model, reason: str, *, within: float = START) -> Body:
    """The last failure once it is this one; the reason of Ready goes with the next start."""

    def last() -> Body | None:
        found: Body = model.body().get("status", {}).get("lastFailure", {})
        return found if found.get("reason") == reason else None

    return eventually(last, within=within, what=f"{model.name} failed by {reason}")


def ended_alone(model: Model, count: int) -> None:
    """The container ended by itself so often, and the progress says so."""
    words = "restarted once" if count == 1 else f"restarted {count} times"

    def restarted() -> bool:
        return words in model.body()["status"].get("progress", "")

    eventually(restarted, within=60, what=f"{model.name}: {words}")


def test_what_no_rule_knows_shows_its_most_telling_line(
    models: Callable[[str], Model],
) -> None:
    model = models("unheard-of")
    found = failure(model, "CrashLoop")
    assert "ended with exit code 1: RotaryTableError: 96 is not one" in found["message"]
    suspend(model)


def test_memory_of_the_device_is_told_from_that_of_the_host(
    models: Callable[[str], Model],
) -> None:
    model = models("no-device-memory")
    found = failure(model, "DeviceBusy")
    assert "torch.OutOfMemoryError: CUDA out of memory" in found["message"]
    assert "another process holds memory of this device" in found["message"]
    ready = model.wait_reason("DeviceBusy")
    assert ready["message"] == found["message"]
    assert "DeviceBusy" in model.row()
    suspend(model)


def test_an_engine_that_is_killed_while_it_loads_is_named_and_tried_again(
    models: Callable[[str], Model],
) -> None:
    model = models("killed")
    eventually(lambda: signal_engine(model, "SIGKILL"), within=START, what="an engine to kill")
    assert model.condition("Ready")["status"] == "False"
    found = failure(model, "EngineDied")
    assert found["exitCode"] == 1
    assert "spec.server.resources" in found["message"]
    ended_alone(model, 1)


def test_a_cache_that_is_too_small_tells_the_length_that_fits(
    models: Callable[[str], Model],
) -> None:
    model = models("short-cache")
    found = failure(model, "KVCacheTooSmall")
    fits = re.search(r"set spec\.server\.maxModelLen to at most (\d+)", found["message"])
    assert fits, found["message"]
    # Gone with the start that follows at once, the reason comes back when that one has ended.
    model.wait_reason("KVCacheTooSmall", within=START)
    explained = explain(model)
    assert "reason:   KVCacheTooSmall\n" in explained
    assert f"set spec.server.maxModelLen to at most {fits[1]}\n" in explained
    assert "change:   spec.server.maxModelLen\n" in explained
    change = {"spec": {"server": {"maxModelLen": int(fits[1])}}}
    model.kube.patch("flagosmodel", model.name, change)
    model.wait_ready()
    suspend(model)


def explain(model: Model) -> str:
    """As a person does, who knows no more than the pod's name."""
    (pod,) = model.pods()
    words = ("logs", pod["metadata"]["name"], "-c", "server", "--previous")

    def log() -> str | None:
        """Of a container that the kubelet has just removed for the next one there is none."""
        found = model.kube.kubectl(*words)
        return None if "unable to retrieve container logs" in found else found

    found = eventually(log, within=30, what=f"the log of the last run of {model.name}")
    return run(sys.executable, "-m", "flagos_operator", "explain", "-", stdin=found)


def test_truncated_weights_are_told_with_what_to_check(models: Callable[[str], Model]) -> None:
    model = models("truncated")
    found = failure(model, "WeightsCorrupt")
    assert "incomplete metadata, file not fully covered" in found["message"]
    assert "spec.weights.verify" in found["message"]
    suspend(model)


def test_an_architecture_that_the_image_does_not_know(models: Callable[[str], Model]) -> None:
    model = models("strange")
    found = failure(model, "UnsupportedModel")
    assert "FooForCausalLM" in found["message"]
    assert "spec.image" in found["message"]
    suspend(model)


def test_a_server_that_dies_of_a_request_is_restarted_and_says_of_what(
    models: Callable[[str], Model], address_of: Callable[[Kube, str], str]
) -> None:
    """The process then ends with exit code 0, as if it had been asked to."""
    model = models("first-request")
    model.wait_ready()
    (pod,) = model.pods()
    ask(model)
    found = failure(model, "UnsupportedModel")
    assert (found["exitCode"], found["pod"]) == (0, pod["metadata"]["name"])
    assert "Unsupported CPU attention configuration" in found["message"]
    ended_alone(model, 1)
    model.wait_ready()
    assert model.body()["status"]["lastFailure"] == found, "a restart leaves its trace"
    suspend(model)


def ask(model: Model) -> None:
    """From within the pod; nobody answers."""
    body = f'{{"model": "{model.name}", "prompt": "hello there", "max_tokens": 4}}'
    code = (
        "import urllib.request as r; r.urlopen(r.Request('http://127.0.0.1:8000/v1/completions', "
        f"{body!r}.encode(), {{'Content-Type': 'application/json'}}), timeout=20)"
    )
    (pod,) = model.pods()
    with pytest.raises(CommandFailedError):
        model.kube.kubectl(
            "exec", pod["metadata"]["name"], "-c", "server", "--", "python3", "-c", code
        )


def test_an_engine_that_is_killed_while_it_serves_counts_as_a_failure(
    models: Callable[[str], Model],
) -> None:
    """The server ends with exit code 0 after it, which Kubernetes calls Completed."""
    model = models("killed")
    model.wait_ready()
    before = model.body()["status"]["lastFailure"]
    assert signal_engine(model, "SIGKILL")

    def again() -> Body | None:
        found: Body = model.body()["status"]["lastFailure"]
        return found if found["time"] > before["time"] else None

    found = eventually(again, within=60, what="the engine's death")
    assert (found["reason"], found["exitCode"]) == ("EngineDied", 0)
    assert "EngineDeadError" in found["message"]
    ended_alone(model, 2)
    suspend(model)


def test_every_crash_was_to_be_seen_soon_after_it(watch: Watch) -> None:
    """With its reason from the first, each time that it happened."""
    lags = {name: crash.lag for name, crash in watch.crashes.items()}
    assert {(name, crash.reason) for (name, _), crash in watch.crashes.items()} == {
        *REASONS.items()
    }
    assert max(lags.values()) <= SOON + LATE, lags
