"""Weights brought by hand: fetched where a hub is, copied, checked and served without one.

All models of this file start together, since each start of vLLM costs a machine with two cores
some fifteen seconds; the one whose start waits for somebody comes first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import a_namespace
from tests.e2e.disk import UNPRIVILEGED, WATCHER, Disk, a_disk, claim, on_claim
from tests.e2e.model import Model, tiny
from tests.kube import Body, Kube, eventually, run

pytestmark = pytest.mark.timeout(420)

CLAIM, WEIGHTS = "brought", "model.safetensors"
NOWHERE = "http://hub.invalid"
NODE = f"/var/lib/flagos-airgap-{os.getpid()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What `flagos-operator fetch` has left on a machine that reaches the hub."""

    place: Path
    said: Body


def bring(fetched: Fetched, name: str, *, to: Disk) -> None:
    """As a person would: packed on the one side, unpacked on the other."""
    to.sh(f"mkdir -p {name}")
    words = ("kubectl", "-n", to.kube.namespace, "exec", "-i", WATCHER, "--")
    pack = ("tar", "--format=posix", "-C", str(fetched.place), "-c", ".")
    with subprocess.Popen(pack, stdout=subprocess.PIPE) as packed:
        unpack = (*words, "tar", "-x", "-C", f"/data/{name}")
        subprocess.run(unpack, stdin=packed.stdout, check=True, timeout=120)


@pytest.fixture(scope="module")
def fetched(
    tmp_path_factory: pytest.TempPathFactory, hub: Kube, address_of: Callable[[Kube, str], str]
) -> Fetched:
    place = tmp_path_factory.mktemp("connected") / "tiny"
    repo = tiny("x")["spec"]["source"]["modelscope"]["repo"]
    words = ("--source", "modelscope", "--repo", repo, "--destination", str(place))
    done = run(
        *(sys.executable, "-m", "flagos_operator", "fetch", *words),
        *("--endpoint", address_of(hub, "flagos-hub"), "--json"),
    )
    return Fetched(place=place, said=json.loads(done))


@pytest.fixture(scope="module")
def disk(shared_space: Kube) -> Disk:
    volume = claim(CLAIM, size="256Mi")
    return a_disk(shared_space, on_claim(CLAIM), volume, security=UNPRIVILEGED)


@pytest.fixture(scope="module")
def node_disk(operator: Kube) -> Iterator[Disk]:
    """A directory of the node, in a namespace that lets pods have it."""
    with a_namespace(f"airgap-node-{os.getpid()}", labels={}) as kube:
        volume = {"hostPath": {"path": NODE, "type": "DirectoryOrCreate"}}
        disk = a_disk(kube, volume, security={})
        yield disk
        disk.sh("rm -rf ./*")


@pytest.fixture(scope="module")
def models(disk: Disk, node_disk: Disk, fetched: Fetched) -> Callable[[str], Model]:
    """All of them, applied: each copy is in its place."""
    spec = tiny("x")["spec"]
    repo, resources = spec["source"]["modelscope"]["repo"], spec["fetch"]["resources"]
    for name in ("whole", "damaged", "bare", f"{repo}/master"):
        bring(fetched, name, to=disk)
    bring(fetched, "whole", to=node_disk)
    disk.sh(f"printf x | dd of=damaged/{WEIGHTS} bs=1 seek=100 conv=notrunc 2>/dev/null")
    disk.sh("rm bare/.flagos.json")
    checked = {"verify": "OnChange"}
    disk.kube.apply(
        tiny("damaged", source=on_the_claim("damaged"), weights=checked),
        tiny("bare", source=on_the_claim("bare"), weights=checked),
        tiny(
            "claimed",
            source=on_the_claim("whole"),
            weights={"verify": "Always"},
            fetch={"resources": resources},
        ),
        tiny(
            "as-downloaded",
            source={"modelscope": {"repo": repo, "endpoint": NOWHERE}},
            weights=on_claim(CLAIM),
        ),
    )
    source = {"hostPath": {"path": f"{NODE}/whole"}}
    node_disk.kube.apply(tiny("on-the-node", source=source, weights=checked))
    kubes = {"on-the-node": node_disk.kube}
    return lambda name: Model(kubes.get(name, disk.kube), name)


def on_the_claim(path: str) -> Body:
    return {"persistentVolumeClaim": {"claimName": CLAIM, "path": path}}


def assert_checked(model: Model, fetched: Fetched) -> None:
    weights = model.condition("WeightsReady")
    assert (weights["status"], weights["reason"]) == ("True", "Complete")
    told = model.body()["status"]["weights"]
    assert told["digest"] == fetched.said["digest"]
    assert told["totalBytes"] == fetched.said["totalBytes"]


def checker_ended(model: Model) -> int:
    """When the check and nothing else was done: its exit code."""
    (pod,) = model.pods()
    (status,) = pod["status"]["initContainerStatuses"]
    code: int = status["state"]["terminated"]["exitCode"]
    return code


def test_a_damaged_file_is_refused_by_name_until_it_is_copied_again(
    models: Callable[[str], Model], disk: Disk, fetched: Fetched
) -> None:
    model = models("damaged")
    ready = model.wait_reason("ChecksumMismatch")
    assert f"are not as recorded: {WEIGHTS}" in ready["message"]
    assert model.condition("WeightsReady")["status"] == "False"
    (pod,) = model.pods()
    assert not pod["status"]["containerStatuses"][0]["started"], "the server never sees it"
    bring(fetched, "damaged", to=disk)
    model.wait_ready()
    assert_checked(model, fetched)


def test_a_copy_without_its_record_is_refused(models: Callable[[str], Model]) -> None:
    model = models("bare")
    ready = model.wait_reason("RecordMissing")
    assert "/weights/bare/.flagos.json is missing" in ready["message"]
    # A retry in between is told as what it is.
    eventually(lambda: "RecordMissing" in model.row(), within=60, what="kubectl get names it")


def test_a_copy_on_a_claim_is_checked_and_served(
    models: Callable[[str], Model], fetched: Fetched
) -> None:
    model = models("claimed")
    model.wait_ready()
    assert_checked(model, fetched)
    assert checker_ended(model) == 0
    log = model.kube.kubectl("logs", f"deployment/{model.name}", "-c", "fetch")
    assert "every file is as its record says" in log


def test_a_copy_on_the_volume_of_a_download_needs_no_hub(
    models: Callable[[str], Model], fetched: Fetched
) -> None:
    model = models("as-downloaded")
    model.wait_ready()
    assert_checked(model, fetched)


def test_a_copy_on_the_node_is_checked_and_served(
    models: Callable[[str], Model], fetched: Fetched
) -> None:
    model = models("on-the-node")
    model.wait_ready()
    assert_checked(model, fetched)
