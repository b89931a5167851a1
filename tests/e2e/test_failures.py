"""What goes wrong is named in `kubectl get`, with what to do about it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.model import Model, tiny
from tests.kube import Kube, eventually

pytestmark = pytest.mark.timeout(300)


def applied(space: Kube, name: str, **spec: Any) -> Model:
    space.apply(tiny(name, **spec))
    return Model(space, name)


def server(**change: Any) -> dict[str, Any]:
    """The example's server block with some fields replaced."""
    return {**tiny("x")["spec"]["server"], **change}


def test_an_image_that_does_not_exist_is_told_with_the_runtimes_words(space: Kube) -> None:
    model = applied(space, "no-image", image="localhost/no-such-image:1")
    ready = model.wait_reason("CannotPullImage")
    assert "localhost/no-such-image:1" in ready["message"]
    assert "CannotPullImage" in model.row()


def test_a_repo_that_does_not_exist_is_named(space: Kube) -> None:
    source = {
        "modelscope": {**tiny("x")["spec"]["source"]["modelscope"], "repo": "nobody/nothing"}
    }
    model = applied(space, "no-repo", source=source)
    ready = model.wait_reason("SourceNotFound")
    assert "nobody/nothing" in ready["message"]
    weights = model.wait_reason("SourceNotFound", condition="WeightsReady")
    assert weights["status"] == "False"
    # A retry in between is told as what it is, so the row is asked until it shows the failure.
    eventually(lambda: "SourceNotFound" in model.row(), within=60, what="kubectl get names it")


def test_a_wrong_flag_shows_the_parsers_own_line(space: Kube) -> None:
    model = applied(space, "bad-flag", server=server(args=["--no-such-flag"]))
    ready = model.wait_reason("InvalidArgument", within=150)
    assert "vllm: error: unrecognized arguments: --no-such-flag" in ready["message"]
    assert "correct spec.server.args" in ready["message"]
    assert model.body()["status"]["lastFailure"]["exitCode"] == 2


def test_too_little_memory_is_told_as_such(space: Kube) -> None:
    resources = {"requests": {"memory": "200Mi"}, "limits": {"memory": "200Mi"}}
    model = applied(space, "oom", server=server(resources=resources))
    ready = model.wait_reason("OutOfMemory", within=150)
    assert "host memory" in ready["message"]
    assert "raise limits.memory in spec.server.resources" in ready["message"]


def test_a_quota_that_refuses_the_pod_is_told(space: Kube) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": {"hard": {"pods": "0"}},
    }
    space.apply(quota)
    model = applied(space, "quota")
    assert "exceeded quota" in model.wait_reason("QuotaExceeded")["message"]
    space.delete("resourcequota", "none")
    model.wait_ready()


def test_a_failure_is_forgotten_once_it_is_cured(space: Kube) -> None:
    model = applied(space, "cured", image="localhost/no-such-image:1")
    model.wait_reason("CannotPullImage")
    space.patch("flagosmodel", "cured", {"spec": {"image": tiny("x")["spec"]["image"]}})
    model.wait_ready()
    assert model.condition("Ready")["reason"] != "CannotPullImage"
