"""Which run a tail is of: the log of a run that has just ended may be the next one's by then."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from flagos_operator.cluster.kinds import Key
from flagos_operator.cluster.tails import AGAIN, LONGEST_READ, MOST_MISSES, Tails
from flagos_operator.errors import OperatorError
from flagos_operator.status.crashes import wanted_logs
from tests.unit.status.build import a_pod, a_view, crashed, ended, starting

if TYPE_CHECKING:
    from flagos_operator.cluster.client import Client
    from flagos_operator.observed.facts import ContainerFacts

MODEL = Key("prod", "qwen")
RUN = ("p0", "server", 0)
JUST_ENDED = starting(state="terminated", ended=ended(1), restarts=0)
GONE_ON = starting(last=ended(1), restarts=1)
IN_BACK_OFF = crashed(ended(1), restarts=0)
SPOKE = crashed(ended(1, message="core died"), restarts=0)


@dataclass
class Node:
    """Answers with the log that it has, or not at all."""

    says: str | None
    asked: list[bool] = field(default_factory=list)

    async def log_tail(
        self, pod: Key, container: str, *, previous: bool, lines: int, within: float
    ) -> str:
        assert (pod.name, container, lines > 0, within) == ("qwen-0", "server", True, LONGEST_READ)
        self.asked.append(previous)
        if self.says is None:
            raise OperatorError("the node does not answer")
        return self.says


async def told(tails: Tails, container: ContainerFacts) -> str | None:
    """As a pass does it: what is known, then what is still wanted."""
    pod = a_pod(container)
    view = a_view(pod, logs=tails.known(MODEL, (pod,)))
    texts = await tails.complete(MODEL, wanted_logs(view))
    return texts.get(RUN)


def tails_of(node: Node) -> Tails:
    return Tails(client=cast("Client", node))


async def test_what_was_the_next_runs_log_is_read_again_as_the_previous_one():
    node = Node("the next run begins")
    tails = tails_of(node)
    assert await told(tails, JUST_ENDED) == "the next run begins"
    node.says = "KeyError: 'the cause'"
    assert await told(tails, GONE_ON) == "KeyError: 'the cause'"
    assert await told(tails, GONE_ON) == "KeyError: 'the cause'"
    assert node.asked == [False, True]


async def test_it_is_asked_for_once_as_long_as_nothing_moves():
    node = Node("KeyError: 'the cause'")
    tails = tails_of(node)
    for _ in range(3):
        await told(tails, JUST_ENDED)
    assert node.asked == [False]


async def test_a_run_that_is_over_is_asked_for_once():
    node = Node("KeyError: 'the cause'")
    tails = tails_of(node)
    for _ in range(3):
        await told(tails, IN_BACK_OFF)
    assert node.asked == [True]


async def test_second_looks_that_fail_leave_what_was_read():
    node = Node("KeyError: 'the cause'")
    tails = tails_of(node)
    await told(tails, JUST_ENDED)
    node.says = None
    assert await told(tails, GONE_ON) == "KeyError: 'the cause'"
    assert await told(tails, GONE_ON) == "KeyError: 'the cause'"
    assert node.asked == [False, True, True]


@pytest.mark.parametrize("says", [None, ""])
async def test_what_a_kubelet_between_two_runs_does_not_say_is_asked_for_soon(says: str | None):
    node = Node(says)
    tails = tails_of(node)
    assert await told(tails, SPOKE) == ""
    assert tails.look_again(MODEL) == AGAIN
    node.says = "KeyError: 'the cause'"
    assert await told(tails, SPOKE) == "KeyError: 'the cause'"
    assert tails.look_again(MODEL) is None
    await told(tails, SPOKE)
    assert node.asked == [True, True]


async def test_a_node_that_is_gone_is_left_alone_after_some_misses():
    node = Node(None)
    tails = tails_of(node)
    for _ in range(MOST_MISSES + 2):
        await told(tails, SPOKE)
    assert node.asked == [True] * MOST_MISSES
    assert tails.look_again(MODEL) is None


async def test_a_log_that_is_truly_empty_is_asked_for_once():
    node = Node("")
    tails = tails_of(node)
    for _ in range(2):
        await told(tails, IN_BACK_OFF)
    assert node.asked == [True]
    assert tails.look_again(MODEL) is None


async def test_nothing_is_kept_of_a_pod_that_is_gone():
    node = Node("KeyError: 'the cause'")
    tails = tails_of(node)
    await told(tails, JUST_ENDED)
    assert tails.known(MODEL, ()) == {}
    assert not tails._texts
    assert not tails._doubtful


async def test_misses_are_forgotten_with_their_pod():
    tails = tails_of(Node(None))
    await told(tails, SPOKE)
    assert tails.known(MODEL, ()) == {}
    assert not tails._misses
