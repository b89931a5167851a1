from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.fromdocker.cards import Outcome, converted

Convert = Callable[..., Outcome]


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    def of(text: str | bytes, *options: str) -> Outcome:
        file = tmp_path / "card.md"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return converted(file, *options)

    return of
