"""The operator, whole, against the fake API: in this process, so that a test can look inside."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

from flagos_operator.app import App, build
from flagos_operator.cluster.kinds import KINDS
from flagos_operator.main import serve
from flagos_operator.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.loop.fakekube import FakeKube

NAMESPACE = "default"
PATIENCE = 10.0
SETTLED = 0.05  # seconds; a test waits for the list that follows the beginning of the watches


def a_model(name: str = "m", *, namespace: str = NAMESPACE, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "flagos.io/v1alpha1",
        "kind": "FlagOSModel",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "chip": "cpu",
            "image": "registry.local/vllm:0.20.0",
            "replicas": 1,
            "source": {"persistentVolumeClaim": {"claimName": "shared", "path": "tiny"}},
            **spec,
        },
    }


def a_downloaded_model(name: str = "m", **spec: Any) -> dict[str, Any]:
    return a_model(name, source={"modelscope": {"repo": "a/b"}}, **spec)


def a_pod(
    name: str, *, model: str = "m", template: str = "", ready: bool = True
) -> dict[str, Any]:
    ready_word = "True" if ready else "False"
    state = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": {
                "app.kubernetes.io/managed-by": "flagos-operator",
                "flagos.io/model": model,
            },
            "annotations": {"flagos.io/template": template},
        },
        "spec": {"nodeName": "n1", "containers": [{"name": "server"}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": ready_word}],
            "containerStatuses": [
                {
                    "name": "server",
                    "ready": ready,
                    "started": ready,
                    "restartCount": 0,
                    "state": state,
                }
            ],
        },
    }


def a_downloading_pod(
    name: str, *, model: str = "m", template: str = "", node: str = "n1"
) -> dict[str, Any]:
    """Its init container runs, and its server waits for it."""
    pod = a_pod(name, model=model, template=template, ready=False)
    pod["spec"]["nodeName"] = node
    pod["status"]["phase"] = "Pending"
    (server,) = pod["status"]["containerStatuses"]
    fetch = {**server, "name": "fetch", "started": True}
    server |= {"started": False, "state": {"waiting": {"reason": "PodInitializing"}}}
    pod["status"]["initContainerStatuses"] = [fetch]
    return pod


def kubeconfig(path: Path, url: str, *, contexts: dict[str, str] | None = None) -> Path:
    """`contexts` are names with a namespace each, or none; the first is the current one."""
    given = contexts or {"fake": ""}
    named: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": next(iter(given)),
        "clusters": [{"name": "fake", "cluster": {"server": url}}],
        "users": [{"name": "fake", "user": {"token": "not-a-secret"}}],
        "contexts": [
            {"name": name, "context": {"cluster": "fake", "user": "fake", **_in(namespace)}}
            for name, namespace in given.items()
        ],
    }
    path.write_text(json.dumps(named))
    return path


def _in(namespace: str) -> dict[str, str]:
    return {"namespace": namespace} if namespace else {}


@contextlib.asynccontextmanager
async def operator(
    kube: FakeKube, folder: Path, *, watched: int = len(KINDS), **settings: Any
) -> AsyncIterator[App]:
    """Started, synced and at rest; stopped cleanly at the end, or the test fails."""
    chosen = {"http_port": 0, "resync_seconds": 300.0, **settings}
    config = kubeconfig(folder / "kubeconfig", kube.url)
    app, stop = build(Settings(**chosen), {"KUBECONFIG": str(config)}), asyncio.Event()
    app.resync.settled = SETTLED
    asked = len(kube.requests)
    serving = asyncio.create_task(serve(app, stop=stop))
    try:
        await eventually(lambda: app.resync.synced.is_set() or serving.done())
        await eventually(lambda: _is_watching(kube, watched, since=asked) or serving.done())
        await eventually(lambda: not app.resync.owed or serving.done())
        yield app
    finally:
        stop.set()
        await asyncio.wait_for(serving, PATIENCE)


async def eventually(condition: Callable[[], Any], *, within: float = PATIENCE) -> Any:
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, f"still not so after {within} s"
        await asyncio.sleep(0.01)
    return found


async def quiet(kube: FakeKube, *, seconds: float = 0.3) -> None:
    """Until nobody has asked anything for a while: then nothing more is to come by itself."""
    count, since = len(kube.requests), time.monotonic()
    while time.monotonic() - since < seconds:
        await asyncio.sleep(0.02)
        if len(kube.requests) != count:
            count, since = len(kube.requests), time.monotonic()


def status(kube: FakeKube, name: str = "m", *, namespace: str = NAMESPACE) -> dict[str, Any]:
    found = kube.find("FlagOSModel", name, namespace=namespace)
    return (found or {}).get("status") or {}


def reason(kube: FakeKube, name: str = "m") -> str:
    return condition(kube, "Ready", name).get("reason", "")


def condition(kube: FakeKube, kind: str, name: str = "m") -> dict[str, Any]:
    found = (each for each in status(kube, name).get("conditions", ()) if each["type"] == kind)
    return next(found, {})


def template(kube: FakeKube, name: str = "m") -> str:
    deployment = kube.find("Deployment", name)
    assert deployment
    return str(deployment["metadata"]["annotations"]["flagos.io/template"])


def _is_watching(kube: FakeKube, kinds: int, *, since: int) -> bool:
    """An operator that is stopped earlier takes seconds: kopf still looks for what there is."""
    asked = kube.requests[since:]
    watched = {each.path.rpartition("/")[2] for each in asked if "watch" in each.query}
    return len(watched) >= kinds


async def served(kube, name="m"):
    await eventually(lambda: kube.find("Deployment", name) and status(kube, name))
    await quiet(kube)
