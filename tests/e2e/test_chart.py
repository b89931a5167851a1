"""The chart as an administrator uses it: install, test, restrict, upgrade, remove, repeat."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import (
    OPERATOR_IMAGE,
    RELEASE,
    ROOT,
    SYSTEM,
    a_namespace,
    image_values,
    install_operator,
)
from tests.kube import Body, CommandFailedError, Kube, eventually, run

pytestmark = [pytest.mark.alone, pytest.mark.timeout(300)]

DEFINITION = "flagosmodels.flagos.io"
CHART = ROOT / "charts" / "flagos-operator"
THIS_IMAGE = image_values(OPERATOR_IMAGE)
GUARDED = {"flagos.io/unprivileged": "true"}
TEAM = "e2e-chart-team"
OPS = "e2e-chart-ops"


def a_model(**spec: Body) -> Body:
    """One that needs no image and no hub to be judged and rendered."""
    return {
        "apiVersion": "flagos.io/v1alpha1",
        "kind": "FlagOSModel",
        "metadata": {"name": "judged"},
        "spec": {
            "chip": "cpu",
            "image": "localhost/absent:1",
            "source": {"persistentVolumeClaim": {"claimName": "absent"}},
            **spec,
        },
    }


def refusal(*command: str) -> str:
    with pytest.raises(CommandFailedError) as refused:
        run(*command)
    return str(refused.value)


def definition() -> Body:
    body: Body = json.loads(run("kubectl", "get", "crd", DEFINITION, "-o", "json"))
    return body


def knows(field: str) -> bool:
    schema = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return field in schema["properties"]["spec"]["properties"]


def upgrade(chart: Path, *values: str) -> None:
    words = ("helm", "upgrade", RELEASE, str(chart), "-n", SYSTEM.namespace)
    run(*words, *THIS_IMAGE, *values, "--wait", "--timeout", "120s")


def test_helm_test_finds_the_operator_ready_and_its_api_served(operator: Kube) -> None:
    said = run("helm", "test", RELEASE, "-n", SYSTEM.namespace, "--timeout", "120s")
    assert "Succeeded" in said


def test_an_upgrade_brings_the_newer_definition(operator: Kube, tmp_path: Path) -> None:
    """Helm itself never upgrades a definition that lies in a chart's crds folder."""
    older = shutil.copytree(CHART, tmp_path / "older")
    file = older / "files" / "flagosmodels.yaml"
    body = yaml.safe_load(file.read_text())
    schema = body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    del schema["properties"]["versions"]
    file.write_text(yaml.safe_dump(body))
    try:
        upgrade(older)
        assert not knows("versions")
    finally:
        upgrade(CHART)
    assert knows("versions")


def test_another_release_is_refused_the_definition_and_can_do_without_it(operator: Kube) -> None:
    with a_namespace("e2e-chart-second") as second:
        command = ("helm", "install", "second", str(CHART), "-n", second.namespace)
        quiet = ("--set", "replicaCount=0,rbac.userRoles=false")
        assert "invalid ownership metadata" in refusal(*command, *quiet)
        run(*command, *quiet, "--set", "crds.install=false")
        run("helm", "uninstall", "second", "-n", second.namespace)
    assert definition()["metadata"]["annotations"]["meta.helm.sh/release-name"] == RELEASE


def test_the_same_release_takes_the_kept_definition_back(operator: Kube) -> None:
    before = definition()["metadata"]["uid"]
    run("helm", "uninstall", RELEASE, "-n", SYSTEM.namespace, "--wait")
    try:
        assert definition()["metadata"]["uid"] == before
    finally:
        install_operator()
    assert definition()["metadata"]["uid"] == before


@pytest.fixture
def main_operator_stopped(operator: Kube) -> Iterator[None]:
    """The operator of the whole cluster would answer for the other one.

    Helm waits for a Deployment of none, not for the pod that is still ending and still answers.
    """
    upgrade(CHART, "--set", "replicaCount=0")
    mine = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/name=flagos-operator"
    gone = "the operator of the whole cluster has ended"
    try:
        eventually(lambda: not SYSTEM.names("pods", selector=mine), within=60, what=gone)
        yield
    finally:
        upgrade(CHART)


