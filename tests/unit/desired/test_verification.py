"""The Job that hashes the weights again: the model's own download, where the files are, once."""

from __future__ import annotations

from typing import Any

import pytest

from flagos_operator.api.outcome import Invalid
from flagos_operator.api.spec import parse
from flagos_operator.desired.given import Defaults, Meta
from flagos_operator.desired.plan import Plan, decide
from flagos_operator.desired.render import render
from tests.golden.restricted import violations
from tests.unit.desired.build import DEFAULTS, Body, chips, model

CLAIM = {"volumeClaimTemplate": {"size": "1Gi"}}
SHARED = {"volumeClaimTemplate": {"size": "1Gi", "accessModes": ["ReadWriteMany"]}}


def plan(*, verify: str = "2026-11-25", verified: str = "", **spec: Any) -> Plan:
    parsed = parse(model(**{"weights": CLAIM} | spec))
    assert not isinstance(parsed, Invalid), parsed
    asked = {"verify": verify, "verified": verified}
    meta = Meta(namespace="team", name="qwen", uid="u-1", generation=1, **asked)
    decided = decide(parsed, meta=meta, defaults=Defaults(**DEFAULTS), chips=chips())
    assert isinstance(decided, Plan), decided
    return decided


def jobs(**said: Any) -> list[Body]:
    return [each for each in render(plan(**said)) if each["kind"] == "Job"]


def pod(**said: Any) -> Body:
    (job,) = jobs(**said)
    found: Body = job["spec"]["template"]["spec"]
    return found


def deployed(**said: Any) -> Body:
    by_kind = {each["kind"]: each for each in render(plan(**said))}
    found: Body = by_kind["Deployment"]["spec"]["template"]
    return found


def test_nobody_asks_and_nothing_is_done() -> None:
    assert jobs(verify="") == []


def test_it_is_the_models_own_download_with_one_word_more() -> None:
    (container,) = pod()["containers"]
    (fetch,) = deployed()["spec"]["initContainers"]
    assert container == {**fetch, "args": [*fetch["args"], "--verify", "Always"]}


def test_it_goes_with_its_model_and_is_none_of_its_pods() -> None:
    (job,) = jobs()
    (owner,) = job["metadata"]["ownerReferences"]
    assert owner["uid"] == "u-1"
    assert job["spec"]["template"]["metadata"]["labels"] == {"flagos.io/job": "verify"}


def test_each_text_asks_once() -> None:
    first, second = plan(), plan(verify="2026-11-26")
    assert first.verification
    assert second.verification
    assert first.verification.name != second.verification.name
    assert jobs(verified="2026-11-25") == []
    done = plan(verified="2026-11-25")
    assert first.owns == done.owns, "its log can be read for a while"


def test_asking_rolls_no_pod() -> None:
    assert plan().template == plan(verify="").template


@pytest.mark.parametrize(
    ("weights", "spec", "together"),
    [
        (CLAIM, {}, True),
        (SHARED, {}, False),
        ({"hostPath": {"path": "/share"}}, {}, True),
        (CLAIM, {"replicas": 0}, False),
        (CLAIM, {"suspend": True}, False),
    ],
)
def test_it_runs_where_the_pods_are_if_the_volume_is_only_there(
    weights: Body, spec: Body, *, together: bool
) -> None:
    affinity = pod(weights=weights, **spec).get("affinity", {})
    assert ("podAffinity" in affinity) is together


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"weights": {"emptyDir": {}}}, "weights.verify: Always"),
        ({"weights": {}}, "emptyDir"),
        (
            {"weights": {}, "source": {"persistentVolumeClaim": {"claimName": "c"}}},
            "served in place",
        ),
    ],
)
def test_what_no_other_pod_can_reach_is_told(said: Body, words: str) -> None:
    asked = plan(**said).verification
    assert asked
    assert words in asked.impossible
    assert jobs(**said) == []


def test_it_passes_pod_security() -> None:
    assert violations(pod()) == []


def test_it_holds_up_nothing_where_it_is_refused() -> None:
    assert [each["kind"] for each in render(plan())][-2:] == ["Deployment", "Job"]
