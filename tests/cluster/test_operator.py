"""The operator against a real API server, with the rights that the chart gives it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import asked
from tests.kube import Body, Kube, eventually
from tests.unit.api.cases import a_model

pytestmark = pytest.mark.timeout(120)
CLAIM = {"volumeClaimTemplate": {"size": "64Mi"}}
CHILDREN = "deployments,services,configmaps,persistentvolumeclaims"


def applied(space: Kube, name: str, **spec: Any) -> Body:
    body = a_model(**spec)
    body["metadata"]["name"] = name
    space.apply(body)
    return body


def children(space: Kube, name: str) -> dict[str, Body]:
    found = space.list(CHILDREN, selector=f"flagos.io/model={name}")
    return {body["kind"]: body for body in found}


def wait_children(space: Kube, name: str, kinds: set[str]) -> dict[str, Body]:
    def there() -> tuple[dict[str, Body]] | None:
        found = children(space, name)
        return (found,) if set(found) == kinds else None

    # Kubernetes' collector looks for new kinds every 30 s: until then it takes nothing of them.
    (found,) = eventually(there, within=60, what=f"{name} has {sorted(kinds)}")
    return found


def condition(space: Kube, name: str, kind: str) -> Body:
    conditions = space.get("flagosmodel", name).get("status", {}).get("conditions", [])
    return next((c for c in conditions if c["type"] == kind), {})


def ready(space: Kube, name: str) -> Body:
    return condition(space, name, "Ready")


def up_to_date(space: Kube, name: str) -> str:
    return str(condition(space, name, "UpToDate").get("reason", ""))


def wait_reason(space: Kube, name: str, reason: str) -> Body:
    return eventually(
        lambda: found if (found := ready(space, name)).get("reason") == reason else None,
        within=30,
        what=f"{name} says {reason}",
    )


def versions(space: Kube, name: str) -> dict[str, str]:
    """ResourceVersions of a model and its children: moved by any write that changed something."""
    bodies = {**children(space, name), "FlagOSModel": space.get("flagosmodel", name)}
    return {kind: body["metadata"]["resourceVersion"] for kind, body in bodies.items()}


ALL = {"ConfigMap", "Service", "Deployment", "PersistentVolumeClaim"}
PLAIN = ALL - {"PersistentVolumeClaim"}


def test_children_are_applied_under_one_name_and_owned(space: Kube, operator: Path) -> None:
    applied(space, "owned", weights=CLAIM)
    found = wait_children(space, "owned", ALL)
    uid = space.get("flagosmodel", "owned")["metadata"]["uid"]
    for kind, body in found.items():
        full = space.get(kind, body["metadata"]["name"])
        owners = [o["uid"] for o in full["metadata"].get("ownerReferences", [])]
        assert owners == ([] if kind == "PersistentVolumeClaim" else [uid])
        managers = json.loads(
            space.kubectl(
                "get", kind, body["metadata"]["name"], "--show-managed-fields", "-o", "json"
            )
        )["metadata"]["managedFields"]
        assert ("flagos-operator", "Apply") in {(m["manager"], m["operation"]) for m in managers}


def test_the_model_itself_gets_no_finalizer_and_no_annotation(space: Kube, operator: Path) -> None:
    applied(space, "clean")
    wait_children(space, "clean", PLAIN)
    metadata = space.get("flagosmodel", "clean")["metadata"]
    assert "finalizers" not in metadata
    assert set(metadata.get("annotations", {})) <= {
        "kubectl.kubernetes.io/last-applied-configuration"
    }


@pytest.mark.parametrize("cascade", ["background", "foreground"])
def test_deleting_a_model_ends_and_takes_its_children(
    space: Kube, operator: Path, cascade: str
) -> None:
    """NIM #594: foreground deletion never ended, because children were made again."""
    name = f"gone-{cascade}"
    applied(space, name, weights=CLAIM)
    wait_children(space, name, ALL)
    space.kubectl("delete", "flagosmodel", name, f"--cascade={cascade}", "--timeout=60s")
    left = wait_children(space, name, {"PersistentVolumeClaim"})
    assert left["PersistentVolumeClaim"]["metadata"]["name"] == f"{name}-weights"


def test_a_claim_that_may_go_goes_with_its_model(space: Kube, operator: Path) -> None:
    applied(space, "mortal", weights={**CLAIM, "reclaimPolicy": "Delete"})
    wait_children(space, "mortal", ALL)
    space.delete("flagosmodel", "mortal")
    wait_children(space, "mortal", set())


def test_drift_is_repaired(space: Kube, operator: Path) -> None:
    applied(space, "drift")
    wait_children(space, "drift", PLAIN)
    wrong = {"spec": {"template": {"spec": {"containers": [{"name": "server", "image": "x:1"}]}}}}
    space.kubectl("patch", "deployment", "drift", "-p", json.dumps(wrong))
    space.delete("configmap", "drift-fetch")
    wait_children(space, "drift", PLAIN)

    def image() -> str:
        containers = space.get("deployment", "drift")["spec"]["template"]["spec"]["containers"]
        return str(containers[0]["image"])

    eventually(lambda: image() == "vllm:1", within=20, what="the image is set right")


def test_a_scale_by_somebody_else_is_kept(space: Kube, operator: Path) -> None:
    """NIM #681: replicas that an autoscaler had set were set back."""
    applied(space, "scaled")
    wait_children(space, "scaled", PLAIN)
    space.kubectl("scale", "flagosmodel/scaled", "--replicas=0")

    def wanted() -> int:
        return int(space.get("deployment", "scaled")["spec"]["replicas"])

    eventually(lambda: wanted() == 0, within=20, what="the Deployment follows")
    wait_reason(space, "scaled", "ScaledToZero")
    assert space.get("flagosmodel", "scaled")["spec"]["replicas"] == 0


