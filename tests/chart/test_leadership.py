"""More than one replica: a lease, the right to it, and pods that do not fall together."""

from __future__ import annotations

import pytest

from flagos_operator.cluster.kinds import LEASE
from tests.chart.rendering import Manifest, of_kind, operator_env, operator_pod, render, the
from tests.chart.test_rights import pairs

TWO = {"replicaCount": 2}
SELECTOR = {
    "app.kubernetes.io/name": "flagos-operator",
    "app.kubernetes.io/instance": "flagos-operator",
}


def lease_role(values: Manifest) -> Manifest:
    roles = of_kind(render({**values, "rbac": {"userRoles": False}}), "Role")
    return next(role for role in roles if role["metadata"]["name"] == "flagos-operator-lease")


def test_one_replica_has_no_lease_to_wait_for() -> None:
    assert operator_env()["FLAGOS_LEASE"] == ""
    assert not of_kind(render(), "PodDisruptionBudget")
    assert "affinity" not in operator_pod()["spec"]


@pytest.mark.parametrize("values", [TWO, {**TWO, "watchNamespaces": ["team-a"]}])
def test_a_lease_is_there_and_goes_with_the_release(values: Manifest) -> None:
    lease = the(render(values), "Lease")
    assert lease["metadata"]["name"] == operator_env(values)["FLAGOS_LEASE"]
    assert "spec" not in lease, "helm would fight with the operator for it"


def test_pods_of_two_replicas_keep_their_right_while_they_become_one() -> None:
    """Without it the last one of two would work no more, and would not end either."""
    one, two = (lease_role(values)["rules"] for values in ({}, TWO))
    assert one == two
    strategies = [the(render(v), "Deployment")["spec"]["strategy"] for v in ({}, TWO)]
    assert strategies[0] == strategies[1]


@pytest.mark.parametrize("values", [TWO, {**TWO, "watchNamespaces": ["team-a"]}])
def test_the_lease_is_where_the_operator_is_and_it_may_use_no_other(values: Manifest) -> None:
    role = lease_role(values)
    assert role["metadata"]["namespace"] == "system"
    leases = f"{LEASE.plural}.{LEASE.group}"
    assert pairs(role) == {(leases, verb) for verb in ("create", "get", "patch")}
    named = {name for rule in role["rules"] for name in rule.get("resourceNames", ())}
    assert named == {operator_env(values)["FLAGOS_LEASE"]} == {"flagos-operator"}


def test_the_right_to_the_lease_is_bound_to_the_operators_account() -> None:
    binding = the(render(TWO), "RoleBinding")
    assert binding["roleRef"]["name"] == "flagos-operator-lease"
    account = {"kind": "ServiceAccount", "name": "flagos-operator", "namespace": "system"}
    assert binding["subjects"] == [account]


def test_rights_can_be_left_to_somebody_else() -> None:
    assert not of_kind(render({**TWO, "rbac": {"create": False, "userRoles": False}}), "Role")


def test_a_drain_takes_one_replica_at_a_time() -> None:
    budget = the(render(TWO), "PodDisruptionBudget")["spec"]
    assert budget == {"maxUnavailable": 1, "selector": {"matchLabels": SELECTOR}}


def test_replicas_rather_do_not_share_a_node_and_an_own_affinity_wins() -> None:
    rule = operator_pod(TWO)["spec"]["affinity"]["podAntiAffinity"]
    (term,) = rule["preferredDuringSchedulingIgnoredDuringExecution"]
    assert term["podAffinityTerm"]["topologyKey"] == "kubernetes.io/hostname"
    assert term["podAffinityTerm"]["labelSelector"] == {"matchLabels": SELECTOR}
    mine = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}}
    assert operator_pod({**TWO, "affinity": mine})["spec"]["affinity"] == mine


def test_an_upgrade_leaves_one_replica_to_work() -> None:
    strategy = the(render(TWO), "Deployment")["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
