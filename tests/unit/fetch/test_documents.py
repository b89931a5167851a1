"""The pages about weights tell of every reason that the program has."""

from __future__ import annotations

import re
from pathlib import Path

from flagos_operator.fetch.reasons import EXIT_CODES, Reason

DOCS = Path(__file__).parents[3] / "docs"


def test_every_reason_is_listed_with_its_exit_code_and_a_cure() -> None:
    rows = re.findall(
        r"^\| (\d+) \| (\w+) \| (.+) \|$", (DOCS / "fetch.md").read_text(), flags=re.MULTILINE
    )
    told = {reason: int(code) for code, reason, cure in rows if cure.strip()}
    assert told == {str(reason): code for reason, code in EXIT_CODES.items()}


def test_a_user_finds_each_reason_with_what_to_do() -> None:
    page = (DOCS / "weights.md").read_text().partition("## When it fails")[2]
    told = dict(re.findall(r"^\| (\w+) \| (.+) \|$", page, flags=re.MULTILINE))
    assert set(Reason) - {Reason.INTERNAL_ERROR} <= set(told)
