"""A fetch that was killed is continued: what has arrived is not fetched again."""

from __future__ import annotations

import random
import signal
import time
from typing import TYPE_CHECKING

import pytest

from testbed.hub.faults import Rule
from tests.fetch.lab import CHUNK, REPO, SIZE, WEIGHTS, contents, until

if TYPE_CHECKING:
    from tests.fetch.lab import Lab

HALF = SIZE // 2


def killed_half_way(lab: Lab, number: int = signal.SIGKILL) -> int:
    """Kills a fetch that has half of the weights and all of the small files; returns its code."""
    lab.stall(at=HALF)
    process = lab.start()
    until(lambda: lab.part_bytes() >= HALF - CHUNK and len(lab.waiting("tree")) == 3)
    process.send_signal(number)
    code = lab.finish(process).code
    lab.break_with()
    return code


def test_after_a_kill_the_half_is_kept(lab: Lab):
    """LLMKube #1428: an interrupted download was taken as complete."""
    killed_half_way(lab)
    assert not lab.place.exists()
    result = lab.fetch()
    assert result.code == 0
    first = next(line for line in result.log.splitlines() if line.startswith("downloading:"))
    assert any(f"({percent}%)" in first for percent in (49, 50)), "what was here is counted"
    assert contents(lab.place) == contents(lab.repos / REPO)
    assert lab.sent() < SIZE + CHUNK
    assert [lab.asked(name) for name in ("config.json", "tokenizer/vocab.json")] == [1, 1]


@pytest.mark.parametrize("edit", [("--exclude", "config.json"), ("--include", "*.safetensors")])
def test_a_narrower_choice_goes_on_where_the_wider_one_was(lab: Lab, edit: tuple[str, str]):
    killed_half_way(lab)
    assert lab.fetch(*edit).code == 0
    assert lab.sent() < SIZE + CHUNK


def test_sigterm_ends_it_at_once_and_leaves_the_lock_free(lab: Lab):
    before = time.monotonic()
    assert killed_half_way(lab, signal.SIGTERM) == 143
    assert time.monotonic() - before < 10
    assert not (lab.flagos / "lock").exists()
    assert lab.fetch().code == 0
    assert lab.sent() < SIZE + CHUNK


def test_a_part_of_older_content_is_not_continued(lab: Lab):
    killed_half_way(lab)
    (lab.repos / REPO / WEIGHTS).write_bytes(b"n" * SIZE)
    (lab.repos / REPO / "config.json").unlink()
    assert lab.fetch().code == 0
    assert contents(lab.place) == contents(lab.repos / REPO)


def test_killed_at_random_bytes_until_done(lab: Lab):
    """Seeded: the same four places each time. Always the same bytes in the end, none twice."""
    chance = random.Random(7)  # noqa: S311
    reached = 0
    for _ in range(4):
        at = chance.randrange(CHUNK, (SIZE - reached) // 2)
        goal, before = reached + at, lab.sent()
        lab.break_with(Rule(kind="stall", path=WEIGHTS, at=at))
        process = lab.start()
        until(lambda: lab.part_bytes() >= goal - CHUNK and lab.sent() == before + at)  # noqa: B023
        process.kill()
        process.wait()
        reached = lab.part_bytes()
    lab.break_with()
    assert lab.fetch().code == 0
    assert contents(lab.place) == contents(lab.repos / REPO)
    assert lab.sent() < SIZE + 5 * CHUNK
