"""What of a choice finds room in a status: the best first, 2 KiB and a dozen at most."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flagos_operator.desired.wish import Chosen, Rejected, Selection
from flagos_operator.status.selection import MOST_BYTES, MOST_REJECTED, fields
from tests.unit.status.build import a_view

WORD = "the weights alone, 61.0 GiB by published.size, exceed 1 device of 24.0 GiB by node labels"


def others(count: int, *, message: str) -> tuple[Rejected, ...]:
    return tuple(
        Rejected(release=f"model-{at}", chip="nvidia", reason="NotEnoughFree", message=message)
        for at in range(count)
    )


def told(*rejected: Rejected, release: str = "", **chosen: str) -> dict[str, Any]:
    found = Chosen(release=release, chip="metax", **({"message": "fits"} | chosen))
    made = Selection(
        wish="model on any chip", chosen=found if release else None, rejected=rejected
    )
    return fields(a_view(selection=made))


def size(found: dict[str, Any]) -> int:
    return len(json.dumps(found).encode())


@pytest.mark.parametrize("release", ["", "taken", "r" * 253])
@pytest.mark.parametrize("letters", ["x", "\u00e9", "\u6c34"])
@pytest.mark.parametrize("count", [1, 12, 40, 400])
def test_it_stays_within_its_bounds_whatever_is_said(
    release: str, letters: str, count: int
) -> None:
    found = told(*others(count, message=letters * 2000), release=release, message=letters * 2000)
    assert size(found) <= MOST_BYTES == 2048
    assert 1 <= len(found["rejected"]) <= MOST_REJECTED == 12
    assert [each["release"] for each in found["rejected"]] == [
        f"model-{at}" for at in range(len(found["rejected"]))
    ]


def test_a_dozen_short_ones_are_told_and_no_more() -> None:
    found = told(*others(40, message="no node has it"), release="taken")
    assert [each["release"] for each in found["rejected"]] == [f"model-{at}" for at in range(12)]


def test_what_is_told_is_told_whole_where_there_is_room() -> None:
    found = told(*others(2, message=WORD), release="taken")
    assert [each["message"] for each in found["rejected"]] == [WORD, WORD]
    assert found["release"] == "taken"


def test_a_long_message_is_cut_and_says_so() -> None:
    (first, *_) = told(*others(1, message="x" * 500))["rejected"]
    assert first["message"] == "x" * 157 + "..."
