"""Mirrors, endpoints that are no hubs, and weights that were brought by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flagos_operator.api.outcome import Invalid
from flagos_operator.desired.plan import Plan
from tests.unit.desired.build import fetch, model, objects, outcome, plan, pod, refusal

MIRRORS: list[dict[str, Any]] = [
    {"modelscope": {"tokenSecretRef": {"name": "ms", "key": "token"}}},
    {"huggingface": {"repo": "c/d", "revision": "v1", "endpoint": "https://hf.example"}},
]
SOURCE = {"huggingface": {"repo": "a/b"}, "mirrors": MIRRORS}


def settings(**spec: Any) -> dict[str, str]:
    found: dict[str, str] = objects(**spec)["ConfigMap"]["data"]
    return found


def tokens(source: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {
        item["name"]: item["valueFrom"]["secretKeyRef"]
        for item in fetch(source=source)["env"]
        if item["name"].startswith("FLAGOS_FETCH_TOKEN")
    }


def test_mirrors_lie_where_a_retry_reads_them_again_in_their_order() -> None:
    said = json.loads(settings(source=SOURCE)["FLAGOS_FETCH_MIRRORS"])
    assert [mirror["source"] for mirror in said] == ["modelscope", "huggingface"]
    assert said[1] == {
        "source": "huggingface",
        "repo": "c/d",
        "revision": "v1",
        "endpoint": "https://hf.example",
    }
    assert "hf.example" not in str(pod(source=SOURCE))


def test_a_model_without_mirrors_says_nothing_of_them() -> None:
    assert set(settings()) == {"FLAGOS_FETCH_VERIFY"}


def test_the_token_of_a_mirror_is_a_reference_that_the_list_names() -> None:
    (name,) = tokens(SOURCE)
    assert tokens(SOURCE)[name] == {"name": "ms", "key": "token", "optional": True}
    assert json.loads(settings(source=SOURCE)["FLAGOS_FETCH_MIRRORS"])[0]["tokenFrom"] == name


def test_a_mirror_without_its_secret_stops_nobody_and_the_main_hub_does() -> None:
    token = {"name": "hub", "key": "token"}
    both = {
        "huggingface": {"repo": "a/b", "tokenSecretRef": token},
        "mirrors": [*MIRRORS, {"huggingface": {"tokenSecretRef": token}}],
    }
    found = {each["name"]: bool(each.get("optional")) for each in tokens(both).values()}
    assert found == {"hub": False, "ms": True}


def test_a_pod_from_before_an_edit_cannot_send_its_token_to_another_endpoint() -> None:
    """The ConfigMap has the endpoint of after the edit, and names a variable of after the edit."""

    def source(secret: str) -> dict[str, Any]:
        token = {"name": secret, "key": "token"}
        return {"huggingface": {"repo": "a/b", "tokenSecretRef": token}}

    before, after = source("theirs"), source("ours")
    assert settings(source=before)["FLAGOS_FETCH_TOKEN_FROM"] in tokens(before)
    assert settings(source=after)["FLAGOS_FETCH_TOKEN_FROM"] not in tokens(before)


def test_a_pod_from_before_an_edit_cannot_send_a_token_to_another_mirror() -> None:
    """It reads the list of after the edit: a name would mean another Secret there."""
    edited = [{"modelscope": {"tokenSecretRef": {"name": "other", "key": "token"}}}, *MIRRORS]
    before, after = tokens(SOURCE), tokens({**SOURCE, "mirrors": edited})
    assert {name: after[name] for name in before} == before
    assert len(after) == 2


def test_mirrors_that_share_a_secret_share_its_variable() -> None:
    both = [MIRRORS[0], {"huggingface": MIRRORS[0]["modelscope"]}]
    assert len(tokens({**SOURCE, "mirrors": both})) == 1


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("http://169.254.20.10:5000", "the link-local address 169.254.20.10"),
        ("http://2852039167", "the link-local address 169.254.169.255"),
        ("http://0xA9.0xFE.1", "the link-local address 169.254.0.1"),
        ("http://[fe80::1]", "the link-local address fe80::1"),
        ("http://[::ffff:169.254.1.1]", "the link-local address 169.254.1.1"),
        ("http://100.100.100.200", "the metadata service of Alibaba Cloud"),
        ("http://168.63.129.16/x", "the metadata service of Azure"),
        ("http://[fd00:ec2::23]", "the metadata service of Amazon EKS"),
        ("http://metadata.goog", "the metadata service of Google Cloud"),
        ("http://[::1", "has no host"),
    ],
)
@pytest.mark.parametrize("at", ["spec.source", "spec.source.mirrors[1]"])
def test_an_endpoint_that_is_no_hub_is_refused_by_name(at: str, endpoint: str, words: str) -> None:
    hub = {"modelscope": {"repo": "a/b", "endpoint": endpoint}}
    source = hub if at == "spec.source" else {**SOURCE, "mirrors": [MIRRORS[1], hub]}
    found = refusal(source=source)
    assert found.reason == "InvalidSource"
    assert found.message.startswith(f"{at}.modelscope.endpoint: {endpoint}")
    assert words in found.message


@pytest.mark.parametrize("allowed", ["169.254.20.10", "169.254.20.0/24"])
def test_only_the_administrator_can_allow_one(allowed: str) -> None:
    body = model(source={"modelscope": {"repo": "a/b", "endpoint": "http://169.254.20.10:5000"}})
    assert isinstance(outcome(body), Invalid)
    decided = outcome(body, fetch_allowed=(allowed,))
    assert isinstance(decided, Plan)
    assert decided.fetch_settings["FLAGOS_FETCH_ALLOWED_ADDRESSES"] == allowed


def test_what_the_administrator_allows_rolls_nothing() -> None:
    assert plan(settings={"fetch_allowed": ("169.254.20.10",)}).template == plan().template


IN_PLACE: list[tuple[dict[str, Any], str]] = [
    ({"persistentVolumeClaim": {"claimName": "models", "path": "a/b"}}, "/weights/a/b"),
    ({"persistentVolumeClaim": {"claimName": "models"}}, "/weights"),
    ({"hostPath": {"path": "/share/ab"}}, "/weights"),
]


@pytest.mark.parametrize(("source", "directory"), IN_PLACE)
def test_weights_brought_by_hand_are_checked_where_they_lie(
    source: dict[str, Any], directory: str
) -> None:
    found = objects(source=source, weights={"verify": "OnChange"})
    checker = found["Deployment"]["spec"]["template"]["spec"]["initContainers"][0]
    assert (checker["name"], checker["args"]) == ("fetch", ["verify", directory])
    assert {"name": "weights", "mountPath": "/weights", "readOnly": True} in checker[
        "volumeMounts"
    ]
    assert found["ConfigMap"]["data"] == {"FLAGOS_FETCH_VERIFY": "OnChange"}


@pytest.mark.parametrize(("source", "_"), IN_PLACE)
def test_without_being_asked_nothing_is_checked(source: dict[str, Any], _: str) -> None:
    assert "ConfigMap" not in objects(source=source)
    assert "initContainers" not in pod(source=source)


def test_how_often_is_checked_may_change_while_the_model_serves() -> None:
    source = IN_PLACE[0][0]
    sometimes = plan(source=source, weights={"verify": "OnChange"})
    always = plan(source=source, weights={"verify": "Always"})
    assert sometimes.template == always.template
    assert always.fetch_settings == {"FLAGOS_FETCH_VERIFY": "Always"}


def test_a_check_may_be_given_a_user_that_can_read_the_files() -> None:
    said = {"securityContext": {"runAsUser": 0}}
    source = {"hostPath": {"path": "/share/ab"}}
    checker = fetch(source=source, weights={"verify": "Always"}, fetch=said)
    assert checker["securityContext"]["runAsUser"] == 0
