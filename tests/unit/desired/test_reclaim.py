"""The Job that removes a model's directory: which models have one, and what it may do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from kubernetes import client

from flagos_operator.desired.plan import keeping
from flagos_operator.desired.reclaim import overlapping, places, successor
from flagos_operator.desired.render import render
from tests.golden.restricted import violations
from tests.unit.desired.build import Body, objects, plan

ON_A_CLAIM = {"persistentVolumeClaim": {"claimName": "shared"}}
REMOVED = {**ON_A_CLAIM, "reclaimPolicy": "Delete"}
RECLAIMED = {"weights": REMOVED}


def job(**spec: Any) -> Body:
    return objects(**RECLAIMED | spec)["Job"]


def pod(**spec: Any) -> Body:
    found: Body = job(**spec)["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"weights": ON_A_CLAIM},
        {"weights": {**ON_A_CLAIM, "reclaimPolicy": "Retain"}},
        {"weights": {"volumeClaimTemplate": {"size": "1Gi"}, "reclaimPolicy": "Delete"}},
        {"source": {"persistentVolumeClaim": {"claimName": "shared"}}},
    ],
)
def test_only_a_directory_that_is_to_go_has_a_job(said: Body) -> None:
    assert "Job" not in objects(**said)


def test_it_is_there_before_anything_can_be_downloaded() -> None:
    kinds = [each["kind"] for each in render(plan(**RECLAIMED))]
    assert kinds.index("Job") < kinds.index("Deployment")


def test_it_sleeps_has_no_owner_and_knows_its_model_by_uid() -> None:
    found = job()
    assert found["spec"]["suspend"] is True
    assert "ownerReferences" not in found["metadata"]
    assert found["metadata"]["annotations"] == {"flagos.io/model-uid": "u-1"}


def test_its_pod_sees_one_directory_of_the_volume() -> None:
    found = pod(weights={**REMOVED, "directory": "x/y"})
    assert found["volumes"] == [
        {"name": "weights", "persistentVolumeClaim": {"claimName": "shared"}}
    ]
    assert found["containers"][0]["volumeMounts"] == [
        {"name": "weights", "mountPath": "/weights/x/y", "subPath": "x/y"}
    ]


def test_it_is_given_the_words_of_the_download() -> None:
    source = {"modelscope": {"repo": "a/b", "revision": "v1"}, "include": ["*.json"]}
    both = objects(**RECLAIMED, source=source)
    fetch = both["Deployment"]["spec"]["template"]["spec"]["initContainers"][0]
    removal = both["Job"]["spec"]["template"]["spec"]["containers"][0]
    assert removal["args"] == ["reclaim", *fetch["args"][1:]]


def test_its_pod_is_none_of_the_models_own() -> None:
    """Services would take it for one: ours, and those that users make for labels of theirs."""
    template = job(pod={"labels": {"team": "x"}})["spec"]["template"]
    assert template["metadata"]["labels"] == {"flagos.io/job": "reclaim"}


def test_it_may_be_where_the_models_pods_may_be() -> None:
    """LLMKube #1622, NIM #177: helper Jobs lacked tolerations, selectors and priority."""
    said = {
        "nodeSelector": {"zone": "a"},
        "tolerations": [{"key": "k", "operator": "Exists"}],
        "priorityClassName": "high",
        "runtimeClassName": "kata",
        "serviceAccountName": "models",
        "schedulerName": "volcano",
    }
    found = pod(pod=said, imagePullSecrets=[{"name": "harbor"}])
    assert found["nodeSelector"]["zone"] == "a"
    assert {"key": "k", "operator": "Exists"} in found["tolerations"]
    for name in ("priorityClassName", "runtimeClassName", "serviceAccountName", "schedulerName"):
        assert found[name] == said[name]
    assert found["imagePullSecrets"] == [{"name": "harbor"}]


def test_other_pods_do_not_keep_it_away() -> None:
    """A model's pods keep each other off a node; they are gone when it runs."""
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {}}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    nodes = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}
    affinity = {"podAntiAffinity": required, "nodeAffinity": nodes}
    assert pod(pod={"affinity": affinity})["affinity"] == {"nodeAffinity": nodes}
    bare = {"own": {"metax": {"resourceName": None}}}
    assert "affinity" not in pod(chip="metax", devices=2, settings=bare)


