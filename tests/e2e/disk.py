"""A volume seen from a pod that mounts all of it, as no model's own pod does."""

from __future__ import annotations

from dataclasses import dataclass

from tests.kube import Body, Kube

WATCHER = "watcher"
UNPRIVILEGED: Body = {
    "runAsNonRoot": True,
    "runAsUser": 65534,
    "fsGroup": 65534,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@dataclass(frozen=True, slots=True)
class Disk:
    kube: Kube

    def sh(self, line: str) -> str:
        return self.kube.kubectl("exec", WATCHER, "--", "sh", "-c", f"cd /data && {line}")

    def files(self, place: str) -> list[str]:
        return self.sh(f"find {place} ! -type d 2>/dev/null | sort").split()


def claim(name: str, *, size: str = "1Gi") -> Body:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    kind = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    return {**kind, "metadata": {"name": name}, "spec": spec}


def on_claim(name: str) -> Body:
    return {"persistentVolumeClaim": {"claimName": name}}


def a_disk(kube: Kube, volume: Body, *others: Body, security: Body) -> Disk:
    kube.apply(*others, watcher(volume, security=security))
    kube.kubectl("wait", "--for=condition=Ready", f"pod/{WATCHER}", "--timeout=90s")
    return Disk(kube)


def watcher(volume: Body, *, security: Body) -> Body:
    resources = {"cpu": "10m", "memory": "32Mi"}
    container = {
        "name": "sh",
        "image": "localhost/busybox:1",
        "command": ["sleep", "3600"],
        "resources": {"requests": resources, "limits": resources},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    spec = {
        "terminationGracePeriodSeconds": 0,
        "securityContext": security,
        "containers": [container],
        "volumes": [{"name": "data", **volume}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": WATCHER}, "spec": spec}
