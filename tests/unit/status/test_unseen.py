"""What no rule was made from is told right as well, and what is well is left in peace."""

from __future__ import annotations

import pytest

from flagos_operator.status.explain import explain
from flagos_operator.status.loglines import telling
from tests.unit.status.chips import LINES as OF_CHIPS
from tests.unit.status.unseen import CALM, LINES, WHOLE
from tests.unit.status.voices import VOICES

LOGS = WHOLE | VOICES
READY = "(APIServer pid=1) INFO:     Application startup complete.\n"


@pytest.mark.parametrize(("line", "reason"), [*LINES, *OF_CHIPS])
def test_a_line_has_its_reason_and_a_cure(line: str, reason: str):
    found = explain(f"loading\n{line}\n", exit_code=1)
    assert (found.reason, found.line_number) == (reason, 2)
    assert found.cure


@pytest.mark.parametrize("name", LOGS)
def test_a_log_has_its_reason_and_its_line(name: str):
    log, code, reason, words = LOGS[name]
    found = explain(log, exit_code=code)
    assert found.reason == reason
    assert words in found.line


@pytest.mark.parametrize("line", CALM)
def test_a_server_that_is_well_has_no_reason(line: str):
    assert explain(f"{line}\n{READY}").reason == ""


@pytest.mark.parametrize("line", CALM)
def test_what_is_said_in_passing_is_not_the_cause(line: str):
    told = telling(f"{line}\nKeyError: 'the cause'\n")
    assert told
    assert (told.line, told.reason) == ("KeyError: 'the cause'", None)


def test_a_chip_without_graphs_is_served_without_them():
    log, code, *_ = VOICES["graphs that a chip has not"]
    assert "--enforce-eager" in explain(log, exit_code=code).cure
