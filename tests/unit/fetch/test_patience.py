"""How long a hub is asked again."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from flagos_operator.fetch import hub
from flagos_operator.fetch.patience import Patience, Persistence, Trouble
from flagos_operator.fetch.reasons import FetchError, Reason

BROKEN = Trouble(Reason.SOURCE_UNREACHABLE, "broken")


def busy(after: float | None) -> Trouble:
    return Trouble(Reason.RATE_LIMITED, "busy", retry_after=after)


@pytest.mark.parametrize(("failures", "least"), [(1, 0.5), (2, 1), (3, 2), (7, 30)])
def test_pauses_double_up_to_a_minute(failures, least):
    patience = Patience(attempts=99)
    assert patience.wait(BROKEN, failures=failures, random=0.0) == least
    assert least < patience.wait(BROKEN, failures=failures, random=0.999) < 2 * least


def test_what_the_hub_asks_for_is_a_floor():
    assert Patience().wait(busy(20), failures=1, random=0.0) == 20
    assert 20 < Patience().wait(busy(20), failures=1, random=0.5) <= 25


def test_replicas_that_were_told_to_come_back_now_still_spread():
    """Dynamo #3643: replicas that start at once came back at once."""
    assert Patience().wait(busy(0), failures=1, random=0.5) == 0.5


def test_more_than_ten_minutes_is_not_waited_for():
    with pytest.raises(FetchError, match="601 s") as tired:
        Patience().wait(busy(601), failures=1, random=0.0)
    assert tired.value.reason is Reason.RATE_LIMITED


def test_patience_ends():
    with pytest.raises(FetchError, match=r"broken \(tried 8 times\)"):
        Patience().wait(BROKEN, failures=8, random=0.0)


@dataclass
class Line:
    """A line that breaks after each `step` bytes; `size` of them make the file."""

    size: int
    step: int
    have: int = 0
    pauses: list[float] = field(default_factory=list)

    def attempt(self) -> str:
        self.have += self.step
        if self.have >= self.size:
            return "whole"
        raise BROKEN

    def insist(self, *, attempts: int) -> str:
        patience = Persistence(
            patience=Patience(attempts=attempts),
            sleep=self.pauses.append,
            random=lambda: 0.0,
            say=lambda _: None,
        )
        return patience.insist(self.attempt, progress=lambda: self.have)


def test_new_bytes_restore_patience():
    line = Line(size=100, step=1)
    assert line.insist(attempts=2) == "whole"
    assert set(line.pauses) == {0.5}


def test_no_new_bytes_use_it_up():
    line = Line(size=100, step=0)
    with pytest.raises(FetchError, match="tried 4 times"):
        line.insist(attempts=4)
    assert line.pauses == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        (
            {
                "Retry-After": "Wed, 25 Nov 2026 10:00:30 GMT",
                "Date": "Wed, 25 Nov 2026 10:00:00 GMT",
            },
            30.0,
        ),
        (
            {
                "Retry-After": "Wed, 25 Nov 2026 09:00:00 GMT",
                "Date": "Wed, 25 Nov 2026 10:00:00 GMT",
            },
            0.0,
        ),
        ({"Retry-After": "Wed, 25 Nov 2026 10:00:30 GMT"}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers, seconds):
    assert hub.retry_after(headers) == seconds
