"""The whole operator as a process, against an API that can be made to misbehave.

Input: objects and faults in a fake API that runs in the test's own event loop. Asserted: what is
in that API afterwards, and what was asked of it. Nothing of the operator is replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.loop.fakekube import FakeKube

Found = TypeVar("Found")
Body = dict[str, Any]


async def until(probe: Callable[[], Found | None], *, what: str, within: float = 15) -> Found:
    """Ask until the answer is truthy; the fake API goes on serving meanwhile."""
    deadline = asyncio.get_running_loop().time() + within
    while not (seen := probe()):
        assert asyncio.get_running_loop().time() < deadline, f"not within {within:.0f} s: {what}"
        await asyncio.sleep(0.02)
    return seen


def model(name: str = "qwen", *, namespace: str = "default", **spec: Any) -> Body:
    smallest = {
        "chip": "cpu",
        "image": "vllm:1",
        "replicas": 1,
        "source": {"modelscope": {"repo": "a/b"}},
    }
    return {
        "apiVersion": "flagos.io/v1alpha1",
        "kind": "FlagOSModel",
        "metadata": {"name": name, "namespace": namespace},
        "spec": smallest | spec,
    }


def served(kube: FakeKube, name: str = "qwen", *, namespace: str = "default") -> bool:
    """All children are there and the status is about the newest generation."""
    names = {"ConfigMap": f"{name}-fetch", "Service": name, "Deployment": name}
    body = kube.find("FlagOSModel", name, namespace=namespace) or {}
    seen = body.get("status", {}).get("observedGeneration")
    return seen == body["metadata"]["generation"] and all(
        kube.find(kind, child, namespace=namespace) for kind, child in names.items()
    )


def reason(kube: FakeKube, name: str = "qwen") -> str:
    status = (kube.find("FlagOSModel", name) or {}).get("status", {})
    conditions = status.get("conditions", [])
    return next((str(c["reason"]) for c in conditions if c["type"] == "Ready"), "")


@pytest.fixture
async def kube() -> AsyncIterator[FakeKube]:
    async with FakeKube().serving() as serving:
        yield serving


# Below those that the kernel gives to whoever wants any port: none of them may take one between
# the look at it and the start of an operator. Tests that run beside these look elsewhere.
PORTS = itertools.count(20_000 + 64 * os.getpid() % 12_000)


def free_port() -> int:
    return next(filter(is_free, PORTS))


def is_free(port: int) -> bool:
    with contextlib.suppress(OSError), socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
        return True
    return False


def kubeconfig(server: str, *, token: str) -> str:
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    process: asyncio.subprocess.Process
    log: Path
    token: str  # marks its requests
    port: int

    def said(self) -> str:
        return self.log.read_text()

    def is_synced(self) -> bool:
        return '"synced"' in self.said()

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.terminate()
            code = await asyncio.wait_for(self.process.wait(), timeout=15)
            assert code == 0, self.said()[-3000:]


@pytest.fixture
def operator(kube: FakeKube, tmp_path: Path) -> Callable[..., Any]:
    """Run an operator for the length of an `async with`; it must end cleanly."""
    count = iter(range(100))

    @contextlib.asynccontextmanager
    async def started(**settings: str) -> AsyncIterator[Operator]:
        token, port = f"operator-{next(count)}", free_port()
        config, log = tmp_path / f"{token}.kubeconfig", tmp_path / f"{token}.log"
        config.write_text(kubeconfig(kube.url, token=token))
        defaults = {
            "KUBECONFIG": str(config),
            "FLAGOS_OPERATOR_IMAGE": "operator:1",
            "FLAGOS_HTTP_PORT": str(port),
            "POD_NAME": token,
        }
        with log.open("w") as out:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "flagos_operator", "run"),
                env=os.environ | defaults | settings,
                stdout=out,
                stderr=out,
            )
        running = Operator(process=process, log=log, token=token, port=port)
        try:
            # Nobody is promised how long Python takes to load, with other tests beside this one.
            await until(running.is_synced, what="the operator is synced", within=40)
            yield running
        finally:
            await running.stop()

    return started
