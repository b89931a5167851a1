"""A hub that cannot serve is replaced by a mirror, also one that is named when it has failed.

Both models start together; the one that fails is helped before its pauses grow.
"""

from __future__ import annotations

import pytest

from tests.e2e.model import Model, tiny
from tests.kube import Body, Kube

pytestmark = pytest.mark.timeout(300)

HUB: Body = tiny("x")["spec"]["source"]["modelscope"]
NOWHERE = {"repo": HUB["repo"], "endpoint": "http://hub.invalid"}


@pytest.fixture(scope="module")
def away(shared_space: Kube) -> Model:
    """The second hub speaks another dialect of the same content."""
    mirror = {"huggingface": {"endpoint": HUB["endpoint"]}}
    shared_space.apply(tiny("away", source={"modelscope": NOWHERE, "mirrors": [mirror]}))
    return Model(shared_space, "away")


def test_a_mirror_that_is_added_helps_the_pod_that_is_failing(
    shared_space: Kube, away: Model
) -> None:
    shared_space.apply(tiny("lost", source={"modelscope": {**HUB, "repo": "nobody/nothing"}}))
    model = Model(shared_space, "lost")
    model.wait_reason("SourceNotFound")
    before = model.pod_uids()
    source = {"mirrors": [{"modelscope": HUB}]}
    shared_space.patch("flagosmodel", "lost", {"spec": {"source": source}})
    model.wait_ready(within=240)
    assert model.pod_uids() == before, "its retry has read the list"


def test_a_hub_that_is_away_is_replaced_by_the_next(away: Model) -> None:
    away.wait_ready()
    assert away.condition("WeightsReady")["reason"] == "Complete"
    assert "digest" in away.body()["status"]["weights"]
    log = away.kube.kubectl("logs", "deployment/away", "-c", "fetch")
    assert "hub.invalid cannot serve: SourceUnreachable" in log
