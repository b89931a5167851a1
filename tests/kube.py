"""kubectl and helm for tests: real programs, clear failures, deadlines instead of sleeps.

Reading alone goes to the API server without a kubectl in between: see server.py.
"""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tests import server
from tests.server import Body, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

Found = TypeVar("Found")


class CommandFailedError(AssertionError):
    """A program that a test relies on ended with an error; its own words are the message."""


def run(*command: str, stdin: str | None = None, timeout: float = 180) -> str:
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False
    )
    if done.returncode:
        raise CommandFailedError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def eventually(probe: Callable[[], Found | None], *, within: float, what: str) -> Found:
    """Ask until the answer is truthy; when time is up tell the last answer or error."""
    deadline = time.monotonic() + within
    seen: object = None
    while time.monotonic() < deadline:
        try:
            answer = probe()
        except (CommandFailedError, RefusedError) as error:
            seen = error
        else:
            if answer:
                return answer
            seen = answer
        time.sleep(0.2)
    raise AssertionError(f"not within {within:.0f} s: {what}; last seen: {seen}")


@dataclass(frozen=True, slots=True)
class Kube:
    """One namespace of the cluster that KUBECONFIG names."""

    namespace: str

    def kubectl(self, *words: str, stdin: str | None = None, timeout: float = 180) -> str:
        return run("kubectl", "-n", self.namespace, *words, stdin=stdin, timeout=timeout)

    def apply(self, *bodies: Body) -> str:
        document = {"apiVersion": "v1", "kind": "List", "items": list(bodies)}
        return self.kubectl("apply", "-f", "-", stdin=json.dumps(document))

    def get(self, kind: str, name: str) -> Body:
        return server.get(kind, name, namespace=self.namespace)

    def list(self, kind: str, *, selector: str = "") -> list[Body]:
        return server.items(kind, namespace=self.namespace, selector=selector)

    def refusal(self, body: Body) -> str | None:
        """What the server says against this new object, none if it would take it."""
        try:
            server.judge(body, namespace=self.namespace)
        except RefusedError as refused:
            return str(refused)
        return None

    def patch(self, kind: str, name: str, change: Body) -> str:
        return self.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps(change))

    def delete(self, kind: str, name: str, *, timeout: float = 120) -> str:
        return self.kubectl("delete", kind, name, f"--timeout={timeout:.0f}s")

    def names(self, kind: str, *, selector: str = "") -> set[str]:
        return {item["metadata"]["name"] for item in self.list(kind, selector=selector)}
