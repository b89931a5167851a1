"""The models that are measured: of two children, and with a pod that nobody ever schedules."""

from __future__ import annotations

from tests.bench.cluster import Body
from tests.loop import running

NOBODY = "nobody"  # so the pod stays as it was made, unless the bench itself says else


def a_model(name: str, *, namespace: str) -> Body:
    return running.a_model(name, namespace=namespace, pod={"schedulerName": NOBODY})


def a_foreign_pod(name: str, *, namespace: str) -> Body:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": "foreign"}},
        "spec": {
            "schedulerName": NOBODY,
            "containers": [{"name": "main", "image": "registry.local/other:1"}],
        },
    }
