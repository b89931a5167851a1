"""The chart as the real helm renders it."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "flagos-operator"
CACHE = Path(os.environ.get("FLAGOS_CACHE", Path.home() / ".cache" / "flagos-operator"))
# Without a cluster to ask, helm needs to be told for which Kubernetes it renders.
KUBERNETES = ("--kube-version", "1.36.0")

Manifest = dict[str, Any]
Values = Mapping[str, Any]


@functools.cache
def helm() -> str:
    found = shutil.which("helm") or shutil.which("helm", path=str(CACHE / "path"))
    assert found, f"no helm on PATH nor in {CACHE}/path: `make cluster` puts one there"
    return found


def run_helm(*words: str, values: Values | None = None) -> subprocess.CompletedProcess[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(values or {}, file)
        file.flush()
        command = (helm(), *words, *KUBERNETES, "--values", file.name)
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@functools.cache
def _rendered(values: str, release: str, namespace: str) -> str:
    done = run_helm(
        *("template", release, str(CHART), "--namespace", namespace), values=json.loads(values)
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def render(
    values: Values | None = None, *, release: str = "flagos-operator", namespace: str = "system"
) -> list[Manifest]:
    text = _rendered(json.dumps(values or {}), release, namespace)
    return [body for body in yaml.safe_load_all(text) if body]


def refusal(values: Values) -> str:
    """What helm says to values that it must not take."""
    done = run_helm("template", "flagos-operator", str(CHART), values=values)
    assert done.returncode != 0, f"helm took {values}"
    return done.stderr


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [body for body in manifests if body["kind"] == kind]


def the(manifests: list[Manifest], kind: str) -> Manifest:
    found = of_kind(manifests, kind)
    assert len(found) == 1, f"{len(found)} objects of kind {kind}"
    return found[0]


def operator_pod(values: Values | None = None) -> Manifest:
    """The pod template of the operator's Deployment."""
    template: Manifest = the(render(values), "Deployment")["spec"]["template"]
    return template


def operator_container(values: Values | None = None) -> Manifest:
    containers: list[Manifest] = operator_pod(values)["spec"]["containers"]
    assert len(containers) == 1
    return containers[0]


def operator_env(values: Values | None = None) -> dict[str, Any]:
    return {
        e["name"]: e.get("value", e.get("valueFrom")) for e in operator_container(values)["env"]
    }


def pods(manifests: list[Manifest]) -> Iterator[Manifest]:
    """Every pod that the chart makes, its `helm test` included."""
    for body in manifests:
        if body["kind"] == "Pod":
            yield body
        elif body["kind"] == "Deployment":
            yield body["spec"]["template"]
