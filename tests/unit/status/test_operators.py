"""Which FlagGems operator a log blames, on chips whose traces were published and on others."""

from __future__ import annotations

import pytest

from flagos_operator.status.loglines import telling
from flagos_operator.status.summary import summarize
from tests.unit.status.build import a_pod, a_view, crashed, ended, fetched
from tests.unit.status.lines import (
    ASCEND,
    COMPILER,
    COPY,
    DISPATCHER,
    FUSED,
    LAUNCHED,
    LIBENTRY,
    METAX,
    SAID,
    SEGFAULT,
)
from tests.unit.status.read import ready

CASES = [
    ("metax", METAX, "mm_out", "[mm_out, mm]", "illegal memory access"),
    ("ascend", ASCEND, "ones_like", "[ones_like]", "arange's end"),
    ("copy", COPY, "copy_", "[copy_, to_copy]", "BiShengIR"),
    ("segfault", SEGFAULT, "sort_stable", "[sort_stable, sort]", "Segmentation fault"),
    ("said", SAID, "cumsum_out", "[cumsum_out, cumsum]", "Segmentation fault"),
    ("compiler", COMPILER, "argmax", "[argmax]", "PassManager"),
    ("dispatcher", DISPATCHER, "rms_norm", "[rms_norm]", "bad grid"),
    ("launched", LAUNCHED, "addmm", "[addmm]", "illegal memory access"),
    ("libentry", LIBENTRY, "libentry", "[libentry]", "illegal memory access"),
    ("fused", FUSED, "silu_and_mul", "[silu_and_mul]", "out of resource"),
]


@pytest.mark.parametrize(
    ("log", "operator", "deny", "words"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_the_operator_and_the_field_are_named(log: str, operator: str, deny: str, words: str):
    told = telling(log)
    assert told
    assert (told.reason, told.operator) == ("OperatorCrash", operator)
    assert f"spec.flagos.operators.denyMore: {deny}" in told.cure
    assert words in told.line


def test_the_exit_code_makes_what_was_called_count():
    log = "flag_gems.ops.sort.sort: GEMS SORT\n"
    told = telling(log, exit_code=139)
    assert told
    assert told.operator == "sort"
    assert telling(log, exit_code=1).operator == ""


def test_memory_that_ran_out_inside_an_operator_is_no_fault_of_it():
    log = METAX.replace("an illegal memory access was encountered", "out of memory")
    told = telling(log)
    assert told
    assert (told.reason, told.operator) == ("DeviceOutOfMemory", "")


def test_a_warning_from_an_operators_file_blames_nobody():
    log = "/opt/flag_gems/ops/amax.py:78: UserWarning: Logical operators\nKeyError: 'x'\n"
    told = telling(log)
    assert told
    assert (told.reason, told.operator) == (None, "")


def test_the_status_names_the_operator():
    summary = summarize(a_view(a_pod(fetched(), crashed(ended(1, message=METAX)))))
    assert ready(summary)["reason"] == "OperatorCrash"
    assert "flagos.operators.denyMore: [mm_out, mm]" in ready(summary)["message"]
    assert summary.status["lastFailure"]["operator"] == "mm_out"
    assert summary.status["lastFailure"]["reason"] == "OperatorCrash"


def test_a_failure_without_an_operator_names_none():
    summary = summarize(a_view(a_pod(fetched(), crashed(ended(1, message="KeyError: 'x'")))))
    assert "operator" not in summary.status["lastFailure"]
