"""Every published model that uses only built fields is decided, rendered and valid."""

from __future__ import annotations

import pytest
import yaml
from kubernetes import client

from flagos_operator.api.outcome import Invalid
from flagos_operator.desired.render import render
from tests.unit.api.cases import DATA, RELEASES, Body, named
from tests.unit.desired.build import chips, env, outcome

CARDS = yaml.safe_load((DATA / "published-env.yaml").read_text())


@pytest.mark.parametrize("release", RELEASES, ids=named)
def test_a_published_model_renders(release: Body) -> None:
    found = outcome(release)
    assert release["spec"]["chip"] in chips()
    assert not isinstance(found, Invalid), found.message
    client.V1Deployment.model_validate(render(found)[-1])


@pytest.mark.parametrize("name", CARDS)
def test_what_a_card_sets_is_set_but_for_what_others_decide(name: str) -> None:
    (release,) = [each for each in RELEASES if named(each) == name]
    missing = CARDS[name].items() - env(**release["spec"]).items()
    decided_by_the_device_plugin = {
        variable for variable, _ in missing if variable.endswith("_VISIBLE_DEVICES")
    }
    # vllm-plugin-FL sets it where nobody did.
    set_by_the_plugin = {"VLLM_WORKER_MULTIPROC_METHOD"}
    assert {
        variable for variable, _ in missing
    } <= decided_by_the_device_plugin | set_by_the_plugin
