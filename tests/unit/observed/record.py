"""Records the bodies beside it from a real cluster: `python -m tests.unit.observed.record`.

Each case is a Deployment named after it, of containers `fetch` and `server` that misbehave in
one way. Run it again for a new version of Kubernetes; the tests say what changed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.unit.observed.cases import (
    EVENTS,
    PODS,
    condition,
    deployment,
    job,
    limits,
    serving,
    shell,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Body = dict[str, Any]

BODIES = Path(__file__).parent / "bodies"
SPACE = "recording"
MIB = 1 << 20


def kubectl(*words: str, given: Body | None = None) -> str:
    return subprocess.run(
        ["kubectl", *words],
        input=json.dumps(given) if given else None,
        text=True,
        capture_output=True,
        check=True,
    ).stdout


def read(kind: str, name: str, space: str = SPACE) -> Body:
    chosen = ["-l", f"flagos.io/model={name}"] if kind == "pod" else [name]
    body: Body = json.loads(kubectl("-n", space, "get", kind, *chosen, "-o", "json"))
    return body["items"][-1] if body.get("items") else body


def keep(name: str, body: Body) -> None:
    body["metadata"].pop("managedFields", None)
    body["metadata"].pop("seen-ready", None)
    text = json.dumps(body, indent=1, sort_keys=True)
    (BODIES / f"{name}.json").write_text(text + "\n")
    sys.stderr.write(f"recorded {name}\n")


def record_pods(only: set[str]) -> None:
    wanted = {name: case for name, case in PODS.items() if not only or name in only}
    for body, _ in wanted.values():
        kubectl("-n", SPACE, "apply", "-f", "-", given=body)
    was_ready: set[str] = set()
    for _ in range(600):
        for name in list(wanted):
            for pod in json.loads(
                kubectl("-n", SPACE, "get", "pod", "-l", f"flagos.io/model={name}", "-o", "json")
            )["items"]:
                if condition("Ready", "True")(pod):
                    was_ready.add(name)
                pod["metadata"]["seen-ready"] = name in was_ready
                if wanted[name][1](pod):
                    keep(f"pod-{name}", pod)
                    del wanted[name]
                    break
        if not wanted:
            return
        time.sleep(0.5)
    sys.exit(f"never seen: {', '.join(wanted)}")


def record_refusals() -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}}
    quota["spec"] = {"hard": {"pods": "0"}}
    spaces = {
        "quota": [quota],
        "pod-security": [],
        "limit-range": [
            {
                "apiVersion": "v1",
                "kind": "LimitRange",
                "metadata": {"name": "small"},
                "spec": {"limits": [{"type": "Container", "max": {"memory": "10Mi"}}]},
            }
        ],
    }
    for name, objects in spaces.items():
        space = f"{SPACE}-{name}"
        kubectl("create", "namespace", space)
        if name == "pod-security":
            label = "pod-security.kubernetes.io/enforce=restricted"
            kubectl("label", "namespace", space, label)
        for body in objects:
            kubectl("-n", space, "apply", "-f", "-", given=body)
        server = serving(**limits(memory="20Mi"))
        kubectl("-n", space, "apply", "-f", "-", given=deployment(name, server))
        until(lambda name=name, space=space: read("deployment", name, space), "ReplicaFailure")
        keep(f"deployment-{name}", read("deployment", name, space))
        kubectl("delete", "namespace", space, "--wait=false")


def record_events() -> None:
    for name, body in EVENTS.items():
        space = f"{SPACE}-{name}"
        kubectl("create", "namespace", space)
        kubectl("-n", space, "apply", "-f", "-", given=body)
        keep(f"event-{name}", warning(space))
        kubectl("delete", "namespace", space, "--wait=false")


def warning(space: str) -> Body:
    chosen = ("--field-selector", "type=Warning,reason=FailedMount", "-o", "json")
    for _ in range(60):
        found: list[Body] = json.loads(kubectl("-n", space, "get", "events", *chosen))["items"]
        if found:
            return found[0]
        time.sleep(0.5)
    sys.exit("no volume was complained of")


def until(get: Callable[[], Body], kind: str) -> None:
    for _ in range(60):
        if condition(kind, "True")(get()):
            return
        time.sleep(0.5)
    sys.exit(f"{kind} was never seen")


def record_others() -> None:
    until(lambda: read("deployment", "ready"), "Available")
    keep("deployment-ready", read("deployment", "ready"))
    claim: Body = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "waits", "labels": {"flagos.io/model": "waits"}},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Mi"}},
            "storageClassName": "no-such-class",
        },
    }
    kubectl("-n", SPACE, "apply", "-f", "-", given=claim)
    pod = deployment(
        "unbound",
        serving(),
        volumes=[{"name": "weights", "persistentVolumeClaim": {"claimName": "waits"}}],
    )
    kubectl("-n", SPACE, "apply", "-f", "-", given=pod)
    until(lambda: {"status": {"conditions": unscheduled("unbound")}}, "Unscheduled")
    keep("pod-unbound", read("pod", "unbound"))
    keep("claim-pending", read("persistentvolumeclaim", "waits"))
    kubectl("-n", SPACE, "create", "service", "clusterip", "plain", "--tcp=8000:8000")
    keep("service", read("service", "plain"))
    record_jobs()
    record_leaving()


def unscheduled(name: str) -> list[Body]:
    pods = json.loads(
        kubectl("-n", SPACE, "get", "pod", "-l", f"flagos.io/model={name}", "-o", "json")
    )["items"]
    gone = any(condition("PodScheduled", "False")(pod) for pod in pods)
    return [{"type": "Unscheduled", "status": str(gone)}]


def record_jobs() -> None:
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "shared"}}
    asked = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    kubectl("-n", SPACE, "apply", "-f", "-", given={**claim, "spec": asked})
    ends = {"asleep": "Suspended", "complete": "Complete", "failed": "Failed"}
    for name, end in ends.items():
        script = "exit 1" if name == "failed" else "exit 0"
        body = job(name, script=script, suspend=name == "asleep")
        kubectl("-n", SPACE, "apply", "-f", "-", given=body)
        until(lambda name=name: read("job", name), end)
        keep(f"job-{name}", read("job", name))


def record_leaving() -> None:
    stubborn = shell("trap '' TERM; sleep 10000 & wait; sleep 10000")
    kubectl(
        "-n",
        SPACE,
        "apply",
        "-f",
        "-",
        given=deployment("leaving", stubborn, terminationGracePeriodSeconds=20),
    )
    until(lambda: read("pod", "leaving"), "Ready")
    name = read("pod", "leaving")["metadata"]["name"]
    kubectl("-n", SPACE, "delete", "deployment", "leaving")
    for _ in range(40):
        body = json.loads(kubectl("-n", SPACE, "get", "pod", name, "-o", "json"))
        if "deletionTimestamp" in body["metadata"]:
            keep("pod-leaving", body)
            return
        time.sleep(0.25)
    sys.exit("the pod was never told to go")


def main(only: set[str]) -> None:
    BODIES.mkdir(exist_ok=True)
    subprocess.run(["kubectl", "create", "namespace", SPACE], check=False)
    try:
        record_pods(only)
        if not only:
            record_refusals()
            record_events()
            record_others()
    finally:
        kubectl("delete", "namespace", SPACE, "--wait=false")


if __name__ == "__main__":
    main(set(sys.argv[1:]))
