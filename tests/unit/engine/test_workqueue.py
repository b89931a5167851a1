"""The work queue's promises, each with a clock that only the test moves."""

from __future__ import annotations

import asyncio

import pytest

from flagos_operator.engine.workqueue import FAIR, Backoff, Lane, WorkQueue


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> WorkQueue[str]:
    return WorkQueue(clock=clock, dice=lambda: 0.5)


def test_a_key_that_is_queued_twice_is_handled_once(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.add("a")
    assert queue.pop() == "a"
    assert queue.pop() is None


def test_adding_while_it_runs_means_exactly_one_more_pass(queue: WorkQueue[str]) -> None:
    queue.add("a")
    assert queue.pop() == "a"
    queue.add("a")
    queue.add("a")
    assert queue.pop() is None, "it would run twice at once"
    queue.done("a")
    assert queue.pop() == "a"
    queue.done("a")
    assert queue.pop() is None


def test_failures_wait_twice_as_long_each_time_up_to_five_minutes(
    queue: WorkQueue[str], clock: Clock
) -> None:
    queue.add("a")
    delays = []
    for _ in range(11):
        assert queue.pop() == "a"
        delays.append(queue.failed("a"))
        assert queue.pop() is None
        clock.now += delays[-1]
    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_a_failing_key_does_not_hold_up_another(queue: WorkQueue[str]) -> None:
    queue.add("bad")
    queue.pop()
    queue.failed("bad")
    queue.add("good")
    assert queue.pop() == "good"


def test_success_forgets_the_failures(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add("a")
    for _ in range(3):
        queue.pop()
        clock.now += queue.failed("a")
    queue.pop()
    queue.done("a")
    queue.add("a")
    queue.pop()
    assert queue.failed("a") == 1


def test_keys_that_failed_are_counted_until_they_succeed(
    queue: WorkQueue[str], clock: Clock
) -> None:
    for key in ("a", "b"):
        queue.add(key)
        queue.pop()
        delay = queue.failed(key)
    assert queue.retrying() == 2
    clock.now += 2 * delay
    assert queue.retrying() == 2, "under way again is not done"
    queue.done(str(queue.pop()))
    assert queue.retrying() == 1


def test_the_server_may_ask_for_a_longer_pause(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.pop()
    assert queue.failed("a", at_least=30) >= 30


@pytest.mark.parametrize(("dice", "delay"), [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)])
def test_pauses_are_spread_so_that_keys_do_not_come_back_together(
    dice: float, delay: float
) -> None:
    assert Backoff().delay(1, most=300, dice=dice) == pytest.approx(delay)


def test_of_two_timers_the_earlier_one_stays(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add_after("a", 10)
    queue.add_after("a", 5)
    queue.add_after("a", 20)
    clock.now += 5
    assert queue.pop() == "a"
    queue.done("a")
    clock.now += 100
    assert queue.pop() is None


def test_what_a_user_caused_goes_first(queue: WorkQueue[str]) -> None:
    queue.add("relisted", lane=Lane.ROUTINE)
    queue.add("crashed")
    queue.add("edited", lane=Lane.ASKED)
    assert [queue.pop() for _ in range(3)] == ["edited", "crashed", "relisted"]


def test_a_key_waits_in_the_best_of_its_lanes_and_is_taken_once(queue: WorkQueue[str]) -> None:
    queue.add("a", lane=Lane.ROUTINE)
    queue.add("b")
    queue.add("a", lane=Lane.ASKED)
    queue.add("a", lane=Lane.ROUTINE)
    assert [queue.pop() for _ in range(3)] == ["a", "b", None]


def test_an_edit_during_a_pass_is_as_urgent_as_any_other(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.pop()
    queue.add("a", lane=Lane.ASKED)
    queue.add("a")
    queue.add("b")
    queue.done("a")
    assert queue.pop() == "a"


@pytest.mark.parametrize("lane", [Lane.TOLD, Lane.ROUTINE])
def test_a_stream_of_new_models_starves_nobody(
    queue: WorkQueue[str], clock: Clock, lane: Lane
) -> None:
    queue.add("old", lane=lane)
    taken = []
    for number in range(FAIR):
        clock.now += 1
        queue.add(f"new-{number}", lane=Lane.ASKED)
        queue.add(f"newer-{number}", lane=Lane.ASKED)
        taken.append(queue.pop())
    assert taken.index("old") == FAIR - 1


def test_first_come_first_served(queue: WorkQueue[str]) -> None:
    for key in "abc":
        queue.add(key)
    assert [queue.pop() for _ in range(3)] == ["a", "b", "c"]


def test_the_longest_pass_is_known(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add("a")
    queue.pop()
    clock.now += 42
    assert queue.longest_pass() == 42


async def test_a_waiting_worker_is_woken(queue: WorkQueue[str]) -> None:
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    assert await asyncio.wait_for(waiting, 1) == "a"


async def test_a_cancelled_worker_takes_no_key_with_it(queue: WorkQueue[str]) -> None:
    first, second = asyncio.create_task(queue.get()), asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    first.cancel()
    assert await asyncio.wait_for(second, 1) == "a"
    with pytest.raises(asyncio.CancelledError):
        await first
