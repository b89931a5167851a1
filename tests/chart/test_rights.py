"""Rights: what the operator uses and no more, and nothing cluster-wide in the namespaced mode."""

from __future__ import annotations

from itertools import product

import pytest

from flagos_operator.cluster.kinds import BY_NAME, KINDS, PIN, ROWS, Resource
from tests.chart.rendering import Manifest, of_kind, render, the
from tests.golden.examples import EXAMPLES, objects

TEAMS = {"watchNamespaces": ["team-a", "team-b"]}
CLUSTER_WIDE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}


def pairs(role: Manifest) -> set[tuple[str, str]]:
    """(resource.group, verb) of each thing that the role allows."""
    return {
        (f"{resource}.{group}".rstrip("."), verb)
        for rule in role["rules"]
        for group, resource, verb in product(rule["apiGroups"], rule["resources"], rule["verbs"])
    }


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    return next(body for body in of_kind(manifests, kind) if body["metadata"]["name"] == name)


def operator_role() -> Manifest:
    return named(render(), "ClusterRole", "flagos-operator")


def test_the_operator_never_writes_a_models_spec() -> None:
    allowed = {
        verb for resource, verb in pairs(operator_role()) if resource == "flagosmodels.flagos.io"
    }
    assert allowed == {"list", "watch"}


def test_the_operator_reads_no_secret_and_makes_no_pod() -> None:
    allowed = pairs(operator_role())
    assert not {pair for pair in allowed if pair[0].startswith(("secrets", "serviceaccounts"))}
    assert {verb for resource, verb in allowed if resource == "pods"} == {"list", "watch"}


def used() -> set[tuple[str, str]]:
    """(resource.group, verb) that the code can need, from its kinds and from what it renders."""
    rendered = [{body["kind"] for body in objects(example)} for example in EXAMPLES]
    made, always = set.union(*rendered), set.intersection(*rendered)
    pairs = {(resource(kind), verb) for kind in KINDS for verb in ("list", "watch")}
    # An apply patches, or creates; where the name is taken it looks whose the object is.
    pairs |= {(resource(BY_NAME[k]), v) for k in made for v in ("get", "create", "patch")}
    # What every model has is never pruned: owner references take it.
    pairs |= {(resource(BY_NAME[k]), "delete") for k in made - always}
    # Rows that are kept are written under names that nobody else takes, and a few are deleted.
    pairs |= {(resource(PIN), verb) for verb in ("create", "patch", "delete")}
    return (
        pairs
        | rows()
        | {
            ("flagosmodels/status.flagos.io", "patch"),
            ("flagosmodels/finalizers.flagos.io", "update"),  # for blockOwnerDeletion on OpenShift
            ("pods/log", "get"),
            ("events", "create"),
            ("events", "list"),  # why a volume is not mounted
            ("nodes", "list"),  # for a choice among releases
        }
    )


def rows() -> set[tuple[str, str]]:
    """Rows of chips and releases: followed, and applied where they are not yet."""
    verbs = ("list", "watch", "create", "patch")
    return {(resource(kind), verb) for kind in ROWS for verb in verbs}


def resource(kind: Resource) -> str:
    return f"{kind.plural}.{kind.group}".rstrip(".")


def test_the_operator_may_do_what_it_does_and_nothing_else() -> None:
    """NIM #219, LLMKube #1595: the chart's rights were not those that the operator used."""
    assert pairs(operator_role()) == used()


def test_the_right_to_list_nodes_can_be_kept_back() -> None:
    role = named(render({"rbac": {"nodes": False}}), "ClusterRole", "flagos-operator")
    assert pairs(operator_role()) - pairs(role) == {("nodes", "list")}


def test_nothing_is_allowed_by_a_star() -> None:
    text = str(operator_role()["rules"])
    assert "*" not in text


def test_the_namespaced_mode_has_no_cluster_wide_right() -> None:
    kinds = {body["kind"] for body in render(TEAMS)}
    assert not kinds & CLUSTER_WIDE


@pytest.mark.parametrize("namespace", TEAMS["watchNamespaces"])
def test_each_watched_namespace_gets_the_same_rights_but_those_of_the_cluster(
    namespace: str,
) -> None:
    roles = [r for r in of_kind(render(TEAMS), "Role") if r["metadata"]["namespace"] == namespace]
    mine = next(r for r in roles if r["metadata"]["name"] == "flagos-operator")
    # Nodes are of no namespace: a right to them in one would be none.
    assert pairs(mine) == pairs(operator_role()) - rows() - {("nodes", "list")}


def test_each_role_is_bound_to_the_operators_account_where_the_operator_is() -> None:
    bindings = of_kind(render(TEAMS, namespace="ops"), "RoleBinding")
    # Beside its work, its lease: test_leadership.py.
    assert {b["metadata"]["namespace"] for b in bindings} == {*TEAMS["watchNamespaces"], "ops"}
    for binding in bindings:
        account = {"kind": "ServiceAccount", "name": "flagos-operator", "namespace": "ops"}
        assert binding["subjects"] == [account]
        assert binding["roleRef"]["kind"] == "Role"


def test_people_get_the_rights_through_the_built_in_roles() -> None:
    roles = render()
    editor = named(roles, "ClusterRole", "flagosmodels-editor")
    viewer = named(roles, "ClusterRole", "flagosmodels-viewer")
    aggregate = "rbac.authorization.k8s.io/aggregate-to-"
    assert editor["metadata"]["labels"][aggregate + "edit"] == "true"
    assert viewer["metadata"]["labels"][aggregate + "view"] == "true"
    assert ("flagosmodels/scale.flagos.io", "patch") in pairs(editor)
    assert {verb for _, verb in pairs(viewer)} == {"get", "list", "watch"}


def test_the_editor_role_warns_that_a_model_is_a_pod() -> None:
    """Said where an administrator reads it: in the object's own annotation."""
    editor = named(render(), "ClusterRole", "flagosmodels-editor")
    assert "pods" in editor["metadata"]["annotations"]["flagos.io/note"]


def test_roles_can_be_left_to_somebody_else() -> None:
    kinds = {body["kind"] for body in render({"rbac": {"create": False, "userRoles": False}})}
    assert not {kind for kind in kinds if "Role" in kind}


def test_an_account_made_by_somebody_else_is_used() -> None:
    values = {"serviceAccount": {"create": False, "name": "mine"}}
    manifests = render(values)
    assert not of_kind(manifests, "ServiceAccount")
    assert the(manifests, "ClusterRoleBinding")["subjects"][0]["name"] == "mine"
    pod = the(manifests, "Deployment")["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "mine"
