"""What somebody sees who watches a model with `kubectl get --watch`."""

from __future__ import annotations

import itertools
import subprocess
import threading

from tests.e2e.model import Model


class Watch:
    """Each state of these fields, in order, until it is stopped."""

    def __init__(self, model: Model, *fields: str) -> None:
        shown = "|".join(f"{{{field}}}" for field in fields) + "{'\\n'}"
        words = ["get", "flagosmodel", model.name, "--watch", "-o", f"jsonpath={shown}"]
        self.process = subprocess.Popen(
            ["kubectl", "-n", model.kube.namespace, *words], stdout=subprocess.PIPE, text=True
        )
        self.rows: list[list[str]] = []
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self) -> None:
        assert self.process.stdout
        self.rows.extend(line.rstrip("\n").split("|") for line in self.process.stdout)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)
        self.reader.join(timeout=10)
        if self.process.stdout:
            self.process.stdout.close()

    def column(self, number: int) -> list[str]:
        """Without repeats."""
        shown = (row[number] for row in self.rows if len(row) > number)
        return [word for word, _ in itertools.groupby(shown) if word]
