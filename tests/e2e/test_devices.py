"""Chips are counted: two devices asked are two devices given, and a third one waits and says so.

The devices come from a fake device plugin that registers with the real kubelet of the test node;
the server is Python's own web server, since no chip is here to serve from.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import SYSTEM
from tests.e2e.model import Model, light, tiny
from tests.kube import Kube, eventually, run

pytestmark = pytest.mark.timeout(300)
RESOURCE = "nvidia.com/gpu"
MEMORY = f"{RESOURCE}.memory"


def allocatable() -> int:
    nodes = SYSTEM.list("nodes")
    return sum(int(node["status"]["allocatable"].get(RESOURCE, 0)) for node in nodes)


@pytest.fixture(scope="module")
def two_devices() -> Iterator[None]:
    words = [sys.executable, "-m", "testbed.device_plugin", f"{RESOURCE}=2"]
    with subprocess.Popen(words, cwd=Path(__file__).parents[2]) as plugin:
        try:
            eventually(lambda: allocatable() == 2, within=60, what="the node offers two devices")
            yield
        finally:
            plugin.terminate()


def on_nvidia(name: str, *, devices: int) -> dict[str, Any]:
    return light(name, chip="nvidia", devices=devices)


def test_devices_are_given_counted_and_waited_for(space: Kube, two_devices: None) -> None:
    both, third = Model(space, "both"), Model(space, "third")
    space.apply(on_nvidia("both", devices=2))
    both.wait_ready()
    (pod,) = both.pods()
    seen = space.kubectl(
        *("exec", pod["metadata"]["name"], "-c", "server", "--"),
        *("python3", "-c", "import os; print(os.environ['NVIDIA_VISIBLE_DEVICES'])"),
    )
    assert len(set(seen.strip().split(","))) == 2

    space.apply(on_nvidia("third", devices=1))
    waiting = third.wait_reason("Unschedulable")
    assert RESOURCE in waiting["message"]
    assert third.phase() == "Scheduling"
    assert both.condition("Ready")["status"] == "True"

    space.delete("flagosmodel", "both")
    third.wait_ready()


def test_a_chip_switch_takes_the_old_resource_key_away(space: Kube, two_devices: None) -> None:
    """KServe #4708: the merged request kept both vendors' keys and never scheduled again."""
    model = Model(space, "switch")
    space.apply(on_nvidia("switch", devices=1))
    model.wait_ready()
    space.patch("flagosmodel", "switch", {"spec": {"chip": "cpu", "devices": 0}})

    def limits() -> dict[str, str]:
        container = space.get("deployment", "switch")["spec"]["template"]["spec"]["containers"][0]
        found: dict[str, str] = container["resources"].get("limits", {})
        return found

    eventually(lambda: RESOURCE not in limits(), within=30, what="the device key is gone")
    model.wait_ready()


@pytest.fixture
def labelled() -> Iterator[None]:
    """As gpu-feature-discovery would, of devices with four GiB."""
    run("kubectl", "label", "nodes", "--all", f"{MEMORY}=4096")
    try:
        yield
    finally:
        run("kubectl", "label", "nodes", "--all", f"{MEMORY}-")


def test_a_length_without_room_is_told_by_the_config_that_was_fetched(
    space: Kube, two_devices: None, labelled: None
) -> None:
    """A token of the tiny model takes 1280 bytes. Its server never answers: it loads for ever."""
    loads = ["python3", "-c", "import time; time.sleep(900)"]
    server = {"command": loads, "maxModelLen": 4_000_000, "drainSeconds": 0}
    model = Model(space, "long")
    space.apply(tiny("long", chip="nvidia", devices=1, server=server))
    told = model.wait_reason("InsufficientDeviceMemory", condition="UpToDate", within=90)
    assert told["status"] == "True"
    assert "4.8 GiB KV for 4000000 tokens" in told["message"]
    assert "a device has 4.0 GiB by node labels: lower spec.server.maxModelLen" in told["message"]
    model.wait_reason("Starting")  # the word comes before the container has begun