@pytest.fixture
def team(main_operator_stopped: None) -> Iterator[Kube]:
    """The only namespace of an operator that lives in another, and that is `restricted`."""
    with a_namespace(OPS) as ops, a_namespace(TEAM, labels={}) as team:
        run(
            *("helm", "install", "team", str(CHART), "-n", ops.namespace, *THIS_IMAGE),
            *("--set", "crds.install=false", "--set", f"watchNamespaces={{{TEAM}}}"),
            *("--wait", "--timeout", "120s"),
        )
        try:
            yield team
        finally:
            run("helm", "uninstall", "team", "-n", ops.namespace, "--wait")


def may(verb: str, resource: str, *, namespace: str) -> bool:
    """Whether the team's operator may; `resource` is as in apps/deployments or /pods/log."""
    group, name, subresource = (*resource.split("/"), "")[:3]
    asked = {"group": group, "resource": name, "subresource": subresource}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{OPS}:team-flagos-operator",
            "resourceAttributes": {**asked, "verb": verb, "namespace": namespace},
        },
    }
    said = run("kubectl", "create", "-f", "-", "-o", "json", stdin=json.dumps(review))
    return bool(json.loads(said)["status"]["allowed"])


def test_a_namespaced_operator_serves_its_namespace_and_no_other(team: Kube) -> None:
    run("helm", "test", "team", "-n", OPS, "--timeout", "120s")
    assert may("patch", "flagos.io/flagosmodels/status", namespace=TEAM)
    assert not may("patch", "flagos.io/flagosmodels", namespace=TEAM)
    assert not may("get", "/secrets", namespace=TEAM)
    assert not may("list", "flagos.io/flagosmodels", namespace="default")
    with a_namespace("e2e-chart-others", labels={}) as others:
        others.apply(a_model())
        team.apply(a_model())

        def reported() -> bool:
            status = team.get("flagosmodel", "judged").get("status", {})
            return bool(status.get("conditions")) and bool(team.names("deployments"))

        eventually(reported, within=60, what="the team's model is rendered and has a status")
        assert "status" not in others.get("flagosmodel", "judged")
        assert others.names("deployments") == set()


@pytest.fixture(scope="module")
def guarded(operator: Kube) -> Iterator[Kube]:
    """A namespace where the optional admission policy holds."""
    upgrade(CHART, "--set", "admissionPolicy.enabled=true")
    try:
        with a_namespace("e2e-chart-guarded", labels=GUARDED) as kube:
            probe = a_model(pod={"hostPID": True})
            eventually(lambda: refused(kube, probe), within=30, what="the policy is in force")
            yield kube
    finally:
        upgrade(CHART)


def refused(kube: Kube, model: Body) -> str:
    """What the API server says against a model; empty when it would take it."""
    try:
        kube.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(model))
    except CommandFailedError as error:
        return str(error)
    return ""


HUB = {"modelscope": {"repo": "a/b"}}
SIDECAR = {"name": "beside", "image": "localhost/busybox:1"}


@pytest.mark.parametrize(
    "spec, words",
    [
        ({"server": {"securityContext": {"privileged": True}}}, "no privileged containers"),
        (
            {"source": HUB, "fetch": {"securityContext": {"privileged": True}}},
            "no privileged containers",
        ),
        ({"source": HUB, "weights": {"hostPath": {"path": "/share"}}}, "no host paths"),
        (
            {"pod": {"containers": [{**SIDECAR, "securityContext": {"privileged": True}}]}},
            "no privileged containers",
        ),
        ({"pod": {"hostNetwork": True}}, "no host namespaces"),
        ({"source": {"hostPath": {"path": "/share"}}}, "no host paths"),
        ({"pod": {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}}, "no host paths"),
        (
            {"pod": {"containers": [{**SIDECAR, "ports": [{"containerPort": 1, "hostPort": 1}]}]}},
            "no host ports",
        ),
    ],
)
def test_the_admission_policy_refuses_what_reaches_for_the_host(
    guarded: Kube, spec: Body, words: str
) -> None:
    assert words in refused(guarded, a_model(**spec))


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"server": {"securityContext": {"runAsUser": 1000}}},
        {"pod": {"containers": [SIDECAR], "volumes": [{"name": "v", "emptyDir": {}}]}},
    ],
)
def test_the_admission_policy_lets_other_models_through(guarded: Kube, spec: Body) -> None:
    assert refused(guarded, a_model(**spec)) == ""


def test_the_admission_policy_holds_only_where_the_label_is(guarded: Kube) -> None:
    with a_namespace("e2e-chart-free", labels={}) as others:
        assert refused(others, a_model(pod={"hostNetwork": True})) == ""
