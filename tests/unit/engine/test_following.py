"""A log that grows is read with few bytes, and nothing of it that tells is lost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from flagos_operator.cluster.following import ALLOWANCE, AMPLE, HEAD, SCANT_PACE, Following
from flagos_operator.status.startlog import distil, story, turns
from tests.loop.fakekube import logs
from tests.unit.status.build import NOW
from tests.unit.status.timed import NAMES, log, stamped

PACE = 2.5


@dataclass(slots=True)
class Kubelet:
    text: str = ""
    answers: list[int] = field(default_factory=list)

    def answer(self, asked: Mapping[str, str]) -> str:
        found = logs.answer(self.text, asked)
        self.answers.append(len(found))
        return found.decode(errors="replace")


@dataclass(slots=True)
class Reader:
    kubelet: Kubelet = field(default_factory=Kubelet)
    following: Following = field(default_factory=lambda: Following(distil=distil))
    now: float = 0.0

    def read(self) -> None:
        asked = self.following.query()
        self.following.take(self.kubelet.answer(asked), asked=asked, now=self.now)

    def read_until(self, end: float) -> None:
        """At its pace; the log has what was written by then."""
        while self.now < end and not self.following.exhausted:
            self.read()
            self.now += self.following.pace(PACE)


def words(count: int, *, second: float, each: int = 100) -> str:
    """So many lines within one second."""
    return "".join(
        stamped(f"{n} {'x' * each}", NOW + timedelta(seconds=second, microseconds=n))
        for n in range(count)
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_start_is_told_whole_for_little_more_than_its_length(name: str):
    reader, at = Reader(), 0.0
    while at < 800:
        reader.kubelet.text = log(name, began=NOW, until=at)
        reader.now = at
        reader.read()
        at += PACE
    assert reader.following.kept == distil("", log(name, began=NOW))
    assert sum(reader.kubelet.answers) < 2.2 * len(log(name, began=NOW).encode())


def test_a_quiet_log_costs_nothing():
    reader = Reader(Kubelet(words(5, second=1)))
    reader.now = 2.0
    reader.read_until(5400)
    assert len(reader.kubelet.answers) > 2000
    assert sum(1 for size in reader.kubelet.answers if size) == 2


def test_lines_that_come_in_the_same_second_as_the_last_are_not_missed():
    reader = Reader(Kubelet(words(5, second=1)))
    reader.read()
    reader.kubelet.text += stamped("Loading weights took", NOW + timedelta(seconds=1.9))
    reader.now = 0.4
    reader.read()
    assert turns(reader.following.kept) == ("Loading",)


def test_the_first_look_is_at_the_beginning():
    reader = Reader()
    assert reader.following.query() == {"limitBytes": str(HEAD)}
    reader.read()
    assert reader.following.query() == {"limitBytes": str(HEAD)}, "there was nothing yet"


def test_later_looks_are_bounded():
    reader = Reader(Kubelet(words(1, second=1)))
    reader.read()
    assert reader.following.query() == {
        "sinceTime": "2026-11-25T12:00:01Z",
        "tailLines": "100",
        "limitBytes": "16384",
    }


def test_a_second_with_more_lines_than_one_look_has_bytes_does_not_hold_it_up():
    reader = Reader(Kubelet(words(1, second=0)))
    reader.read()
    reader.kubelet.text += words(100, second=1, each=400)
    for _ in range(4):
        reader.now += PACE
        reader.read()
    last = story(reader.following.kept).last
    assert last
    assert last.text.startswith("99 ")


def test_a_log_that_never_ends_costs_no_more_than_it_may():
    reader, second = Reader(), 0
    while second < 4 * 3600:
        reader.kubelet.text = words(300, second=second)
        reader.now = second
        if not reader.following.exhausted:
            reader.read()
        second += math.ceil(reader.following.pace(PACE))
    assert AMPLE < reader.following.spent <= ALLOWANCE
    assert reader.following.spent == sum(reader.kubelet.answers)
    assert reader.following.pace(PACE) == SCANT_PACE
    assert len(reader.kubelet.answers) > 80, "what is left of it lasts"
