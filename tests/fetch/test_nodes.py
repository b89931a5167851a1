"""Fetchers on two nodes and one volume, of which one is stopped and one is killed."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from testbed.hub.faults import Rule
from tests.fetch.lab import REPO, SIZE, WEIGHTS, contents, until
from tests.fetch.nodes import Fetcher, on_a_node

if TYPE_CHECKING:
    from tests.fetch.lab import Lab

PIECE = 128 << 10
STREAMS = 4
WORDS = ("--alone", "0", "--piece", str(PIECE), "--workers", str(STREAMS), "--lock-stale", "1.5")
IN_FLIGHT = STREAMS * PIECE  # the most that one who is stopped or killed has asked for in vain

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a node of its own needs root")


def start(lab: Lab, count: int) -> dict[str, Fetcher]:
    """By name, on two nodes in turn, against a hub that takes its time."""
    lab.break_with(Rule(kind="slow", path=WEIGHTS, bytes_per_second=150_000))
    names = [(f"fetcher-{number}", "ab"[number % 2]) for number in range(count)]
    return {name: on_a_node(lab, *WORDS, node=node, name=name) for name, node in names}


def holder(lab: Lab) -> str:
    try:
        return str(json.loads((lab.flagos / "lock").read_text())["name"])
    except (FileNotFoundError, ValueError):
        return ""


def in_the_midst(lab: Lab, *, but: str = "") -> str:
    """Who holds the lock, when some more of the weights have come to it."""
    until(lambda: holder(lab) not in ("", but))
    before = lab.sent()
    until(lambda: lab.sent() > before + PIECE // 2)
    return holder(lab)


def assert_one_copy(lab: Lab, *, takeovers: int) -> None:
    assert contents(lab.place) == contents(lab.repos / REPO)
    assert lab.fetch("--verify", "Always").said["how"] == "present"
    assert lab.sent() <= SIZE + takeovers * IN_FLIGHT
    assert [path.name for path in lab.flagos.rglob("*")] == ["partial"]


def outcomes(fetchers: dict[str, Fetcher]) -> list[str]:
    return sorted(str(each.finish().said.get("how")) for each in fetchers.values())


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_two_fetchers_of_which_one_fails(lab: Lab, number: signal.Signals):
    fetchers = start(lab, 2)
    gone = fetchers.pop(in_the_midst(lab))
    gone.signal(number)
    in_the_midst(lab, but=gone.name)
    if number == signal.SIGSTOP:
        # It wakes up while the other one writes: the worst moment.
        gone.signal(signal.SIGCONT)
        assert gone.finish().reason == "LockHeld"
    lab.break_with()
    assert outcomes(fetchers) == ["fetched"]
    assert_one_copy(lab, takeovers=1)


def test_five_fetchers_of_which_one_is_stopped_and_one_is_killed(lab: Lab):
    fetchers = start(lab, 5)
    stopped = fetchers.pop(in_the_midst(lab))
    stopped.signal(signal.SIGSTOP)
    killed = fetchers.pop(in_the_midst(lab, but=stopped.name))
    killed.signal(signal.SIGKILL)
    in_the_midst(lab, but=killed.name)
    stopped.signal(signal.SIGCONT)
    assert stopped.finish().reason == "LockHeld"
    lab.break_with()
    assert outcomes(fetchers) == ["fetched", "waited", "waited"]
    assert_one_copy(lab, takeovers=2)
