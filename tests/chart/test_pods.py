"""The operator's pod and the pod of `helm test`, under every switch that shapes them."""

from __future__ import annotations

import pytest
import yaml

from tests.chart.rendering import (
    Manifest,
    operator_container,
    operator_pod,
    pods,
    render,
    the,
)

PLACEMENT = {
    "nodeSelector": {"pool": "system"},
    "tolerations": [{"key": "system", "operator": "Exists"}],
    "priorityClassName": "system-cluster-critical",
}


def breaches(pod: Manifest) -> list[str]:
    """What Pod Security `restricted` would refuse in this pod."""
    spec = pod["spec"]
    outer = spec.get("securityContext", {})
    found = [f"spec.{key}" for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
    found += [f"volume {v['name']}" for v in spec.get("volumes", []) if "hostPath" in v]
    for container in spec.get("initContainers", []) + spec["containers"]:
        inner = {**outer, **container.get("securityContext", {})}
        rules = {
            "runAsNonRoot": inner.get("runAsNonRoot") is True,
            "runAsUser": inner.get("runAsUser") != 0,
            "allowPrivilegeEscalation": inner.get("allowPrivilegeEscalation") is False,
            "privileged": not inner.get("privileged"),
            "capabilities": inner.get("capabilities") == {"drop": ["ALL"]},
            "seccompProfile": inner.get("seccompProfile", {}).get("type") == "RuntimeDefault",
            "hostPort": not any(p.get("hostPort") for p in container.get("ports", [])),
        }
        found += [f"{container['name']}: {rule}" for rule, kept in rules.items() if not kept]
    return found


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"chips": {"mine": {"resourceName": "vendor.example/chip"}}},
        {"podSecurityContext": {"runAsUser": None, "runAsGroup": None}},
        {"watchNamespaces": ["a"]},
    ],
    ids=["defaults", "chips", "openshift", "namespaced"],
)
def test_every_pod_passes_pod_security_restricted(values: Manifest) -> None:
    """NIM #477: Pod Security refused the pods of hooks."""
    made = list(pods(render(values)))
    assert len(made) == 2
    assert [breach for pod in made for breach in breaches(pod)] == []


def test_every_container_keeps_its_root_read_only() -> None:
    for pod in pods(render()):
        for container in pod["spec"]["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_test_pod_fits_a_quota_and_a_limit_range() -> None:
    """NIM #477: a quota refused the pods of hooks, which had no resources."""
    test = the(render(), "Pod")["spec"]["containers"][0]
    for kind in ("requests", "limits"):
        assert set(test["resources"][kind]) == {"cpu", "memory"}


def test_the_test_pod_is_placed_as_the_operator_is() -> None:
    manifests = render(PLACEMENT)
    operator = the(manifests, "Deployment")["spec"]["template"]["spec"]
    test = the(manifests, "Pod")["spec"]
    for key, value in PLACEMENT.items():
        assert operator[key] == value
        assert test[key] == value


def test_the_test_pod_runs_as_the_operator_and_asks_where_it_may() -> None:
    everywhere, teams = render(), render({"watchNamespaces": ["team-a", "team-b"]})
    for manifests, path in (
        (everywhere, "/flagosmodels"),
        (teams, "/namespaces/team-a/flagosmodels"),
    ):
        spec = the(manifests, "Pod")["spec"]
        asked = {e["name"]: e["value"] for e in spec["containers"][0]["env"]}
        assert spec["serviceAccountName"] == "flagos-operator"
        assert f"/apis/flagos.io/v1alpha1{path}?limit=1" == asked["API_PATH"]


def test_a_chip_change_restarts_the_operator_and_the_same_chips_do_not() -> None:
    def checksum(memory: str) -> str:
        values = {"chips": {"mine": {"sharedMemory": memory}}}
        pod = operator_pod(values)
        return str(pod["metadata"]["annotations"]["checksum/chips"])

    assert checksum("64Gi") == checksum("64Gi")
    assert checksum("64Gi") != checksum("32Gi")


def test_without_own_chips_nothing_is_mounted_for_them() -> None:
    assert [m["name"] for m in operator_container()["volumeMounts"]] == ["tmp"]
    assert "annotations" not in operator_pod()["metadata"]


def test_own_chips_arrive_as_they_were_written() -> None:
    chips = {"mine": {"resourceName": "vendor.example/chip", "env": [{"name": "A", "value": "1"}]}}
    config = the(render({"chips": chips}), "ConfigMap")
    assert yaml.safe_load(config["data"]["chips.yaml"]) == chips


def test_the_old_operator_ends_before_the_new_one_starts() -> None:
    spec = the(render(), "Deployment")["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert the(render({"replicaCount": 0}), "Deployment")["spec"]["replicas"] == 0


def test_probes_ask_the_port_that_the_operator_listens_on() -> None:
    container = operator_container({"httpPort": 9090})
    assert container["ports"] == [{"name": "http", "containerPort": 9090}]
    assert {e["name"]: e.get("value") for e in container["env"]}["FLAGOS_HTTP_PORT"] == "9090"
    for probe, path in (
        ("startupProbe", "/healthz"),
        ("livenessProbe", "/healthz"),
        ("readinessProbe", "/readyz"),
    ):
        assert container[probe]["httpGet"] == {"path": path, "port": "http"}


@pytest.mark.parametrize(
    "image, expected",
    [
        ({}, "localhost/flagos-operator:0.1.0"),
        ({"tag": "dev"}, "localhost/flagos-operator:dev"),
        ({"registry": "registry.local/ai"}, "registry.local/ai/flagos-operator:0.1.0"),
        ({"registry": ""}, "flagos-operator:0.1.0"),
        (
            {"tag": "dev", "digest": f"sha256:{'a' * 64}"},
            f"localhost/flagos-operator@sha256:{'a' * 64}",
        ),
    ],
)
def test_the_image_is_named_once_and_used_everywhere(image: Manifest, expected: str) -> None:
    manifests = render({"image": image})
    used = {c["image"] for pod in pods(manifests) for c in pod["spec"]["containers"]}
    env = the(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert used == {expected}
    assert {"name": "FLAGOS_OPERATOR_IMAGE", "value": expected} in env


def test_pull_secrets_and_policy_reach_every_pod() -> None:
    image = {"pullSecrets": [{"name": "key"}], "pullPolicy": "Always"}
    for pod in pods(render({"image": image})):
        assert pod["spec"]["imagePullSecrets"] == [{"name": "key"}]
        assert pod["spec"]["containers"][0]["imagePullPolicy"] == "Always"


def test_labels_annotations_and_variables_are_added() -> None:
    values = {
        "podLabels": {"team": "ml"},
        "podAnnotations": {"note": "here"},
        "extraEnv": [{"name": "TZ", "value": "Asia/Shanghai"}],
        "affinity": {"nodeAffinity": {}},
    }
    pod = operator_pod(values)
    assert pod["metadata"]["labels"]["team"] == "ml"
    assert pod["metadata"]["annotations"] == {"note": "here"}
    assert {"name": "TZ", "value": "Asia/Shanghai"} in operator_container(values)["env"]
    assert pod["spec"]["affinity"] == {"nodeAffinity": {}}
