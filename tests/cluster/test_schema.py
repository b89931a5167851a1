"""What a real API server takes and refuses, and what kubectl makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from flagos_operator.api.outcome import Invalid
from flagos_operator.api.spec import parse
from tests.golden.examples import EXAMPLES
from tests.kube import CommandFailedError, Kube, run
from tests.unit.api.cases import CASES, RELEASES, Body, a_model, expected, named


def refusal_to_kubectl(space: Kube, body: Body, *words: str) -> str | None:
    """What a person is told who applies it; None if it is taken."""
    try:
        space.kubectl("apply", *words, "-f", "-", stdin=json.dumps(body))
    except CommandFailedError as error:
        return str(error)
    return None


@pytest.mark.parametrize("case", CASES, ids=named)
def test_each_object_gets_the_answer_it_expects(space: Kube, case: Body) -> None:
    said = space.refusal(case)
    words = expected(case)
    assert (said is None) == (words is None), said
    assert words is None or words in (said or "")


@pytest.mark.parametrize("case", CASES, ids=named)
def test_the_command_line_answers_as_the_server_does(case: Body) -> None:
    """The other half of the agreement: `render` refuses what `kubectl apply` refuses."""
    assert isinstance(parse(case), Invalid) == (expected(case) is not None)


@pytest.mark.parametrize("release", RELEASES, ids=named)
def test_each_published_model_is_accepted(space: Kube, release: Body) -> None:
    assert space.refusal(release) is None


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_each_example_is_accepted(space: Kube, example: Any) -> None:
    assert space.refusal(yaml.safe_load(example.read_text())) is None


def test_an_unknown_field_is_refused_by_name_and_pruned_where_nobody_validates(
    space: Kube,
) -> None:
    body = a_model(kernelCache={"mode": "Auto"})
    body["metadata"]["name"] = "unknown"
    strict = ("--dry-run=server", "--validate=strict")
    assert "spec.kernelCache" in (refusal_to_kubectl(space, body, *strict) or "")
    assert refusal_to_kubectl(space, body, "--validate=ignore") is None
    assert "kernelCache" not in space.get("flagosmodel", "unknown")["spec"]


def test_a_spec_write_cannot_touch_the_status(space: Kube) -> None:
    body = {**a_model(), "status": {"phase": "Ready"}}
    body["metadata"]["name"] = "honest"
    assert refusal_to_kubectl(space, body) is None
    assert "status" not in space.get("flagosmodel", "honest")


def test_kubectl_shows_the_columns_in_the_order_that_people_ask(space: Kube) -> None:
    body = a_model()
    body["metadata"]["name"] = "shown"
    assert refusal_to_kubectl(space, body) is None
    header = space.kubectl("get", "fom", "shown").splitlines()[0].split()
    assert header == ["NAME", "PHASE", "READY", "CHIP", "STACK", "PROGRESS", "REASON", "AGE"]
    wide = space.kubectl("get", "flagos", "-o", "wide").splitlines()[0].split()
    assert {"URL", "IMAGE", "WEIGHTS"} <= set(wide)


def test_kubectl_explain_reads_like_documentation() -> None:
    text = " ".join(run("kubectl", "explain", "flagosmodel.spec.server").split())
    for words in ("maxModelLen", "trustRemoteCode", "Default:"):
        assert words in text
