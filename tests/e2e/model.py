"""A FlagOSModel of the demo's kind, and the questions that tests put to it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.kube import Body, Kube, eventually

EXAMPLE = Path(__file__).parents[2] / "examples" / "tiny-cpu.yaml"
START = 180  # seconds: the tiny model is up in 12-15 s on a quiet machine, 60-100 s on a busy one

# As process 1 it would not hear a SIGTERM, and each roll would take its whole grace period.
WEB_SERVER = """\
import http.server, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
http.server.test(http.server.SimpleHTTPRequestHandler, port=8000)
"""


def tiny(name: str, **spec: Any) -> Body:
    """examples/tiny-cpu.yaml under another name, with top-level spec fields replaced."""
    body: Body = copy.deepcopy(yaml.safe_load(EXAMPLE.read_text()))
    body["metadata"] = {"name": name}
    body["spec"].update(spec)
    return body


def light(name: str, **spec: Any) -> Body:
    """A model that is up in a moment: a web server and not vLLM."""
    server = {
        "engine": "Custom",
        "command": ["python3", "-c", WEB_SERVER],
        "healthPath": "/",
        "drainSeconds": 0,
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    }
    return tiny(name, server=server, **spec)


@dataclass(frozen=True, slots=True)
class Model:
    """One FlagOSModel in the cluster, by name."""

    kube: Kube
    name: str

    def body(self) -> Body:
        return self.kube.get("flagosmodel", self.name)

    def condition(self, kind: str) -> Body:
        conditions = self.body().get("status", {}).get("conditions", [])
        return next((c for c in conditions if c["type"] == kind), {})

    def phase(self) -> str:
        return str(self.body().get("status", {}).get("phase", ""))

    def row(self) -> str:
        """What a person sees."""
        return self.kube.kubectl("get", "flagosmodel", self.name, "--no-headers")

    def pods(self) -> list[Body]:
        pods = self.kube.list("pods", selector=f"flagos.io/model={self.name}")
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def pod_uids(self) -> set[str]:
        return {pod["metadata"]["uid"] for pod in self.pods()}

    def wait_ready(self, *, within: int = START) -> None:
        self.kube.kubectl(
            "wait",
            "--for=condition=Ready",
            f"flagosmodel/{self.name}",
            f"--timeout={within}s",
            timeout=within + 10,
        )

    def wait_phase(self, phase: str, *, within: float = 60) -> None:
        eventually(
            lambda: self.phase() == phase, within=within, what=f"{self.name} becomes {phase}"
        )

    def wait_reason(self, reason: str, *, condition: str = "Ready", within: float = 60) -> Body:
        """The condition once it has this reason."""

        def asked() -> Body | None:
            seen = self.condition(condition)
            return seen if seen.get("reason") == reason else None

        return eventually(asked, within=within, what=f"{self.name} says {reason}")
