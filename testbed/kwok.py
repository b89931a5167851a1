"""kwok: nodes that are objects and nothing else, whose pods become ready by themselves.

It stands in for a kubelet where hundreds of pods are wanted and none needs to run. Only nodes that
are marked as fake are its own; the real node keeps its kubelet.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from testbed.settings import Settings

Manifest = dict[str, Any]

FAKE = "kwok.x-k8s.io/node"
LABEL = {FAKE: "fake"}
# Whoever wants such a node says so: nothing else may end up where nothing runs.
TAINT = {"key": FAKE, "value": "fake", "effect": "NoSchedule"}
TOLERATION = {"key": FAKE, "operator": "Exists", "effect": "NoSchedule"}
LEASE_SECONDS = 40
ROOM = {"cpu": "1000", "memory": "4Ti", "ephemeral-storage": "10Ti", "pods": "1000"}
# What `fetch` leaves behind when it has all files.
REPORT = {
    "reason": "Complete",
    "revision": "0123456789abcdef0123456789abcdef01234567",
    "totalBytes": 1048576,
    "files": 3,
    "digest": f"sha256:{'ab' * 32}",
}

ALIVE = {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"}
LEAVING = {"key": ".metadata.deletionTimestamp", "operator": "Exists"}
NOT_READY = {
    "key": '.status.conditions.[] | select( .type == "Ready" ) | .status',
    "operator": "NotIn",
    "values": ["True"],
}
UNFINISHED = {"key": ".status.phase", "operator": "NotIn", "values": ["Succeeded", "Failed"]}

NODE_READY = """\
{{ $now := Now }}
conditions:
- type: Ready
  status: "True"
  reason: KubeletReady
  message: a node of kwok
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
phase: Running
"""

# Also a pod whose node was silent for a while: a kubelet says again that it is ready.
POD_READY = """\
{{ $now := or .status.startTime Now }}
conditions:
{{ range $type := list "PodReadyToStartContainers" "Initialized" "ContainersReady" "Ready" }}
- type: {{ $type | Quote }}
  status: "True"
  lastTransitionTime: {{ Now | Quote }}
{{ end }}
initContainerStatuses:
{{ range .spec.initContainers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: true
  restartCount: 0
  state:
    terminated:
      exitCode: 0
      reason: Completed
      message: {{ if eq .name "fetch" }}'REPORT'{{ else }}""{{ end }}
      startedAt: {{ $now | Quote }}
      finishedAt: {{ $now | Quote }}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: true
  started: true
  restartCount: 0
  state:
    running:
      startedAt: {{ $now | Quote }}
{{ end }}
{{ $meta := .metadata }}
{{ with or .status.podIP ( PodIPWith .spec.nodeName false $meta.uid $meta.name $meta.namespace ) }}
podIP: {{ . | Quote }}
podIPs:
- ip: {{ . | Quote }}
{{ end }}
phase: Running
startTime: {{ $now | Quote }}
""".replace("REPORT", json.dumps(REPORT))


def command(settings: Settings) -> tuple[str, ...]:
    return (
        "kwok",
        f"--kubeconfig={settings.kubeconfig}",
        f"--config={config_file(settings)}",
        f"--manage-nodes-with-annotation-selector={FAKE}=fake",
        f"--node-ip={settings.address}",
        f"--cidr={settings.network.fake_pods}",
        f"--node-lease-duration-seconds={LEASE_SECONDS}",
    )


def write_config(settings: Settings) -> None:
    documents = [json.dumps(each, indent=2) for each in stages()]
    config_file(settings).write_text("\n---\n".join(documents))


def config_file(settings: Settings) -> Path:
    return settings.node_dir / "kwok.yaml"


def stages() -> tuple[Manifest, ...]:
    """What becomes of an object that matches, one step after another."""
    return (
        stage("node-ready", kind="Node", when=[NOT_READY], then=status(NODE_READY)),
        stage(
            "pod-ready", kind="Pod", when=[ALIVE, UNFINISHED, NOT_READY], then=status(POD_READY)
        ),
        stage("pod-gone", kind="Pod", when=[LEAVING], then={"delete": True}),
    )


def status(template: str) -> Manifest:
    return {"statusTemplate": template}


def stage(name: str, *, kind: str, when: list[Manifest], then: Manifest) -> Manifest:
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": kind},
            "selector": {"matchExpressions": when},
            "next": then,
        },
    }


def node(name: str) -> Manifest:
    """To be created by whoever wants one, and deleted by the same."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": {FAKE: "fake"}, "labels": LABEL},
        "spec": {"taints": [TAINT]},
        "status": {"allocatable": ROOM, "capacity": ROOM},
    }
