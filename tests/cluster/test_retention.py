"""What removing models and weights rests on, at a real API server and its collector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cluster.test_operator import applied, nothing_written_meanwhile, wait_children
from tests.kube import Body, Kube, eventually

pytestmark = pytest.mark.timeout(180)
MADE = {"volumeClaimTemplate": {"size": "64Mi"}, "reclaimPolicy": "Delete"}
REMOVED = {"persistentVolumeClaim": {"claimName": "shared"}, "reclaimPolicy": "Delete"}
ALL = {"ConfigMap", "Service", "Deployment", "PersistentVolumeClaim"}


@pytest.fixture(scope="module", autouse=True)
def shared(space: Kube) -> None:
    shared_claim(space)


def shared_claim(space: Kube) -> None:
    """Of the user's; nothing has to bind it."""
    spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "64Mi"}}}
    kind = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    space.apply({**kind, "metadata": {"name": "shared"}, "spec": spec})


def of(claim: str) -> dict[str, Any]:
    return {"persistentVolumeClaim": {"claimName": claim}}


def owners(space: Kube, claim: str) -> dict[str, bool]:
    refs = space.get("persistentvolumeclaim", claim)["metadata"].get("ownerReferences", [])
    return {each["name"]: bool(each.get("controller")) for each in refs}


def wait_owners(space: Kube, claim: str, wanted: dict[str, bool]) -> None:
    eventually(
        lambda: owners(space, claim) == wanted, within=30, what=f"{claim} belongs to {wanted}"
    )


def jobs(space: Kube, name: str) -> list[Body]:
    return space.list("jobs", selector=f"flagos.io/model={name}")


def wait_job(space: Kube, name: str, *, suspended: bool) -> Body:
    def found() -> Body | None:
        told = [job for job in jobs(space, name) if job["spec"]["suspend"] is suspended]
        return told[0] if len(told) == 1 else None

    return eventually(found, within=60, what=f"{name} has one Job, suspended: {suspended}")


def test_an_apply_leaves_the_references_of_others_alone(space: Kube, operator: Path) -> None:
    """A foreign reference is an item of its own in a list with keys."""
    applied(space, "made", weights=MADE)
    wait_children(space, "made", ALL)
    applied(space, "also", weights=of("made-weights"))
    wait_owners(space, "made-weights", {"made": True, "also": False})
    # By this the operator has to apply the claim again, with force.
    drift = {"metadata": {"labels": {"flagos.io/model": "made", "app.kubernetes.io/name": "x"}}}
    space.patch("persistentvolumeclaim", "made-weights", drift)

    def mended() -> bool:
        labels = space.get("persistentvolumeclaim", "made-weights")["metadata"]["labels"]
        return labels["app.kubernetes.io/name"] == "flagosmodel"

    eventually(mended, within=30, what="the claim was applied again")
    assert owners(space, "made-weights") == {"made": True, "also": False}
    for name in ("made", "also"):
        eventually(
            lambda name=name: nothing_written_meanwhile(space, name),  # type: ignore[misc]
            within=60,
            what="four quiet seconds",
        )


def test_the_collector_takes_a_claim_with_the_last_of_its_models(
    space: Kube, operator: Path
) -> None:
    applied(space, "first", weights=MADE)
    wait_children(space, "first", ALL)
    applied(space, "second", weights=of("first-weights"))
    wait_owners(space, "first-weights", {"first": True, "second": False})
    uid = space.get("persistentvolumeclaim", "first-weights")["metadata"]["uid"]
    space.delete("flagosmodel", "first")
    wait_owners(space, "first-weights", {"second": False})
    applied(space, "first", weights=MADE)
    wait_owners(space, "first-weights", {"first": True, "second": False})
    assert space.get("persistentvolumeclaim", "first-weights")["metadata"]["uid"] == uid
    for name in ("first", "second"):
        space.delete("flagosmodel", name)
    eventually(
        lambda: "first-weights" not in space.names("persistentvolumeclaims"),
        within=60,
        what="the claim went with the last model",
    )


def test_a_claim_that_is_to_be_kept_after_all_has_no_owner(space: Kube, operator: Path) -> None:
    applied(space, "kept", weights=MADE)
    wait_children(space, "kept", ALL)
    applied(space, "guest", weights=of("kept-weights"))
    wait_owners(space, "kept-weights", {"kept": True, "guest": False})
    applied(space, "kept", weights={**MADE, "reclaimPolicy": "Retain"})
    wait_owners(space, "kept-weights", {})
    for name in ("kept", "guest"):
        space.delete("flagosmodel", name)
        wait_children(space, name, {"PersistentVolumeClaim"} if name == "kept" else set())


def test_a_model_that_leaves_its_claim_hands_it_over(space: Kube, operator: Path) -> None:
    applied(space, "host", weights=MADE)
    wait_children(space, "host", ALL)
    applied(space, "heir", weights=of("host-weights"))
    wait_owners(space, "host-weights", {"host": True, "heir": False})
    applied(space, "host")
    wait_owners(space, "host-weights", {"heir": False})
    space.delete("flagosmodel", "heir")
    eventually(
        lambda: "host-weights" not in space.names("persistentvolumeclaims"),
        within=60,
        what="the claim went with the heir",
    )


def test_a_job_sleeps_wakes_and_costs_no_write_at_rest(space: Kube, operator: Path) -> None:
    applied(space, "asleep", weights=REMOVED)
    job = wait_job(space, "asleep", suspended=True)
    assert not space.list("pods", selector=f"job-name={job['metadata']['name']}")
    eventually(
        lambda: nothing_written_meanwhile(space, "asleep"), within=60, what="four quiet seconds"
    )
    space.delete("flagosmodel", "asleep")
    awake = wait_job(space, "asleep", suspended=False)
    assert awake["metadata"]["uid"] == job["metadata"]["uid"]
    # Whoever wants the directory meanwhile waits, and goes on when the Job is gone.
    applied(space, "waits", weights=of("shared"))

    def reason() -> str:
        told = space.get("flagosmodel", "waits").get("status", {}).get("conditions", [])
        return next((c["reason"] for c in told if c["type"] == "Ready"), "")

    eventually(lambda: reason() == "Reclaiming", within=30, what="waits says Reclaiming")
    assert "waits" not in space.names("deployments")
    space.delete("job", job["metadata"]["name"])
    eventually(lambda: "waits" in space.names("deployments"), within=30, what="waits goes on")
    space.delete("flagosmodel", "waits")
