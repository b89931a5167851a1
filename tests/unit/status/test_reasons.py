"""The vocabulary is whole: every reason is documented, and every part speaks it."""

from __future__ import annotations

import re

import pytest

from flagos_operator import errors
from flagos_operator.api import spec
from flagos_operator.desired.refusal import Refusal
from flagos_operator.fetch import reasons as fetch
from flagos_operator.status import conditions
from flagos_operator.status.causes import CAUSES, GENERAL, LAST_RESORT
from flagos_operator.status.progress import PHASES
from flagos_operator.status.reasons import Kind, Reason, kind_of
from flagos_operator.status.remedies import REMEDIES, cause
from tests.unit.status.document import DOCUMENT, MARK, tables

PHASE_NAMES = {
    "Pending",
    "Scheduling",
    "Pulling",
    "Downloading",
    "Verifying",
    "Starting",
    "Ready",
    "Degraded",
    "Failed",
    "Idle",
    "Suspended",
    "Terminating",
}


def leaves(tree: type) -> list[type]:
    below = tree.__subclasses__()
    return [tree, *(leaf for each in below for leaf in leaves(each))]


FAULTS = {leaf.reason for leaf in leaves(errors.OperatorError)} - {""}
SPOKEN = {
    *(each.value for each in Refusal),
    *(each.value for each in fetch.Reason),
    *FAULTS,
    spec.INVALID,
}


@pytest.mark.parametrize("reason", sorted(SPOKEN))
def test_a_reason_that_another_part_gives_is_known(reason: str):
    assert reason in set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_one_word_with_a_cause_and_a_cure(reason: Reason):
    assert re.fullmatch(r"[A-Z][A-Za-z]{3,40}", reason)
    remedy = REMEDIES[reason]
    assert remedy.cause.endswith(".")
    assert remedy.cure.endswith(".")
    assert cause(reason) == remedy.cause


def test_an_unknown_reason_may_pass_and_has_no_cause():
    assert kind_of("MoonPhase") is Kind.FAILED
    assert cause("MoonPhase") == ""


def test_what_is_under_way_or_waits_has_a_phase_of_its_own():
    silent = {Reason.NODE_LOST, Reason.NO_POD_READY}
    for reason in set(Reason) - silent:
        if reason.kind in {Kind.MOVING, Kind.WAITING}:
            assert reason in PHASES


def test_the_document_has_every_reason_as_the_code_has_it():
    assert DOCUMENT.read_text().partition(MARK)[2].strip() == tables().strip(), (
        "run python -m tests.unit.status.document"
    )


def test_the_document_has_every_phase_and_condition():
    text = DOCUMENT.read_text()
    assert set(PHASES.values()) <= PHASE_NAMES
    names = (value for key, value in vars(conditions).items() if key in CONDITIONS)
    for name in (*PHASE_NAMES, *names):
        assert f"\n| {name} |" in text


CONDITIONS = (
    "READY",
    "AVAILABLE",
    "WEIGHTS_READY",
    "FLAGOS_ACTIVE",
    "PROGRESSING",
    "UP_TO_DATE",
    "ACCURACY_VERIFIED",
    "STALLED",
)


def test_the_document_has_a_line_for_every_reason_that_is_read_from_one():
    shown = DOCUMENT.read_text().partition("### Lines that")[2]
    for reason in {row.reason for row in (*CAUSES, *GENERAL, *LAST_RESORT)} | {"OperatorCrash"}:
        assert f"| {reason} | `" in shown
