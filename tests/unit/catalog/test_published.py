"""Every shipped release is served by its name alone, or is refused with what to do."""

from __future__ import annotations

import pytest

from flagos_operator.api.outcome import Invalid
from flagos_operator.desired.render import render
from tests.unit.catalog.document import DOCUMENT, MARK, tables
from tests.unit.catalog.published import RAN, catalogue, outcome

NAMES = sorted(catalogue().releases)
# What a row can say and this operator not do: each with the field that the user has to change.
CURES = {"ImageRequired": "spec.image", "MultiNodeUnsupported": "spec.nodes"}


@pytest.mark.parametrize("name", NAMES)
def test_a_release_is_rendered_or_refused_with_a_cure(name: str) -> None:
    found = outcome(name)
    if isinstance(found, Invalid):
        assert CURES[found.reason] in found.message
    else:
        assert [each["kind"] for each in render(found)][-1] == "Deployment"
        assert found.release == name


def test_the_document_is_as_the_catalogue_says() -> None:
    _, mark, found = DOCUMENT.read_text().partition(MARK)
    assert mark, f"{DOCUMENT} has no mark"
    assert found.strip() == tables().strip(), "run python -m tests.unit.catalog.document"


def test_what_ran_is_a_release_that_is_shipped() -> None:
    assert set(RAN) <= set(NAMES)
