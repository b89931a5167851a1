"""What stands around the server: volumes, claim, Service, rollout; and what cannot be served."""

from __future__ import annotations

from typing import Any

import pytest

from flagos_operator.desired import names
from flagos_operator.desired.render import render
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
    """OME #449, #284: deletion took files that another model uses."""
    kept = objects(weights=CLAIM)["PersistentVolumeClaim"]["metadata"]
    mortal = objects(weights={**CLAIM, "reclaimPolicy": "Delete"})["PersistentVolumeClaim"]
    assert "ownerReferences" not in kept
    assert mortal["metadata"]["ownerReferences"][0]["uid"] == "u-1"


def test_the_token_reaches_the_downloader_alone_and_by_reference() -> None:
    source = {"huggingface": {"repo": "a/b", "tokenSecretRef": {"name": "hub", "key": "token"}}}
    name = objects(source=source)["ConfigMap"]["data"]["FLAGOS_FETCH_TOKEN_FROM"]
    entry = next(e for e in fetch(source=source)["env"] if e["name"] == name)
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
    """LLMKube #1622, NIM #177: the pod that downloads could not run where the server can."""
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


def test_the_authorities_to_trust_are_mounted_in_the_downloader_alone() -> None:
    source = {
        "modelscope": {"repo": "a/b"},
        "caBundleConfigMapRef": {"name": "corporate", "key": "ca.pem"},
    }
    body = pod(source=source)
    loader = body["initContainers"][0]
    assert mount(loader, "fetch-ca")["mountPath"] == "/etc/flagos/ca"
    assert {"name": "FLAGOS_FETCH_CA_BUNDLE", "value": "/etc/flagos/ca/ca.pem"} in loader["env"]
    assert volume(body, "fetch-ca") == {"configMap": {"name": "corporate"}}
    assert "fetch-ca" not in str(body["containers"])


def test_what_helps_a_download_along_lies_where_a_retry_reads_it_again() -> None:
    said = [
        {"name": "HTTPS_PROXY", "value": "http://mine:3128"},
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
    ]
    settings = {"fetch_env": {"HTTPS_PROXY": "http://everybodys:3128", "NO_PROXY": ".svc"}}
    found = objects(
        settings=settings,
        fetch={"env": said},
        source={"huggingface": {"repo": "a/b", "endpoint": "https://mirror.example"}},
    )
    assert found["ConfigMap"]["data"] == {
        "HTTPS_PROXY": "http://mine:3128",
        "NO_PROXY": ".svc",
        "FLAGOS_FETCH_VERIFY": "OnChange",
        "FLAGOS_FETCH_ENDPOINT": "https://mirror.example",
    }
    loader = found["Deployment"]["spec"]["template"]["spec"]["initContainers"][0]
    assert loader["envFrom"] == [{"configMapRef": {"name": "qwen-fetch"}}]
    assert said[1] in loader["env"]
    assert "mine" not in str(loader)


def test_the_downloader_always_has_resources_and_a_user_may_change_one() -> None:
    """A namespace with a quota refuses a pod whose container has none."""
    usual = fetch()["resources"]
    assert usual["requests"].keys() == usual["limits"].keys() == {"cpu", "memory"}
    changed = fetch(fetch={"resources": {"limits": {"memory": "8Gi"}}})["resources"]
    assert changed["limits"] == {**usual["limits"], "memory": "8Gi"}


def test_the_downloaders_own_amounts_give_way_to_a_users() -> None:
    """A request of ours above a limit of theirs would make a pod that nobody accepts."""
    small = fetch(fetch={"resources": {"limits": {"memory": "256Mi"}}})["resources"]
    assert (small["requests"]["memory"], small["limits"]["memory"]) == ("256Mi", "256Mi")
    large = fetch(fetch={"resources": {"requests": {"cpu": 8}}})["resources"]
    assert (large["requests"]["cpu"], large["limits"]["cpu"]) == (8, 8)


