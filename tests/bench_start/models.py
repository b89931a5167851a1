"""Models whose servers replay a log: from the operator's own image, which has a Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.bench.cluster import Body

IMAGE = "localhost/flagos-operator:dev"
REPLAY = Path(__file__).with_name("replay.py")
PLACE = "/replay"
SCRIPTS = "scripts"


def a_config_map(scripts: Mapping[str, str], *, namespace: str) -> Body:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": SCRIPTS, "namespace": namespace},
        "data": {REPLAY.name: REPLAY.read_text(), **scripts},
        "immutable": True,
    }


def a_model(name: str, *, namespace: str, script: str, words: tuple[str, ...] = ()) -> Body:
    """`script` is a key of the ConfigMap. The weights are any folder that each node has."""
    command = ["python3", f"{PLACE}/{REPLAY.name}", "--script", f"{PLACE}/{script}", *words]
    return {
        "apiVersion": "flagos.io/v1alpha1",
        "kind": "FlagOSModel",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "chip": "cpu",
            "image": IMAGE,
            "source": {"hostPath": {"path": "/usr/share"}},
            "server": {
                "command": command,
                "drainSeconds": 0,
                "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
                "volumeMounts": [{"name": SCRIPTS, "mountPath": PLACE}],
            },
            "pod": {"volumes": [{"name": SCRIPTS, "configMap": {"name": SCRIPTS}}]},
            "startup": {"budgetSeconds": 600},
        },
    }
