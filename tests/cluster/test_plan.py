"""`plan` and `chips` against a real API server: what they say, and with which code they end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import an_operator
from tests.kube import Body, Kube, eventually, run
from tests.unit.api.cases import a_model

pytestmark = pytest.mark.timeout(180)
METAX, MTHREADS = "metax-tech.com/gpu", "mthreads.com/gpu"
SMALL, LARGE = "small-of-a-test", "large-of-a-test"
NEW = "registry.invalid/vllm:2"
Said = tuple[int, str, str]


@pytest.fixture(scope="module")
def config(space: Kube, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its context names the namespace, as after `kubectl config set-context --namespace`."""
    file = tmp_path_factory.mktemp("config") / "kubeconfig"
    shutil.copy(os.environ["KUBECONFIG"], file)
    words = ("config", "set-context", "--current", f"--namespace={space.namespace}")
    run("kubectl", "--kubeconfig", str(file), *words)
    return file


@pytest.fixture(scope="module")
def live(space: Kube, account: Path) -> Iterator[Body]:
    """A model with a pod that an operator has made, which is gone by now."""
    body = a_model(image="registry.invalid/vllm:1")
    body["metadata"]["name"] = "live"
    with an_operator(account):
        space.apply(body)
        eventually(lambda: pods(space) == 1, within=60, what="its pod is made")
        eventually(lambda: seen(space), within=60, what="its status is written")
    yield body
    space.delete("flagosmodel", "live")


def pods(space: Kube) -> int:
    found = space.list("deployments", selector="flagos.io/model=live")
    return sum(each.get("status", {}).get("replicas", 0) for each in found)


def seen(space: Kube) -> bool:
    return bool(space.get("flagosmodel", "live").get("status"))