def test_it_passes_pod_security_and_quotas() -> None:
    """NIM #477: hook Jobs had no resources."""
    found = pod()
    assert violations(found) == []
    assert found["containers"][0]["resources"]["limits"].keys() == {"cpu", "memory"}


def test_it_runs_as_who_has_downloaded() -> None:
    found = pod(fetch={"securityContext": {"runAsUser": 0}})
    assert found["containers"][0]["securityContext"]["runAsUser"] == 0


def test_it_asks_for_no_device() -> None:
    text = str(pod(devices=8))
    assert "nvidia.com/gpu:" not in text
    assert "'nvidia.com/gpu': " not in text


def test_another_directory_is_another_job_and_another_model_too() -> None:
    names = {
        job()["metadata"]["name"],
        job(weights={**REMOVED, "directory": "x"})["metadata"]["name"],
        job(weights={"persistentVolumeClaim": {"claimName": "o"}, "reclaimPolicy": "Delete"})[
            "metadata"
        ]["name"],
    }
    assert len(names) == 3
    made = plan(**RECLAIMED).reclaim
    assert made
    assert replace(made, uid="u-2").name != made.name


def test_the_longest_name_fits() -> None:
    made = plan(**RECLAIMED).reclaim
    assert made
    assert len(replace(made, model="m" * 52).name) <= 63


def test_a_job_that_only_has_an_older_image_stays() -> None:
    before = plan(**RECLAIMED)
    now = plan(**RECLAIMED, settings={"fetch_image": "registry.example/flagos-operator:2"})
    assert before.reclaim
    assert now.reclaim
    assert now.reclaim.name != before.reclaim.name
    kept = keeping(now, [("another", "x"), (before.reclaim.name, before.reclaim.image)])
    assert (kept.reclaim, kept.owns) == (before.reclaim, before.owns)
    assert keeping(now, [(before.reclaim.name, "other")]) == now


def test_the_policy_rolls_no_pod() -> None:
    assert plan(**RECLAIMED).template == plan(weights=ON_A_CLAIM).template


def test_a_successor_is_the_same_but_awake_and_of_another_image() -> None:
    live = job(weights={**REMOVED, "directory": "x"})
    template = live["spec"]["template"]
    template["metadata"]["labels"] |= {"batch.kubernetes.io/controller-uid": "1", "job-name": "j"}
    made = successor(live, image="new:2")
    client.V1Job.model_validate(made)
    assert made["spec"]["suspend"] is False
    assert made["metadata"]["labels"] == live["metadata"]["labels"]
    assert made["metadata"]["annotations"] == live["metadata"]["annotations"]
    assert made["spec"]["template"]["metadata"]["labels"] == {"flagos.io/job": "reclaim"}
    (container,) = made["spec"]["template"]["spec"]["containers"]
    assert container == {**template["spec"]["containers"][0], "image": "new:2"}
    assert len(made["metadata"]["name"]) <= 63


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a", "a", True),
        ("a", "", True),
        ("a", "a/b", True),
        ("a/b", "a", True),
        ("a/", "./a", True),
        ("a", "b", False),
        ("a", "ab", False),
        ("a/b", "a/c", False),
    ],
)
def test_places_meet_where_one_lies_inside_the_other(
    one: str, other: str, *, expected: bool
) -> None:
    assert overlapping(one, other) is expected


def test_a_model_reads_its_directory_and_whatever_else_it_mounts() -> None:
    extra = {"name": "more", "persistentVolumeClaim": {"claimName": "data"}}
    decided = plan(weights={**ON_A_CLAIM, "directory": "x"}, pod={"volumes": [extra]})
    assert set(places(decided.pod)) == {("shared", "x"), ("data", "")}
    mount = {"name": "weights", "mountPath": "/all"}
    beside = {"name": "beside", "image": "i", "volumeMounts": [mount]}
    decided = plan(weights=ON_A_CLAIM, pod={"containers": [beside]})
    assert ("shared", "") in set(places(decided.pod))
