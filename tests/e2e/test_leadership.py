"""Two replicas of the operator, by the chart: one works, and the other takes over.

A kill without a word is tests/process' part: a pod that is deleted may say good-bye.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import SYSTEM, install_operator
from tests.e2e.test_chart import CHART, a_model, upgrade
from tests.kube import Kube, eventually

pytestmark = [pytest.mark.alone, pytest.mark.timeout(300)]

NAME = "flagos-operator"


def holder() -> str:
    """The pod that holds the lease."""
    spec = SYSTEM.get("lease", NAME)["spec"]
    return str(spec.get("holderIdentity", "")).rpartition("_")[0]


def restarts() -> dict[str, int]:
    pods = SYSTEM.list("pods", selector="app.kubernetes.io/name=flagos-operator")
    return {
        pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["restartCount"]
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
    }


def judged(space: Kube, name: str) -> bool:
    status = space.get("flagosmodel", name).get("status", {})
    return bool(status.get("conditions")) and bool(space.names("deployments"))


@pytest.fixture(scope="module")
def two(operator: Kube) -> Iterator[None]:
    upgrade(CHART, "--set", "replicaCount=2")
    try:
        yield
    finally:
        install_operator()


@pytest.mark.usefixtures("two")
def test_the_standby_works_on_when_the_leaders_pod_is_deleted(space: Kube) -> None:
    leader = eventually(holder, within=30, what="somebody leads")
    assert leader in restarts()
    assert len(restarts()) == 2
    space.apply(a_model())
    eventually(lambda: judged(space, "judged"), within=30, what="the leader works")

    SYSTEM.kubectl("delete", "pod", leader, "--wait=false")
    heir = eventually(
        lambda: found if (found := holder()) not in ("", leader) else None,
        within=15,
        what="another one leads",
    )
    later = {**a_model(), "metadata": {"name": "later"}}
    space.apply(later)
    eventually(lambda: judged(space, "later"), within=15, what="the new leader works")
    assert holder() == heir
    assert set(restarts().values()) == {0}


@pytest.mark.usefixtures("two")
def test_a_drain_may_take_one_of_the_two() -> None:
    def allowed() -> bool:
        return bool(SYSTEM.get("pdb", NAME)["status"].get("disruptionsAllowed") == 1)

    eventually(allowed, within=60, what="the budget allows one disruption")
