"""What a status tells of a look at the weights that somebody asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from flagos_operator.desired.verification import Verification
from flagos_operator.status.summary import Summary, summarize
from flagos_operator.status.view import Verified
from tests.unit.status.build import NOW, a_plan, a_view

FINE = json.dumps({"reason": "Complete", "how": "present", "files": 12})
REPAIRED = json.dumps(
    {"reason": "Complete", "how": "repaired", "files": 12, "repaired": ["a.bin"]}
)
FAILED = json.dumps({"reason": "SourceUnreachable", "message": "the hub is away"})


def asked(**change: Any) -> Verification:
    return replace(
        Verification(model="qwen", text="today", done=False, template={"a": 1}), **change
    )


def told(said: str | None, *, old: dict[str, Any] | None = None, **change: Any) -> Summary:
    view = a_view(plan=a_plan(verification=asked(**change)))
    verified = Verified(text="today", said=said) if said is not None else None
    model = replace(view.model, status={"weights": old or {}})
    return summarize(replace(view, verified=verified, model=model))


@pytest.mark.parametrize(
    ("said", "result", "event"),
    [
        (FINE, "all 12 files are as recorded", ("Normal", "WeightsVerified")),
        (REPAIRED, "fetched again: a.bin", ("Warning", "WeightsRepaired")),
        (
            FAILED,
            "SourceUnreachable: the hub is away",
            ("Warning", "VerificationFailed"),
        ),
        ("Job was active longer than specified deadline",) * 2
        + (("Warning", "VerificationFailed"),),
    ],
)
def test_a_result_is_told_once(said: str, result: str, event: tuple[str, str]) -> None:
    found = told(said)
    weights = found.status["weights"]
    assert (weights["verification"], weights["verificationResult"]) == ("today", result)
    assert weights["verificationTime"] == NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert event in {(each.type, each.reason) for each in found.events}
    again = told(None, old=weights, done=True)
    assert again.status["weights"] | weights == again.status["weights"]
    assert event[1] not in {each.reason for each in again.events}


def test_a_look_that_goes_on_tells_nothing_yet() -> None:
    assert "verification" not in told(None).status["weights"]


def test_the_last_result_stays_until_there_is_another() -> None:
    before = told(FINE).status["weights"] | {"verification": "yesterday"}
    assert told(None, old=before).status["weights"]["verification"] == "yesterday"


def test_what_cannot_be_done_is_told_with_the_cure() -> None:
    found = told(None, impossible="not possible: do it otherwise")
    assert found.status["weights"]["verificationResult"] == "not possible: do it otherwise"
    assert "VerificationFailed" in {each.reason for each in found.events}
