"""The time to the first Ready: told once, and only when it is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from flagos_operator.status.durations import seconds_to_first_ready
from flagos_operator.status.text import stamp
from tests.unit.status.build import NOW, a_model


def told(status, *, ago):
    """The first status was written 299 seconds ago."""
    return {
        "conditions": [
            {"type": "AccuracyVerified", "status": "Unknown", "lastTransitionTime": at(299)},
            {"type": "Ready", "status": status, "lastTransitionTime": at(ago)},
        ]
    }


def at(ago):
    return stamp(NOW - timedelta(seconds=ago))


def seconds(before, after, *, age=300):
    model = replace(a_model(), status=before, created=NOW - timedelta(seconds=age))
    return seconds_to_first_ready(model, after)


def test_it_runs_from_the_creation_to_the_turn():
    assert seconds(told("False", ago=299), told("True", ago=0)) == 300


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, told("True", ago=0)),
        (told("False", ago=299), told("False", ago=299)),
        (told("True", ago=200), told("True", ago=200)),
        (told("False", ago=100), told("True", ago=0)),
    ],
    ids=["nothing said yet", "not ready yet", "ready already", "was ready before"],
)
def test_else_nothing_is_measured(before, after):
    assert seconds(before, after) is None


def test_a_model_without_a_birthday_is_left_out():
    model = replace(a_model(), status=told("False", ago=1), created=None)
    assert seconds_to_first_ready(model, told("True", ago=0)) is None
