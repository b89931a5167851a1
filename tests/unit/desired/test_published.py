"""Every published model that uses only built fields is decided, rendered and valid."""

from __future__ import annotations

import pytest
from kubernetes import client

from flagos_operator.api.outcome import Invalid
from flagos_operator.desired.render import render
from tests.unit.api.cases import RELEASES, Body, named
from tests.unit.desired.build import chips, outcome

WITHOUT_A_RESOURCE = {"tsingmicro", "sunrise", "arm"}  # no public device plugin was found


@pytest.mark.parametrize("release", RELEASES, ids=named)
def test_a_published_model_renders_or_its_chip_is_told_to_be_unknown(release: Body) -> None:
    found = outcome(release)
    if release["spec"]["chip"] in WITHOUT_A_RESOURCE:
        assert isinstance(found, Invalid)
        assert found.reason == "UnknownChip"
        return
    assert release["spec"]["chip"] in chips()
    assert not isinstance(found, Invalid), found.message
    client.V1Deployment.model_validate(render(found)[-1])
