"""A hub that cannot serve is replaced by a mirror, also one that is named when it has failed."""

from __future__ import annotations

import pytest

from tests.e2e.model import Model, tiny
from tests.kube import Body, Kube

pytestmark = pytest.mark.timeout(300)

HUB: Body = tiny("x")["spec"]["source"]["modelscope"]
NOWHERE = {"repo": HUB["repo"], "endpoint": "http://hub.invalid"}


def test_a_hub_that_is_away_is_replaced_by_the_next(space: Kube) -> None:
    """The second speaks another dialect of the same content."""
    mirror = {"huggingface": {"endpoint": HUB["endpoint"]}}
    space.apply(tiny("away", source={"modelscope": NOWHERE, "mirrors": [mirror]}))
    model = Model(space, "away")
    model.wait_ready()
    assert model.condition("WeightsReady")["reason"] == "Complete"
    assert "digest" in model.body()["status"]["weights"]
    log = space.kubectl("logs", "deployment/away", "-c", "fetch")
    assert "hub.invalid cannot serve: SourceUnreachable" in log


def test_a_mirror_that_is_added_helps_the_pod_that_is_failing(space: Kube) -> None:
    lost = {**HUB, "repo": "nobody/nothing"}
    space.apply(tiny("lost", source={"modelscope": lost}))
    model = Model(space, "lost")
    model.wait_reason("SourceNotFound")
    before = model.pod_uids()
    source = {"mirrors": [{"modelscope": HUB}]}
    space.patch("flagosmodel", "lost", {"spec": {"source": source}})
    model.wait_ready(within=240)
    assert model.pod_uids() == before, "its retry has read the list"
