"""The whole product on a real node: chart, operator, hub and a real vLLM.

What runs: the cluster that KUBECONFIG names (`make cluster` gives one). The operator comes by
`helm install` before the first test; each test gets a namespace that enforces Pod Security
`restricted`. Files run two at once, but for those that are marked `alone`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from filelock import FileLock

from testbed.settings import Settings
from tests.kube import Body, Kube, eventually, run

ROOT = Path(__file__).parents[2]
HUB = Kube("flagos-demo")
SYSTEM = Kube("flagos-system")
OPERATOR_IMAGE = os.environ.get("OPERATOR_IMAGE", "localhost/flagos-operator:dev")
RELEASE = "flagos-operator"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def image_values(image: str) -> list[str]:
    """The image as the chart takes it."""
    registry, _, rest = image.partition("/")
    repository, _, tag = rest.rpartition(":")
    parts = {"registry": registry, "repository": repository, "tag": tag}
    return [word for key, value in parts.items() for word in ("--set", f"image.{key}={value}")]


def install_operator() -> None:
    """Install or bring back the chart as a user would; helm waits for the Deployment."""
    run(
        *("helm", "upgrade", "--install", RELEASE, str(ROOT / "charts" / "flagos-operator")),
        *("-n", SYSTEM.namespace, "--create-namespace", "--wait", "--timeout", "120s"),
        *image_values(OPERATOR_IMAGE),
        timeout=150,
    )


def made_here() -> bool:
    """Whether KUBECONFIG names the cluster of this project: no other one can be given anything."""
    named = Path(os.environ.get("KUBECONFIG", "")).absolute()
    return named == Settings.from_environment(os.environ, home=Path.home()).kubeconfig


def bring_image(name: str) -> None:
    """One that no model needs; other clusters are given all images beforehand."""
    if made_here():
        run(sys.executable, "-m", "testbed", "load", name)


@pytest.fixture(scope="session")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Kube:
    """Who comes second finds it installed: helm then changes nothing of it."""
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with FileLock(shared / "operator.lock"):
        install_operator()
    return SYSTEM


@pytest.fixture(scope="session")
def hub() -> Kube:
    run("kubectl", "apply", "-f", str(ROOT / "testbed" / "demo" / "hub.yaml"))
    HUB.kubectl("rollout", "status", "deployment/flagos-hub", "--timeout=90s")
    return HUB


def namespace_for(node: str) -> str:
    """The test's own words, as a namespace."""
    return "e2e-" + re.sub(r"[^a-z0-9]+", "-", node.lower()).strip("-")[:50].strip("-")


@contextlib.contextmanager
def a_namespace(name: str, *, labels: Mapping[str, str] = RESTRICTED) -> Iterator[Kube]:
    """Nobody waits until it is gone: the next one has another name."""
    meta = {"name": name, "labels": {**labels}}
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}
    run("kubectl", "apply", "-f", "-", stdin=json.dumps(body))
    try:
        yield Kube(name)
    finally:
        run("kubectl", "delete", "namespace", name, "--wait=false")


@pytest.fixture
def space(request: pytest.FixtureRequest, operator: Kube, hub: Kube) -> Iterator[Kube]:
    """A namespace of this test's own."""
    with a_namespace(namespace_for(request.node.name)) as kube:
        yield kube


@pytest.fixture(scope="module")
def shared_space(request: pytest.FixtureRequest, operator: Kube, hub: Kube) -> Iterator[Kube]:
    """A namespace of this file's own."""
    with a_namespace(namespace_for(request.node.name.rpartition("/")[2])) as kube:
        yield kube


def reachable(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=2):
        return True
    return False


@pytest.fixture(scope="session")
def address_of() -> Iterator[Callable[[Kube, str], str]]:
    """http://host:port of a Service, by its ClusterIP or else by a port-forward."""
    forwards: list[subprocess.Popen[str]] = []

    def forwarded(kube: Kube, service: str, port: int) -> str:
        words = ["kubectl", "-n", kube.namespace, "port-forward", f"service/{service}", f":{port}"]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        forwards.append(process)
        assert process.stdout
        line = process.stdout.readline()
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        assert found, f"port-forward said: {line}"
        return f"http://127.0.0.1:{found[1]}"

    def address(kube: Kube, service: str) -> str:
        spec: Body = kube.get("service", service)["spec"]
        host, port = spec["clusterIP"], spec["ports"][0]["port"]
        return f"http://{host}:{port}" if reachable(host, port) else forwarded(kube, service, port)

    yield address
    for process in forwards:
        process.terminate()
        process.communicate(timeout=10)


@pytest.fixture
def hub_faults(
    hub: Kube, address_of: Callable[[Kube, str], str]
) -> Iterator[Callable[[list[Body]], None]]:
    """Make the hub slow or failing for one test; set right again afterwards."""
    url = address_of(hub, "flagos-hub") + "/_faults"

    def set_faults(faults: list[Body]) -> None:
        request = urllib.request.Request(url, json.dumps(faults).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status < 300

    yield set_faults
    set_faults([])


def operator_pod() -> str:
    """Name of the one running operator pod."""

    def one() -> str | None:
        pods = SYSTEM.list("pods", selector="app.kubernetes.io/name=flagos-operator")
        up = [p for p in pods if "deletionTimestamp" not in p["metadata"]]
        return up[0]["metadata"]["name"] if len(up) == 1 else None

    return eventually(one, within=60, what="one operator pod")
