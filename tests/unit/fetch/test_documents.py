"""docs/fetch.md tells the exit codes that the program has."""

from __future__ import annotations

import re
from pathlib import Path

from flagos_operator.fetch.reasons import EXIT_CODES

PAGE = Path(__file__).parents[3] / "docs" / "fetch.md"


def test_every_reason_is_listed_with_its_exit_code_and_a_cure() -> None:
    rows = re.findall(r"^\| (\d+) \| (\w+) \| (.+) \|$", PAGE.read_text(), flags=re.MULTILINE)
    told = {reason: int(code) for code, reason, cure in rows if cure.strip()}
    assert told == {str(reason): code for reason, code in EXIT_CODES.items()}
