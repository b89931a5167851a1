"""What of two objects differs, without what the API server notes down by itself."""

from __future__ import annotations

from typing import Any

from flagos_operator.planning.differences import cleaned, paths, rolling, unified

LIVE: dict[str, Any] = {
    "kind": "Deployment",
    "metadata": {
        "name": "qwen",
        "uid": "u-1",
        "resourceVersion": "7",
        "generation": 3,
        "managedFields": [{"manager": "flagos-operator"}],
        "annotations": {"deployment.kubernetes.io/revision": "2"},
    },
    "spec": {"replicas": 1},
    "status": {"replicas": 1},
}


def deployment(image: str, **more: Any) -> dict[str, Any]:
    spec = {"containers": [{"name": "server", "image": image}], **more}
    notes = {"flagos.io/template": image}
    return {"spec": {"template": {"metadata": {"annotations": notes}, "spec": spec}}}


def test_only_what_somebody_wished_for_is_compared() -> None:
    assert cleaned(LIVE) == {
        "kind": "Deployment",
        "metadata": {"name": "qwen"},
        "spec": {"replicas": 1},
    }
    assert "uid" in LIVE["metadata"], "what is given stays as it is"


def test_a_diff_reads_like_that_of_the_tool_and_is_empty_where_nothing_differs() -> None:
    more = {**cleaned(LIVE), "spec": {"replicas": 2}}
    told = unified(cleaned(LIVE), more, title="Deployment/qwen")
    assert told.startswith("--- live Deployment/qwen\n+++ planned Deployment/qwen\n@@")
    assert "-  replicas: 1\n+  replicas: 2\n" in told
    assert unified(more, more, title="Deployment/qwen") == ""


def test_what_is_made_or_removed_is_told_whole() -> None:
    assert unified(None, cleaned(LIVE), title="x").startswith("--- /dev/null\n+++ planned x\n")
    assert unified(cleaned(LIVE), None, title="x").startswith("--- live x\n+++ /dev/null\n")


def test_a_place_is_named_as_one_would_write_it() -> None:
    before = {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}], "args": ["x"]}
    after = {"env": [{"name": "B", "value": "3"}], "args": ["y"], "new": {}}
    assert list(paths(before, after)) == ["env[A]", "env[B].value", "args", "new"]
    assert list(paths(before, before)) == []


def test_new_pods_are_made_for_a_reason_that_is_no_note_of_ours() -> None:
    assert rolling(deployment("a"), deployment("b")) == ("spec.containers[server].image",)
    assert rolling(deployment("a"), deployment("a")) == ()
    selector = {"nodeSelector": {"zone": "1"}}
    assert rolling(deployment("a"), deployment("a", **selector)) == ("spec.nodeSelector",)
