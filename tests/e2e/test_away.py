"""An operator that is killed, taken away with its chart, or gone while something happens.

Models serve on meanwhile, and what was missed is made up for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import openai
import pytest

from tests.e2e.conftest import RELEASE, SYSTEM, install_operator, operator_pod
from tests.e2e.disk import UNPRIVILEGED, Disk, a_disk, claim, on_claim
from tests.e2e.model import Model, tiny
from tests.e2e.snapshot import at_rest
from tests.e2e.test_retention import (
    CLAIM,
    IDLE,
    delete,
    downloaded,
    removed,
    wait_for_its_pods,
    wait_removed,
)
from tests.kube import Kube, eventually, run

pytestmark = [pytest.mark.alone, pytest.mark.timeout(300)]
NAME = "tiny"


@pytest.fixture(scope="module")
def volume(shared_space: Kube) -> Disk:
    """The models of this file start together."""
    shared_space.apply(claim(CLAIM), tiny(NAME))
    shared_space.apply(tiny("away", weights=removed(directory="away"), **IDLE))
    return a_disk(shared_space, on_claim(CLAIM), security=UNPRIVILEGED)


@pytest.fixture(scope="module")
def served(shared_space: Kube, volume: Disk) -> Model:
    model = Model(shared_space, NAME)
    model.wait_ready()
    at_rest(shared_space)
    return model


@pytest.fixture
def away(operator: Kube) -> Iterator[Callable[[], None]]:
    """Sends the operator away; afterwards it is there again."""
    yield lambda: scale(0)
    scale(1)


def scale(replicas: int) -> None:
    SYSTEM.kubectl("scale", "deployment/flagos-operator", f"--replicas={replicas}")
    pods = "app.kubernetes.io/name=flagos-operator"
    eventually(
        lambda: len(SYSTEM.list("pods", selector=pods)) == replicas,
        within=60,
        what=f"{replicas} operators",
    )
    SYSTEM.kubectl("rollout", "status", "deployment/flagos-operator", "--timeout=60s")


def test_a_deletion_without_an_operator_is_made_up_for(
    shared_space: Kube, volume: Disk, away: Callable[[], None]
) -> None:
    model = downloaded(shared_space, "away")
    away()
    delete(model)
    wait_for_its_pods(model)
    assert volume.files("away")
    scale(1)
    wait_removed(volume, "away")


def test_an_operator_that_is_killed_rolls_nothing(served: Model) -> None:
    before, written = served.pod_uids(), served.body()["metadata"]["resourceVersion"]
    victim = operator_pod()
    SYSTEM.kubectl("delete", "pod", victim, "--grace-period=0", "--force")
    eventually(lambda: operator_pod() != victim, within=60, what="a new operator pod")
    SYSTEM.kubectl("rollout", "status", "deployment/flagos-operator", "--timeout=60s")
    assert served.pod_uids() == before
    assert served.body()["metadata"]["resourceVersion"] == written


def test_uninstalling_the_chart_keeps_the_model_serving(
    served: Model, address_of: Callable[[Kube, str], str]
) -> None:
    before = served.pod_uids()
    run("helm", "uninstall", RELEASE, "-n", SYSTEM.namespace, "--wait")
    try:
        assert NAME in served.kube.names("flagosmodel"), "the CRD went with the chart"
        assert served.pod_uids() == before
        base = address_of(served.kube, NAME) + "/v1"
        with openai.OpenAI(base_url=base, api_key="unused", timeout=60, max_retries=0) as client:
            answer = client.completions.create(model=NAME, prompt="hello", max_tokens=4)
        assert answer.choices
    finally:
        install_operator()
    assert served.pod_uids() == before
