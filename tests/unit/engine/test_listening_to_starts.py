"""Servers that start: logs are followed, a new step is told at once, then there is silence."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import cast

import pytest

from flagos_operator.cluster.client import Client
from flagos_operator.cluster.kinds import Key
from flagos_operator.cluster.listener import MOST_FAILURES, MUTE, PACE, Listener
from flagos_operator.errors import ApiError, Forbidden, ServerFault
from flagos_operator.status import startup
from flagos_operator.status.fetchlog import says_something
from flagos_operator.status.logs import LiveLog
from flagos_operator.status.startlog import distil, turns
from tests.loop.fakekube import logs
from tests.unit.engine.leaping import run
from tests.unit.status.build import NOW
from tests.unit.status.timed import log, stamped

MODEL = Key("default", "m")
START = LiveLog(
    namespace="default",
    pod="p",
    node="n",
    container="server",
    key=("p", "server", 0),
    pace=startup.PACE,
    follows=True,
)
LAST = replace(START, last=True)


@dataclass(slots=True)
class Node:
    writes: Callable[[float], str | ApiError]
    takes: float = 0.0
    asked: list[float] = field(default_factory=list)
    bytes: int = 0

    async def log(self, pod: Key, container: str, *, asked: Mapping[str, str]) -> str:
        assert (pod.name, container, asked["timestamps"]) == ("p", "server", "true")
        now = asyncio.get_running_loop().time()
        self.asked.append(now)
        await asyncio.sleep(self.takes)
        found = self.writes(now)
        if isinstance(found, ApiError):
            raise found
        raw = logs.answer(found, asked)
        self.bytes += len(raw)
        return raw.decode()


@dataclass(slots=True)
class Lab:
    node: Node
    listener: Listener
    told: list[float]

    @property
    def text(self) -> str | None:
        ear = self.listener._ears.get(MODEL)
        heard = ear.heard.get(START.key) if ear else None
        return heard.text if heard else None


@contextlib.asynccontextmanager
async def listening(writes: Callable[[float], str | ApiError]) -> AsyncIterator[Lab]:
    clock = asyncio.get_running_loop().time
    told: list[float] = []
    node = Node(writes)
    listener = Listener(
        client=cast("Client", node),
        clock=clock,
        tell=lambda _: told.append(clock()),
        says_something=says_something,
        distil=distil,
        turns=turns,
    )
    work = asyncio.create_task(listener.run())
    try:
        yield Lab(node, listener, told)
    finally:
        assert not work.done(), "listening ended by itself"
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def flagos(now: float) -> str:
    return log("flagos-h100-cold-default", began=NOW, until=now)


def chatter(now: float) -> str:
    """A line every half second, and no step at all."""
    times = (n / 2 for n in range(int(2 * now) + 1))
    return "".join(stamped(f"INFO {n}", NOW + timedelta(seconds=n)) for n in times)


def test_each_step_is_told_within_the_pace_of_its_line():
    async def story() -> None:
        async with listening(flagos) as lab:
            lab.listener.want(MODEL, (START,))
            seen: dict[str, float] = {}
            while (now := asyncio.get_running_loop().time()) < 600:
                for step in turns(lab.text or ""):
                    seen.setdefault(step, now)
                await asyncio.sleep(0.1)
            written = {
                "Loading": 106.37,
                "Compiling": 125.63,
                "Capturing": 255.2,
                "WarmingUp": 585,
            }
            for step, when in written.items():
                assert when <= seen[step] <= when + startup.PACE + 0.2
                assert any(seen[step] - 0.2 <= told <= seen[step] for told in lab.told)

    run(story())


def test_a_whole_start_costs_little():
    async def story() -> None:
        async with listening(flagos) as lab:
            lab.listener.want(MODEL, (START,))
            await asyncio.sleep(600)
            assert lab.node.bytes < 3 * len(flagos(600))
            assert len(lab.node.asked) <= 600 / startup.PACE + 3

    run(story())


def test_what_is_no_new_step_is_told_at_most_once_in_five_seconds():
    async def story() -> None:
        async with listening(chatter) as lab:
            lab.listener.want(MODEL, (START,))
            await asyncio.sleep(120)
            gaps = [after - before for before, after in zip(lab.told, lab.told[1:], strict=False)]
            assert min(gaps) >= PACE
            assert len(lab.told) > 15

    run(story())


def test_a_log_that_stands_still_is_told_to_nobody():
    async def story() -> None:
        async with listening(lambda _: chatter(3)) as lab:
            lab.listener.want(MODEL, (START,))
            await asyncio.sleep(10)
            told = len(lab.told)
            await asyncio.sleep(3600)
            assert len(lab.told) == told

    run(story())


def test_the_last_words_before_the_silence_are_told_as_well():
    """They come too soon after what was told before, so they wait their turn."""

    async def story() -> None:
        async with listening(lambda now: chatter(min(now, 8))) as lab:
            lab.listener.want(MODEL, (START,))
            await asyncio.sleep(60)
            assert lab.text
            assert lab.text.endswith("INFO 8.0")
            assert lab.told[-1] > 8

    run(story())


def test_of_a_log_that_is_longer_than_one_look_nothing_is_told_before_its_end_is_read():
    """By its head alone, to an operator that comes late, it has stood still for an hour."""
    written = (NOW + timedelta(seconds=n) for n in range(4000))
    long = "".join(stamped("x" * 300, each) for each in written)

    async def story() -> None:
        seen: list[str] = []
        async with listening(lambda _: long) as lab:
            lab.listener.tell = lambda _: seen.append(lab.text or "")
            lab.listener.want(MODEL, (START,))
            await asyncio.sleep(5)
            ends = {each.splitlines()[-1][:19] for each in seen if each}
            assert ends == {"2026-11-25T13:06:39"}

    run(story())


def test_a_log_whose_end_nobody_can_reach_is_told_all_the_same():
    def flood(now: float) -> str:
        times = (NOW + timedelta(seconds=now, microseconds=n) for n in range(500))
        return "".join(stamped("x" * 300, each) for each in times)

    async def story() -> None:
        async with listening(flood) as lab:
            lab.listener.want(MODEL, (START,))
            await asyncio.sleep(10)
            assert lab.text

    run(story())


def test_once_the_server_is_ready_there_is_one_more_read_and_no_other():
    async def story() -> None:
        async with listening(chatter) as lab:
            lab.listener.want(MODEL, (START,))
            await asyncio.sleep(11)
            lab.listener.want(MODEL, (LAST,))
            await asyncio.sleep(0.1)
            assert lab.node.asked[-1] >= 11
            assert lab.listener.heard_out(MODEL) == {START.key}
            assert lab.told[-1] >= 11
            asked = len(lab.node.asked)
            lab.listener.want(MODEL, (LAST,))
            await asyncio.sleep(3600)
            assert len(lab.node.asked) == asked
            lab.listener.want(MODEL, ())
            assert lab.listener.heard_out(MODEL) == {START.key}, "or it were read again"
            assert not lab.listener.heard(MODEL, ())
            assert not lab.listener.heard_out(MODEL), "the pod is gone"

    run(story())


@pytest.mark.parametrize(
    ("fault", "told"),
    [(Forbidden("no", status=403), 1), (ServerFault("no route", status=502), 0)],
)
def test_a_last_read_that_fails_is_given_up(fault: ApiError, told: int, caplog):
    async def story() -> None:
        async with listening(lambda _: fault) as lab:
            lab.listener.want(MODEL, (LAST,))
            await asyncio.sleep(2 * MOST_FAILURES * MUTE)
            assert lab.listener.heard_out(MODEL) == {START.key}
            assert lab.text == ""

    run(story())
    assert len([each for each in caplog.records if "is not told" in each.getMessage()]) == told


def test_a_server_is_heard_at_once_when_its_download_is_over():
    async def story() -> None:
        async with listening(chatter) as lab:
            slow = replace(START, pace=300.0)
            lab.listener.want(MODEL, (slow,))
            await asyncio.sleep(20)
            asked = len(lab.node.asked)
            lab.listener.want(MODEL, (START,))
            await asyncio.sleep(0.1)
            assert len(lab.node.asked) == asked + 1

    run(story())


def test_a_server_that_becomes_ready_during_a_read_is_read_once_more_at_once():
    async def story() -> None:
        async with listening(chatter) as lab:
            lab.node.takes = 2.0
            lab.listener.want(MODEL, (START,))
            await asyncio.sleep(1)
            lab.listener.want(MODEL, (LAST,))
            await asyncio.sleep(3.1)
            assert lab.node.asked == [0, 2]
            assert lab.listener.heard_out(MODEL) == {START.key}

    run(story())


def test_while_a_node_is_mute_nothing_is_claimed_and_afterwards_nothing_is_lost():
    async def story() -> None:
        fault = ServerFault("no route", status=502)
        async with listening(lambda now: fault if 130 < now < 300 else flagos(now)) as lab:
            lab.listener.want(MODEL, (START,))
            await asyncio.sleep(125)
            assert turns(lab.text or "") == ("Loading",)
            await asyncio.sleep(60)
            assert lab.text == ""
            await asyncio.sleep(200)
            assert turns(lab.text or "") == ("Loading", "Compiling", "Capturing")

    run(story())


def test_a_log_that_has_cost_all_it_may_is_left_alone_and_nothing_is_claimed():
    async def story() -> None:
        def noise(now: float) -> str:
            return "".join(
                stamped("x" * 400, NOW + timedelta(seconds=now, microseconds=n)) for n in range(99)
            )

        async with listening(noise) as lab:
            lab.listener.want(MODEL, (START,))
            await asyncio.sleep(4 * 3600)
            assert lab.node.bytes <= 256 * 1024
            assert lab.text == ""

    run(story())
