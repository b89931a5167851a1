"""What goes wrong is named in `kubectl get`, with what to do about it.

All models of this file start together, since each start of vLLM costs a machine with two cores
some fifteen seconds; those that are cured come first and are looked at again last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.conftest import a_namespace
from tests.e2e.model import Model, tiny
from tests.kube import Body, Kube, eventually

pytestmark = pytest.mark.timeout(300)

ABSENT = "localhost/no-such-image:1"
QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "none"},
    "spec": {"hard": {"pods": "0"}},
}


def server(**change: Any) -> dict[str, Any]:
    """The example's server block with some fields replaced."""
    return {**tiny("x")["spec"]["server"], **change}


@pytest.fixture(scope="module")
def full(operator: Kube, hub: Kube) -> Iterator[Kube]:
    """A namespace that has no room for a pod."""
    with a_namespace("e2e-test-failures-quota") as kube:
        kube.apply(QUOTA)
        kube.apply(tiny("quota"))
        yield kube


@pytest.fixture(scope="module")
def models(shared_space: Kube, full: Kube) -> Callable[[str], Model]:
    hub: Body = tiny("x")["spec"]["source"]["modelscope"]
    little = {"requests": {"memory": "200Mi"}, "limits": {"memory": "200Mi"}}
    shared_space.apply(
        tiny("no-image", image=ABSENT),
        tiny("cured", image=ABSENT),
        tiny("no-repo", source={"modelscope": {**hub, "repo": "nobody/nothing"}}),
        tiny("bad-flag", server=server(args=["--no-such-flag"])),
        tiny("oom", server=server(resources=little)),
    )
    return lambda name: Model(full if name == "quota" else shared_space, name)


def test_a_quota_that_refuses_the_pod_is_told(models: Callable[[str], Model]) -> None:
    model = models("quota")
    assert "exceeded quota" in model.wait_reason("QuotaExceeded")["message"]
    model.kube.delete("resourcequota", "none")


def test_an_image_that_does_not_exist_is_told_with_the_runtimes_words(
    models: Callable[[str], Model],
) -> None:
    for name in ("no-image", "cured"):
        model = models(name)
        ready = model.wait_reason("CannotPullImage")
        assert ABSENT in ready["message"]
        assert "CannotPullImage" in model.row()
    model.kube.patch("flagosmodel", "cured", {"spec": {"image": tiny("x")["spec"]["image"]}})


def test_a_repo_that_does_not_exist_is_named(models: Callable[[str], Model]) -> None:
    model = models("no-repo")
    ready = model.wait_reason("SourceNotFound")
    assert "nobody/nothing" in ready["message"]
    weights = model.wait_reason("SourceNotFound", condition="WeightsReady")
    assert weights["status"] == "False"
    # A retry in between is told as what it is, so the row is asked until it shows the failure.
    eventually(lambda: "SourceNotFound" in model.row(), within=60, what="kubectl get names it")


def test_a_wrong_flag_shows_the_parsers_own_line(models: Callable[[str], Model]) -> None:
    model = models("bad-flag")
    ready = model.wait_reason("InvalidArgument", within=150)
    assert "vllm: error: unrecognized arguments: --no-such-flag" in ready["message"]
    assert "correct spec.server.args" in ready["message"]
    assert model.body()["status"]["lastFailure"]["exitCode"] == 2


def test_too_little_memory_is_told_as_such(models: Callable[[str], Model]) -> None:
    model = models("oom")
    ready = model.wait_reason("OutOfMemory", within=150)
    assert "host memory" in ready["message"]
    assert "raise spec.server.resources.limits.memory, which is " in ready["message"]


@pytest.mark.parametrize(
    ("name", "was"), [("cured", "CannotPullImage"), ("quota", "QuotaExceeded")]
)
def test_a_failure_is_forgotten_once_it_is_cured(
    models: Callable[[str], Model], name: str, was: str
) -> None:
    model = models(name)
    model.wait_ready()
    assert model.condition("Ready")["reason"] != was
