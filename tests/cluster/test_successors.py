"""An operator that comes after another one, or with other rights: each test starts its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.conftest import an_operator
from tests.cluster.test_operator import ALL, PLAIN, applied, versions, wait_children, wait_reason
from tests.cluster.test_retention import REMOVED, jobs, shared_claim, wait_job
from tests.kube import Kube, eventually

pytestmark = [pytest.mark.timeout(180), pytest.mark.usefixtures("no_other_operator")]


@pytest.fixture(scope="module")
def shared(space: Kube) -> None:
    shared_claim(space)


@pytest.fixture
def settled(space: Kube, account: Path) -> Iterator[str]:
    """A model that was reconciled by an operator that has ended since."""
    with an_operator(account):
        applied(space, "settled", chip="nvidia", devices=1)
        wait_children(space, "settled", PLAIN)
        wait_reason(space, "settled", "Unschedulable")
    yield "settled"
    space.delete("flagosmodel", "settled")


def test_a_restarted_operator_changes_nothing(space: Kube, account: Path, settled: str) -> None:
    before = versions(space, settled)
    with an_operator(account):
        # The restart has looked at the model once a later model is served.
        applied(space, "later")
        wait_children(space, "later", PLAIN)
        assert versions(space, settled) == before


def test_an_upgraded_operator_rolls_nothing(space: Kube, account: Path, settled: str) -> None:
    """LLMKube #192: pods were rolled by each new version of the operator."""
    before = versions(space, settled)["Deployment"]
    with an_operator(account, image="localhost/operator:2"):
        applied(space, "newer")
        found = wait_children(space, "newer", PLAIN)
        init = found["Deployment"]["spec"]["template"]["spec"]["initContainers"][0]
        assert init["image"] == "localhost/operator:2"
        assert versions(space, settled)["Deployment"] == before


def test_an_upgraded_operator_makes_no_job_anew_and_runs_it_with_its_own_image(
    space: Kube, account: Path, shared: None
) -> None:
    with an_operator(account):
        applied(space, "old", weights=REMOVED)
        before = wait_job(space, "old", suspended=True)
    with an_operator(account, image="localhost/operator:2"):
        applied(space, "newer", weights={**REMOVED, "directory": "newer"})
        wait_job(space, "newer", suspended=True)
        assert wait_job(space, "old", suspended=True)["metadata"] == before["metadata"]
        space.delete("flagosmodel", "old")
        awake = wait_job(space, "old", suspended=False)
        (container,) = awake["spec"]["template"]["spec"]["containers"]
        assert container["image"] == "localhost/operator:2"
        space.delete("flagosmodel", "newer")


def test_a_deletion_while_the_operator_was_away_is_made_up_for(
    space: Kube, account: Path, shared: None
) -> None:
    with an_operator(account):
        applied(space, "away", weights={**REMOVED, "directory": "away"})
        wait_job(space, "away", suspended=True)
    space.delete("flagosmodel", "away")
    wait_children(space, "away", set())
    assert [job["spec"]["suspend"] for job in jobs(space, "away")] == [True]
    with an_operator(account) as log:
        wait_job(space, "away", suspended=False)
        assert "is forbidden: User" not in log.read_text()


def test_an_operator_without_rights_on_jobs_serves_all_other_models(
    space: Kube, account: Path, shared: None
) -> None:
    """Of a chart that is older than the operator, for one."""
    roles = json.loads(space.kubectl("get", "clusterroles", "-o", "json"))["items"]
    role = next(r for r in roles if r["metadata"]["name"].startswith("tests-flagos-operator"))
    fewer = [rule for rule in role["rules"] if rule.get("apiGroups") != ["batch"]]
    name = role["metadata"]["name"]
    space.patch("clusterrole", name, {"rules": fewer})
    try:
        with an_operator(account):
            applied(space, "plain")
            wait_children(space, "plain", ALL - {"PersistentVolumeClaim"})
            applied(space, "needy", weights={**REMOVED, "directory": "needy"})
            eventually(
                lambda: "Forbidden" in json.dumps(space.get("flagosmodel", "needy")),
                within=60,
                what="needy says Forbidden",
            )
            assert "needy" not in space.names("deployments")
    finally:
        space.patch("clusterrole", name, {"rules": role["rules"]})
