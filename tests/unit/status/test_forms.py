"""However a log was brought here, its phase, its reason and its line are the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from flagos_operator.status.explain import explain
from flagos_operator.status.startlog import distil, story
from tests.unit.status.lines import LOGS

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = ("kv-cache-too-small", "shard-truncated", "unknown-flag", "shape-mismatch")


def each_line(before: str, after: str = "") -> Callable[[str], str]:
    return lambda log: "".join(f"{before}{line}{after}\n" for line in log.splitlines())


def of_rank(log: str) -> str:
    return re.sub(r"(?m)^\(EngineCore (pid=\d+)\)", r"(EngineCore_DP0 \1) (Worker_TP1 \1)", log)


FORMS: dict[str, Callable[[str], str]] = {
    "windows": each_line("", "\r"),
    "coloured": each_line("\x1b[31m", "\x1b[0m"),
    "terminal": each_line("\x1b[2K\x1b[38;5;12m", "\x1b[0m\x1b[K"),
    "timestamps": each_line("2026-09-01T10:00:00.123456789Z "),
    "runtime": each_line("2026-09-01T10:00:00.123456789+08:00 stdout F "),
    "compose": each_line("server-1  | "),
    "journal": each_line("Jun 10 16:45:05 node1 vllm[107468]: "),
    "rank": of_rank,
    "no process": lambda log: re.sub(r"(?m)^\([^)]* pid=\d+\) ", "", log),
    "long lines before": lambda log: "A" * 1_000_000 + "\n" + log,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_a_log_is_read_in_any_form(name: str, form: str):
    log = (LOGS / f"{name}.txt").read_text()
    as_it_was, brought = explain(log), explain(FORMS[form](log))
    assert brought.reason
    assert (brought.phase, brought.reason) == (as_it_was.phase, as_it_was.reason)
    assert brought.line == as_it_was.line


def test_the_errors_of_a_group_are_told_without_their_bars():
    log = "  | ExceptionGroup: one of many\n    | OSError: [Errno 116] Stale file handle\n"
    assert explain(log).line == "OSError: [Errno 116] Stale file handle"


def test_a_last_line_has_no_colours_in_a_status():
    log = "2026-09-01T10:00:00Z \x1b[1;36m(EngineCore pid=7)\x1b[0;0m \x1b[2Kloads\x1b[K\n"
    assert story(distil("", log)).words == "(EngineCore pid=7) loads"
