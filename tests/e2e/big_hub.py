"""A hub of the test's own, with files large enough that their download can be watched."""

from __future__ import annotations

import json
import textwrap
import urllib.request
from dataclasses import dataclass
from typing import Any

from tests.kube import Body, Kube

MIB = 1024**2
NAME = "hub"
PORT = 8000
REPOS = {"flagos/large": 128 * MIB, "flagos/middle": 24 * MIB}
# Random, so that nothing on the way can make it smaller.
FILL = textwrap.dedent("""\
    import os, pathlib, sys
    for repo, size in zip(sys.argv[1::2], sys.argv[2::2]):
        folder = pathlib.Path("/data", repo)
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        with (folder / "model.safetensors").open("wb") as file:
            for _ in range(int(size) >> 20):
                file.write(os.urandom(1 << 20))
    """)


@dataclass(frozen=True, slots=True)
class Hub:
    kube: Kube
    url: str

    @property
    def endpoint(self) -> str:
        """As pods of any namespace name it."""
        return f"http://{NAME}.{self.kube.namespace}.svc:{PORT}"

    def source(self, repo: str) -> Body:
        return {"modelscope": {"repo": repo, "endpoint": self.endpoint}}

    def slow(self, bytes_per_second: int) -> None:
        """For each connection."""
        self._ask("POST", "_faults", [{"kind": "slow", "bytes_per_second": bytes_per_second}])

    def set_right(self) -> None:
        self._ask("POST", "_faults", [])

    def forget(self) -> None:
        self._ask("DELETE", "_stats")

    def requests(self) -> list[Body]:
        found: list[Body] = self._ask("GET", "_stats")["requests"]
        return found

    def sent(self, repo: str) -> int:
        """Bytes of the repo's files that have left since the last forget()."""
        return sum(self.sent_files(repo).values())

    def sent_files(self, repo: str) -> dict[str, int]:
        files: dict[str, Body] = self._ask("GET", "_stats")["files"]
        return {
            name.removeprefix(f"{repo}/"): count["bytes"]
            for name, count in files.items()
            if name.startswith(f"{repo}/")
        }

    def _ask(self, method: str, route: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/{route}", data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())


def manifests() -> list[Body]:
    secure = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    inside = {
        "image": "localhost/flagos-hub:dev",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": secure,
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    sizes = [word for repo, size in REPOS.items() for word in (repo, str(size))]
    serve = ["python3", "-m", "testbed.hub", "/data", "--host", "0.0.0.0", "--quiet"]  # noqa: S104
    probe = {"tcpSocket": {"port": PORT}, "periodSeconds": 1}
    pod = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 2,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [
            {**inside, "name": "fill", "command": ["python3", "-c", FILL], "args": sizes}
        ],
        "containers": [{**inside, "name": "hub", "command": serve, "readinessProbe": probe}],
        "volumes": [{"name": "data", "emptyDir": {}}],
    }
    labels = {"app": NAME}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": NAME},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": NAME},
            "spec": {"selector": labels, "ports": [{"port": PORT}]},
        },
    ]