def flagos(*words: str, config: Path, stdin: str = "") -> Said:
    """The real program, its output through pipes."""
    lost = {"FLAGOS_CHIPS_FILE", "FLAGOS_OPERATOR_IMAGE", "KUBECONFIG"}
    done = subprocess.run(
        [sys.executable, "-m", "flagos_operator", *words, "--kubeconfig", str(config)],
        env={name: value for name, value in os.environ.items() if name not in lost},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def planned(body: Body, *words: str, config: Path) -> Said:
    return flagos("plan", "-f", "-", *words, config=config, stdin=json.dumps(body))


def edited(body: Body, **spec: Any) -> Body:
    return {**body, "spec": {**body["spec"], **spec}}


def versions(space: Kube) -> set[str]:
    found = space.list("deployments,services,configmaps", selector="flagos.io/model=live")
    return {each["metadata"]["resourceVersion"] for each in found}


def test_what_is_as_it_should_be_ends_with_0(live: Body, space: Kube, config: Path) -> None:
    code, out, err = planned(live, config=config)
    assert (code, err) == (0, "")
    assert f"FlagOSModel/live in namespace {space.namespace} (https://" in out
    assert out.endswith("live: 3 unchanged\n")


def test_an_edit_that_rolls_ends_with_4_and_shows_what_differs(
    live: Body, space: Kube, config: Path
) -> None:
    before = versions(space)
    code, out, err = planned(edited(live, image=NEW), config=config)
    assert (code, err) == (4, "")
    assert "Deployment/live       to change  rolls 1 pod: spec.containers[server].image\n" in out
    assert "-        image: registry.invalid/vllm:1\n" in out
    assert f"+        image: {NEW}\n" in out
    assert out.endswith("live: 1 to change, 2 unchanged; rolls 1 pod\n")
    assert versions(space) == before


def test_an_edit_that_rolls_nothing_ends_with_3(live: Body, config: Path) -> None:
    code, out, _ = planned(edited(live, service={"port": 80}), config=config)
    assert code == 3
    assert out.endswith("live: 1 to change, 2 unchanged\n")


def test_what_the_api_server_refuses_ends_with_1_in_its_own_words(
    live: Body, config: Path
) -> None:
    beside = edited(live, pod={"containers": [{"name": "beside"}]})
    code, out, err = planned(beside, config=config)
    assert (code, err) == (1, "")
    assert "Deployment/live       refused" in out
    assert "image" in next(line for line in out.splitlines() if "refused" in line)


def test_a_new_model_ends_with_3_and_the_namespace_that_is_said(config: Path) -> None:
    body = a_model()
    body["metadata"]["name"] = "new"
    code, out, _ = planned(body, "-n", "default", config=config)
    assert code == 3
    assert "FlagOSModel/new in namespace default (" in out
    assert out.endswith("new: 3 to create\n")


def test_a_context_that_is_not_there_ends_with_2_and_says_nothing(
    live: Body, config: Path
) -> None:
    for code, out, err in (
        planned(live, "--context", "nowhere", config=config),
        flagos("chips", "--context", "nowhere", config=config),
    ):
        assert (code, out) == (2, "")
        assert "nowhere" in err


def a_node(name: str, resource: str, memory: str) -> Body:
    """No kubelet speaks for it, and no pod is to come: it is an object alone."""
    labels = {"kubernetes.io/arch": "amd64", f"{resource.partition('/')[0]}/gpu.memory": memory}
    taint = {"key": "flagos.io/of-a-test", "effect": "NoSchedule"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": [taint]},
    }


def beat(resource: str) -> Body:
    """As a kubelet tells of itself: one that is silent for 40 s is taken for lost."""
    has = {resource: "4", "cpu": "8", "memory": "64Gi", "pods": "10"}
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: TID251  for another clock
    ready = {"type": "Ready", "status": "True", "reason": "OfATest", "lastHeartbeatTime": now}
    return {"status": {"allocatable": has, "capacity": has, "conditions": [ready]}}


@pytest.fixture(scope="module")
def made(server: None) -> Iterator[dict[str, str]]:
    """One with little memory and another vendor's, with the resource of each."""
    found = {SMALL: METAX, LARGE: MTHREADS}
    try:
        for name, memory in ((SMALL, "8192"), (LARGE, "81920")):
            body = a_node(name, found[name], memory)
            run("kubectl", "apply", "-f", "-", stdin=json.dumps(body))
        yield found
    finally:
        run("kubectl", "delete", "node", *found, "--ignore-not-found")


@pytest.fixture
def nodes(made: dict[str, str]) -> None:
    """Ready anew for each test."""
    for name, resource in made.items():
        words = ("--subresource=status", "--type=merge", "-p", json.dumps(beat(resource)))
        run("kubectl", "patch", "node", name, *words)


def test_chips_are_those_that_nodes_offer(nodes: None, config: Path) -> None:
    code, out, err = flagos("chips", "--json", config=config)
    assert (code, err) == (0, "")
    found = {each["resource"]: each for each in json.loads(out)["chips"]}
    told = {
        name: (it["chip"], it["nodes"], it["total"], it["memoryMiB"]) for name, it in found.items()
    }
    assert told[METAX] == ("metax", 1, 4, 8192)
    assert told[MTHREADS] == ("mthreads", 1, 4, 81920)
    code, out, _ = flagos("chips", config=config)
    assert code == 0
    assert any(line.split()[:4] == ["metax", METAX, "1", "4"] for line in out.splitlines())


def a_choice(*chips: str) -> Body:
    body = a_model()
    body["metadata"]["name"] = "chosen"
    tolerations = [{"operator": "Exists"}]
    wish = {"name": "Qwen3-8B", "chips": [*chips]}
    return {**body, "spec": {"model": wish, "pod": {"tolerations": tolerations}}}


def test_a_choice_leaves_out_what_has_too_little_memory(nodes: None, config: Path) -> None:
    code, out, _ = planned(a_choice("metax", "mthreads"), "--json", config=config)
    (model,) = json.loads(out)["models"]
    assert code == 3, out
    assert model["release"] == "qwen3-8b-mthreads"
    (left_out,) = model["selection"]["rejected"]
    assert left_out["reason"] == "InsufficientDeviceMemory"
    assert (
        "15.3 GiB by published.size, exceed 1 device of 8.0 GiB by node labels"
        in left_out["message"]
    )


def test_a_choice_without_a_fit_is_refused(nodes: None, config: Path) -> None:
    code, out, _ = planned(a_choice("metax"), config=config)
    assert code == 1
    assert "refused   NoReleaseFits: no release of Qwen3-8B fits now: qwen3-8b-metax: " in out