def test_patterns_and_revision_reach_the_downloader() -> None:
    args = fetch(
        source={
            "huggingface": {"repo": "a/b", "revision": "refs/pr/1"},
            "include": ["*.json", "*.safetensors"],
            "exclude": ["original/*"],
        }
    )["args"]
    assert args == [
        *("fetch", "--source", "huggingface", "--repo", "a/b", "--revision", "refs/pr/1"),
        *("--destination", "/weights/a/b/refs--pr--1"),
        *("--include", "*.json", "--include", "*.safetensors", "--exclude", "original/*"),
    ]


@pytest.mark.parametrize(
    ("source", "directory"),
    [
        ({"modelscope": {"repo": "a/b"}}, "a/b/master"),
        ({"huggingface": {"repo": "a/b"}}, "a/b/main"),
    ],
)
def test_without_a_revision_the_directory_is_the_hubs_main_branch(
    source: dict[str, Any], directory: str
) -> None:
    assert mount(server(source=source))["subPath"] == directory


def test_a_new_pod_never_waits_for_a_volume_that_only_one_node_has() -> None:
    def surges(**weights: Any) -> bool:
        return plan(chip="cpu", **weights).surge

    shared = {"volumeClaimTemplate": {"size": "1Gi", "accessModes": ["ReadWriteMany"]}}
    assert not surges(weights=CLAIM)
    assert not surges(weights={"persistentVolumeClaim": {"claimName": "c"}})
    assert not surges(source={"persistentVolumeClaim": {"claimName": "c"}})
    assert surges(weights=shared)
    assert surges(source={"hostPath": {"path": "/share/m"}})
    assert surges()


def test_a_claim_asks_for_what_was_said_and_no_class_is_not_the_default_class() -> None:
    template = {"size": "1Gi", "storageClassName": "", "accessModes": ["ReadWriteMany"]}
    spec = objects(weights={"volumeClaimTemplate": template})["PersistentVolumeClaim"]["spec"]
    assert spec == {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "",
        "resources": {"requests": {"storage": "1Gi"}},
    }
    usual = objects(weights=CLAIM)["PersistentVolumeClaim"]["spec"]
    assert "storageClassName" not in usual
    assert usual["accessModes"] == ["ReadWriteOnce"]


def test_the_size_of_an_empty_dir_is_limited_only_when_said() -> None:
    assert volume(pod()) == {"emptyDir": {}}
    assert volume(pod(weights={"emptyDir": {"sizeLimit": "9Gi"}})) == {
        "emptyDir": {"sizeLimit": "9Gi"}
    }


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({"modelscope": {"repo": "a/b"}}, "modelscope:a/b"),
        ({"huggingface": {"repo": "a/b"}}, "huggingface:a/b"),
        ({"persistentVolumeClaim": {"claimName": "c"}}, "persistentVolumeClaim:c"),
        ({"hostPath": {"path": "/share/m"}}, "hostPath:/share/m"),
    ],
)
def test_the_source_is_told_in_a_word(source: dict[str, Any], told: str) -> None:
    assert plan(source=source).source == told


def test_pull_secrets_are_the_models_and_the_operators_each_once() -> None:
    body = pod(settings={"pull_secrets": ("harbor", "all")}, imagePullSecrets=[{"name": "harbor"}])
    assert body["imagePullSecrets"] == [{"name": "harbor"}, {"name": "all"}]


@pytest.mark.parametrize(
    ("image", "pulled"),
    [
        ("harbor.example/flagos/x:1", "near/flagos/x:1"),
        ("harbor.example/other/x:1", "far/other/x:1"),
        ("harbor.example.org/x:1", "harbor.example.org/x:1"),
        ("vllm/vllm-openai:1", "hub.local/vllm/vllm-openai:1"),
        ("busybox", "hub.local/library/busybox"),
        ("localhost/x:1", "localhost/x:1"),
        ("registry:5000/x", "registry:5000/x"),
    ],
)
def test_the_longest_prefix_of_a_registry_wins(image: str, pulled: str) -> None:
    rules = {
        "harbor.example": "far",
        "harbor.example/flagos/": "near/flagos",
        "docker.io": "hub.local",
    }
    assert plan(settings={"registry_rewrite": rules}, image=image).image == pulled


