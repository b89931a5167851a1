"""What stands around the server: volumes, claim, Service, rollout; and what cannot be served."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.desired.build import fetch, model, objects, plan, pod, refusal, server

CLAIM = {"volumeClaimTemplate": {"size": "10Gi"}}


def mount(container: dict[str, Any], volume: str = "weights") -> dict[str, Any]:
    (found,) = [m for m in container["volumeMounts"] if m["name"] == volume]
    return found


def volume(body: dict[str, Any], name: str = "weights") -> dict[str, Any]:
    (found,) = [v for v in body["volumes"] if v["name"] == name]
    return {key: value for key, value in found.items() if key != "name"}


def test_weights_from_a_hub_are_fetched_to_a_place_of_their_own_and_served_read_only() -> None:
    body = pod(source={"modelscope": {"repo": "a/b", "revision": "v1"}}, weights=CLAIM)
    loader, serving = body["initContainers"][0], body["containers"][0]
    assert loader["args"][0] == "fetch"
    assert "/weights/a/b/v1" in loader["args"]
    assert mount(serving) == {
        "name": "weights",
        "mountPath": "/models/qwen",
        "subPath": "a/b/v1",
        "readOnly": True,
    }


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        (
            {"persistentVolumeClaim": {"claimName": "w", "path": "m"}},
            {"persistentVolumeClaim": {"claimName": "w", "readOnly": True}},
        ),
        ({"hostPath": {"path": "/share/m"}}, {"hostPath": {"path": "/share/m"}}),
    ],
)
def test_weights_that_are_there_are_served_in_place(
    source: dict[str, Any], seen: dict[str, Any]
) -> None:
    body = pod(source=source)
    assert "initContainers" not in body
    assert mount(body["containers"][0])["readOnly"] is True
    (kind,) = seen
    assert seen[kind].items() <= volume(body)[kind].items()
    assert "ConfigMap" not in objects(source=source)


@pytest.mark.parametrize(
    ("weights", "kind"),
    [
        ({}, "emptyDir"),
        ({"hostPath": {"path": "/share"}}, "hostPath"),
        ({"persistentVolumeClaim": {"claimName": "c"}}, "persistentVolumeClaim"),
        (CLAIM, "persistentVolumeClaim"),
    ],
)
def test_each_kind_of_volume_is_mounted(weights: dict[str, Any], kind: str) -> None:
    assert list(volume(pod(weights=weights))) == [kind]


def test_a_kept_claim_has_no_owner_and_a_deleted_one_has() -> None:
    kept = objects(weights=CLAIM)["PersistentVolumeClaim"]["metadata"]
    mortal = objects(weights={**CLAIM, "reclaimPolicy": "Delete"})["PersistentVolumeClaim"]
    assert "ownerReferences" not in kept
    assert mortal["metadata"]["ownerReferences"][0]["uid"] == "u-1"


def test_the_token_reaches_the_downloader_alone_and_by_reference() -> None:
    source = {"huggingface": {"repo": "a/b", "tokenSecretRef": {"name": "hub", "key": "token"}}}
    entry = next(e for e in fetch(source=source)["env"] if e["name"] == "FLAGOS_FETCH_TOKEN")
    assert entry["valueFrom"]["secretKeyRef"] == {"name": "hub", "key": "token"}
    assert "hub" not in str(server(source=source))


def test_a_new_pod_never_waits_for_the_chip_of_the_old_one() -> None:
    """LLMKube #192, KServe #4618: the rollout deadlocked when the old pod held every chip."""
    chip = objects()["Deployment"]["spec"]["strategy"]["rollingUpdate"]
    free = objects(chip="cpu")["Deployment"]["spec"]["strategy"]["rollingUpdate"]
    assert chip == {"maxSurge": 0, "maxUnavailable": 1}
    assert free == {"maxSurge": 1, "maxUnavailable": 0}


def test_suspended_means_no_pod_and_keeps_the_number() -> None:
    assert plan(replicas=3, suspend=True).replicas == 0
    assert plan(replicas=3).replicas == 3


def test_the_longest_name_fits_everywhere() -> None:
    """OME #419, AIBrix #2563: names over 63 characters were refused or cut alike."""
    long = "a" * 52
    found = plan(model(long, weights=CLAIM))
    assert all(len(child.name) <= 63 for child in found.owns)
    assert len({(child.kind, child.name) for child in found.owns}) == 4


def test_the_service_selects_by_our_labels_alone() -> None:
    service = objects(service={"labels": {"team": "a"}, "port": 80})["Service"]
    assert service["spec"]["selector"] == {
        "app.kubernetes.io/managed-by": "flagos-operator",
        "flagos.io/model": "qwen",
    }
    assert service["spec"]["ports"][0]["port"] == 80
    assert service["metadata"]["labels"]["team"] == "a"


def test_tolerations_and_selectors_reach_the_pod_that_also_downloads() -> None:
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists"}
    body = pod(pod={"tolerations": [toleration], "priorityClassName": "high"})
    assert toleration in body["tolerations"]
    assert body["priorityClassName"] == "high"


def test_images_are_rewritten_to_the_clusters_own_registry() -> None:
    found = plan(
        settings={"registry_rewrite": {"harbor.example": "local.example/mirror"}},
        image="harbor.example/flagos/x:1",
    )
    assert found.image == "local.example/mirror/flagos/x:1"


def test_no_uid_is_rendered_where_the_platform_chooses_it() -> None:
    found = plan(settings={"operand_uid": None})
    assert "runAsUser" not in str(found.pod)


@pytest.mark.parametrize(
    ("spec", "reason", "words"),
    [
        ({"chip": "abacus"}, "UnknownChip", "nvidia"),
        ({"chip": "cpu", "devices": 1}, "NoDeviceResource", "devices"),
        ({"server": {"tensorParallelSize": 2}}, "TooFewDevices", "2"),
        ({"server": {"args": ["--tensor-parallel", "4"]}}, "ManagedFlag", "tensorParallelSize"),
        ({"server": {"args": ["--served-model=x"]}}, "ManagedFlag", "servedModelNames"),
        (
            {"flagos": {"operators": {"denyMore": ["mm"]}}, "versions": {"vllmPluginFL": "0.2.0"}},
            "PluginTooOld",
            "0.3.0",
        ),
        (
            {"server": {"resources": {"limits": {"nvidia.com/gpu": 2}}}},
            "ManagedResource",
            "devices",
        ),
    ],
)
def test_what_cannot_be_served_is_named_with_its_cure(
    spec: dict[str, Any], reason: str, words: str
) -> None:
    found = refusal(**spec)
    assert found.reason == reason
    assert words in found.message


def test_more_devices_than_used_are_the_users_choice() -> None:
    assert plan(devices=4, server={"tensorParallelSize": 2}).devices == 4