def test_a_name_that_is_taken_is_told_and_left_as_it_was(space: Kube, operator: Path) -> None:
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "taken", "labels": {"app": "mine"}},
        "spec": {"selector": {"app": "mine"}, "ports": [{"port": 9000}]},
    }
    space.apply(foreign)
    before = space.get("service", "taken")
    applied(space, "taken")
    told = wait_reason(space, "taken", "NameTaken")
    assert "taken" in told["message"]
    assert space.get("service", "taken") == before
    space.delete("flagosmodel", "taken")


def test_a_flag_that_only_argparse_understands_is_refused_in_the_status(
    space: Kube, operator: Path
) -> None:
    applied(space, "prefix", server={"args": ["--tensor-parallel", "4"]})
    told = wait_reason(space, "prefix", "ManagedFlag")
    assert "tensorParallelSize" in told["message"]
    assert children(space, "prefix") == {}


def test_a_claim_grows_where_its_class_allows_and_else_says_so(
    space: Kube, operator: Path
) -> None:
    applied(space, "grown", weights=CLAIM)
    wait_children(space, "grown", ALL)
    applied(space, "grown", weights={"volumeClaimTemplate": {"size": "128Mi"}})

    def asked_for() -> str:
        claim = space.get("persistentvolumeclaim", "grown-weights")
        return str(claim["spec"]["resources"]["requests"]["storage"])

    def answered() -> bool:
        refused = up_to_date(space, "grown") == "VolumeClaimRefused"
        return asked_for() == "128Mi" or refused

    eventually(answered, within=30, what="the claim is larger, or the refusal is told")
    applied(space, "grown", weights=CLAIM)
    eventually(
        lambda: up_to_date(space, "grown") != "VolumeClaimRefused",
        within=30,
        what="the way back is open",
    )
    space.delete("flagosmodel", "grown")


def writes() -> int:
    """Requests by the operator that could have changed something."""
    lines = re.findall(
        r"^flagos_api_request_seconds_count\{(.*)\} (\S+)$", asked("/metrics"), re.MULTILINE
    )
    return sum(
        int(float(n))
        for labels, n in lines
        if re.search(r'verb="(apply|patch|create|delete|post)', labels, re.IGNORECASE)
    )


def nothing_written_meanwhile(space: Kube, name: str) -> bool:
    """A few seconds of a watch that shows nothing and of an operator that writes nothing."""
    before, count = versions(space, name), writes()
    words = ["get", "flagosmodel", name, "--watch-only", "--request-timeout=4s"]
    watched = subprocess.run(
        ["kubectl", "-n", space.namespace, *words], capture_output=True, text=True, check=False
    )
    return (watched.stdout, versions(space, name), writes()) == ("", before, count)


def test_it_comes_to_rest_and_then_writes_nothing(space: Kube, operator: Path) -> None:
    """NIM, LLMKube, KServe were measured to write for ever, to each object that is not ready."""
    applied(space, "still", chip="nvidia", devices=1)
    wait_reason(space, "still", "Unschedulable")
    eventually(
        lambda: nothing_written_meanwhile(space, "still"), within=40, what="four quiet seconds"
    )


def test_events_come_dated_and_counted_as_kubectl_sorts_them(space: Kube, operator: Path) -> None:
    applied(space, "told", chip="unheard-of")
    wait_reason(space, "told", "UnknownChip")
    (event,) = eventually(
        lambda: [e for e in space.list("events") if e["involvedObject"]["name"] == "told"],
        within=10,
        what="an event tells of it",
    )
    assert (event["type"], event["reason"], event["count"]) == ("Warning", "UnknownChip", 1)
    assert event["firstTimestamp"] == event["lastTimestamp"]
    shown = space.kubectl("describe", "flagosmodel", "told").partition("Events:")[2]
    assert re.search(r"Warning +UnknownChip +\d+s +flagos-operator +spec\.chip", shown), shown


def test_a_claim_of_a_class_that_does_not_exist_is_named_with_it(
    space: Kube, operator: Path
) -> None:
    template = {"size": "64Mi", "storageClassName": "no-such-class"}
    applied(space, "unbound", weights={"volumeClaimTemplate": template})
    told = wait_reason(space, "unbound", "VolumeClaimPending")
    claim = "claim unbound-weights of storage class no-such-class"
    assert told["message"].startswith(f"no volume for {claim}: ")
    progress = space.get("flagosmodel", "unbound")["status"]["progress"]
    assert progress == f"waiting for a volume for {claim}"


def test_a_device_that_no_node_offers_does_not_read_as_busy(space: Kube, operator: Path) -> None:
    applied(space, "no-chip", chip="nvidia", deviceResourceName="nobody.example/chip")
    wait_reason(space, "no-chip", "Unschedulable")
    missing = "no node has nobody.example/chip: is the vendor's device plugin installed?"

    def told() -> bool:
        found = space.get("flagosmodel", "no-chip")["status"]
        return bool(found["progress"].startswith(missing))

    eventually(told, within=30, what="no-chip says that no node has its device")


def test_every_right_that_is_needed_is_there(space: Kube, operator: Path) -> None:
    applied(space, "righteous", weights=CLAIM)
    wait_children(space, "righteous", ALL)
    assert "is forbidden: User" not in operator.read_text()