def test_the_users_containers_stand_beside_ours_and_volumes_after_them() -> None:
    body = pod(
        pod={
            "initContainers": [{"name": "first", "image": "x"}],
            "containers": [{"name": "beside", "image": "x"}],
            "volumes": [{"name": "mine", "emptyDir": {}}],
        },
        server={"volumeMounts": [{"name": "mine", "mountPath": "/mine"}]},
    )
    assert [container["name"] for container in body["initContainers"]] == ["first", "fetch"]
    assert [container["name"] for container in body["containers"]] == ["server", "beside"]
    assert [each["name"] for each in body["volumes"]] == ["weights", "scratch", "shm", "mine"]
    assert mount(body["containers"][0], "mine") == {"name": "mine", "mountPath": "/mine"}


def test_nothing_of_what_a_user_wrote_is_shared_with_what_is_rendered() -> None:
    wish = {"labels": {"a": "b"}, "tolerations": [{"key": "x", "tolerationSeconds": 1}]}
    decided = plan(pod=wish)
    first = render(decided)[-1]["spec"]["template"]
    first["spec"]["tolerations"][-1]["key"] = "changed"
    first["metadata"]["labels"].clear()
    second = render(decided)[-1]["spec"]["template"]
    assert second["spec"]["tolerations"][-1]["key"] == "x"
    assert second["metadata"]["labels"]["a"] == "b"


def test_pods_carry_the_digest_of_their_own_template() -> None:
    decided = plan(pod={"annotations": {"a": "b"}})
    deployment = render(decided)[-1]
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    assert annotations == {"a": "b", "flagos.io/template": decided.template}
    assert deployment["metadata"]["annotations"] == {"flagos.io/template": decided.template}


def test_objects_come_in_an_order_in_which_each_finds_what_it_refers_to() -> None:
    kinds = [manifest["kind"] for manifest in render(plan(weights=CLAIM))]
    assert kinds == ["ConfigMap", "PersistentVolumeClaim", "Service", "Deployment"]


def test_resources_are_written_as_the_api_server_keeps_them() -> None:
    said = {"limits": {"nvidia.com/gpumem": 20000, "memory": "64Gi"}, "claims": [{"name": "gpu"}]}
    assert server(devices=1, server={"resources": said})["resources"] == {
        "limits": {"nvidia.com/gpumem": "20000", "memory": "64Gi", "nvidia.com/gpu": "1"},
        "claims": [{"name": "gpu"}],
    }


def test_no_device_is_asked_for_where_a_claim_brings_it() -> None:
    body = pod(
        devices=0,
        server={"resources": {"claims": [{"name": "gpu"}]}, "tensorParallelSize": 4},
        pod={"resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "h100"}]},
    )
    assert "limits" not in body["containers"][0]["resources"]
    assert body["resourceClaims"] == [{"name": "gpu", "resourceClaimTemplateName": "h100"}]


@pytest.mark.parametrize("said", [None, "0.2.9", "main"])
def test_a_plugin_of_unknown_age_is_not_given_a_list_that_it_may_ignore(said: str | None) -> None:
    versions = {"versions": {"vllmPluginFL": said}} if said and said != "main" else {}
    found = refusal(image="x:1", flagos={"operators": {"denyMore": ["mm"]}}, **versions)
    assert found.reason == "PluginTooOld"
    assert (said if versions else "an unknown version") in found.message


def test_names_that_are_too_long_keep_their_start_and_stay_apart() -> None:
    long, longer = names.claim("a" * 60), names.claim("a" * 61)
    assert len(long) == len(longer) == 63
    assert long != longer
    assert long.startswith("a" * 50)
    assert names.claim("qwen") == "qwen-weights"
