"""Who is listened to, how often, and that nobody waits for a node that says nothing."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from flagos_operator.cluster.client import Client
from flagos_operator.cluster.kinds import Key
from flagos_operator.cluster.listener import (
    LONGEST_MUTE,
    LONGEST_READ,
    MOST_READS,
    MOST_READS_OF_NODE,
    PACE,
    STALE,
    Listener,
)
from flagos_operator.errors import (
    ApiError,
    Forbidden,
    NotFound,
    ServerFault,
    Throttled,
    Unreachable,
)
from flagos_operator.status.fetchlog import says_something
from flagos_operator.status.logs import LiveLog
from flagos_operator.status.startlog import distil, turns
from tests.unit.engine.leaping import run

MODEL = Key("default", "m")


@dataclass(slots=True)
class Nodes:
    """What the kubelets answer, by pod: a text, a fault, or nothing for ever."""

    clock: Callable[[], float]
    says: Callable[[str, float], str | ApiError | None] = lambda _, now: line(int(now))
    takes: float = 0.02
    asked: list[tuple[str, float]] = field(default_factory=list)
    going_on: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)

    async def log_tail(self, pod: Key, container: str, **_: Any) -> str:
        assert container == "fetch"
        self.asked.append((pod.name, self.clock()))
        node = pod.name.partition(".")[0]
        self.going_on[node] += 1
        self.most[node] = max(self.most[node], self.going_on[node])
        self.most["all"] = max(self.most["all"], self.going_on.total())
        try:
            await asyncio.sleep(self.takes)
            found = self.says(pod.name, self.clock())
            if found is None:
                await asyncio.sleep(1e9)
            if isinstance(found, ApiError):
                raise found
            return str(found)
        finally:
            self.going_on[node] -= 1

    def times(self, pod: str) -> list[float]:
        return [when for name, when in self.asked if name == pod]


@dataclass(slots=True)
class Lab:
    nodes: Nodes
    listener: Listener
    told: list[tuple[str, float]]

    def times_told(self, model: str) -> list[float]:
        return [when for name, when in self.told if name == model]


def line(count: int) -> str:
    return f"downloading: {count} B of 1000000 B (0%) [{count}/1000000]"


def a_log(pod: str, *, run: int = 0) -> LiveLog:
    """The part of the name before the dot is the node."""
    return LiveLog(
        namespace="default",
        pod=pod,
        node=pod.partition(".")[0],
        container="fetch",
        lines=40,
        key=(pod, "fetch", run),
    )


@contextlib.asynccontextmanager
async def listening(
    says: Callable[[str, float], str | ApiError | None] | None = None, *, takes: float = 0.02
) -> AsyncIterator[Lab]:
    clock = asyncio.get_running_loop().time
    nodes = Nodes(clock, takes=takes)
    if says:
        nodes.says = says
    told: list[tuple[str, float]] = []
    listener = Listener(
        client=cast("Client", nodes),
        clock=clock,
        tell=lambda key: told.append((key.name, clock())),
        says_something=says_something,
        distil=distil,
        turns=turns,
    )
    work = asyncio.create_task(listener.run())
    try:
        yield Lab(nodes, listener, told)
    finally:
        assert not work.done(), "listening ended by itself"
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        assert not nodes.going_on.total(), "a read was left behind"


def gaps(times: list[float]) -> list[float]:
    return [after - before for before, after in itertools.pairwise(times)]


def texts(lab: Lab, model: Key = MODEL) -> list[str]:
    ear = lab.listener._ears.get(model)
    return [each.text for each in ear.heard.values()] if ear else []


def test_a_download_is_read_at_once_and_then_at_a_steady_pace():
    async def story() -> None:
        async with listening() as lab:
            lab.listener.want(MODEL, (a_log("n.p"),))
            await asyncio.sleep(60)
            times = lab.nodes.times("n.p")
            assert times[0] < 0.1
            assert all(PACE <= gap <= PACE + 0.1 for gap in gaps(times))
            assert all(gap >= PACE for gap in gaps(lab.times_told("m")))
            assert len(lab.told) == 12

    run(story())


def test_until_a_log_says_something_it_is_looked_at_sooner():
    async def story() -> None:
        async with listening(lambda _, now: line(1) if now > 2 else "") as lab:
            lab.listener.want(MODEL, (a_log("n.p"),))
            await asyncio.sleep(20)
            assert [round(gap) for gap in gaps(lab.nodes.times("n.p"))][:3] == [1, 2, 5]

    run(story())


def test_what_is_no_news_is_told_to_nobody():
    async def story() -> None:
        async with listening(lambda *_: line(5)) as lab:
            lab.listener.want(MODEL, (a_log("n.p"),))
            await asyncio.sleep(100)
            assert len(lab.told) == 1

    run(story())


def test_several_pods_of_a_model_are_told_together():
    async def story() -> None:
        async with listening() as lab:
            lab.listener.want(MODEL, (a_log("a.p"), a_log("b.p"), a_log("c.p")))
            await asyncio.sleep(60)
            assert len(lab.told) == 12
            assert len(texts(lab)) == 3

    run(story())


def test_nothing_is_read_before_or_after_a_download(caplog):
    async def story() -> None:
        async with listening() as lab:
            await asyncio.sleep(60)
            assert lab.nodes.asked == []
            lab.listener.want(MODEL, (a_log("n.p"),))
            await asyncio.sleep(7)
            asked = len(lab.nodes.asked)
            lab.listener.want(MODEL, ())
            await asyncio.sleep(600)
            assert len(lab.nodes.asked) == asked == 2
            assert texts(lab) == []

    run(story())
    assert caplog.text == ""


def test_the_next_run_is_read_at_once():
    async def story() -> None:
        async with listening() as lab:
            lab.listener.want(MODEL, (a_log("n.p"),))
            await asyncio.sleep(7)
            lab.listener.want(MODEL, ())
            lab.listener.want(MODEL, (a_log("n.p", run=1),))
            await asyncio.sleep(0.1)
            assert lab.nodes.times("n.p")[-1] >= 7
            assert [*lab.listener._ears[MODEL].heard] == [("n.p", "fetch", 1)]

    run(story())


def test_a_thousand_downloads_are_all_told_and_the_reads_are_bounded():
    async def story() -> None:
        async with listening() as lab:
            for number in range(1000):
                key = Key("default", f"m{number}")
                lab.listener.want(key, (a_log(f"n{number % 100}.p{number}"),))
            await asyncio.sleep(60)
            counts = Counter(name for name, _ in lab.told)
            assert len(counts) == 1000
            assert min(counts.values()) >= 10
            assert lab.nodes.most["all"] <= MOST_READS
            assert max(lab.nodes.most[f"n{n}"] for n in range(100)) <= MOST_READS_OF_NODE

    run(story())


@pytest.mark.parametrize(
    "fault", [None, ServerFault("dial tcp: i/o timeout", status=500)], ids=["hangs", "refuses"]
)
def test_a_dead_node_holds_up_no_other_and_is_asked_seldom(fault: ApiError | None):
    async def story() -> None:
        dead = 100
        async with listening(
            lambda pod, now: fault if pod.startswith("dead.") else line(int(now))
        ) as lab:
            for number in range(dead):
                lab.listener.want(Key("default", f"d{number}"), (a_log(f"dead.p{number}"),))
            lab.listener.want(MODEL, (a_log("n.p"),))
            await asyncio.sleep(120)
            assert all(gap <= PACE + 0.1 for gap in gaps(lab.times_told("m")))
            asked = [when for pod, when in lab.nodes.asked if pod.startswith("dead.")]
            assert 3 * MOST_READS_OF_NODE <= len(asked) <= 6 * MOST_READS_OF_NODE
            assert lab.nodes.most["dead"] <= MOST_READS_OF_NODE

    run(story())


def test_a_node_that_is_back_is_heard_again():
    async def story() -> None:
        def says(_: str, now: float) -> str | None:
            return None if 60 < now < 600 else line(int(now))

        async with listening(says) as lab:
            lab.listener.want(MODEL, (a_log("n.p"),))
            await asyncio.sleep(500)
            assert texts(lab) == [""]
            await asyncio.sleep(100 + LONGEST_MUTE + LONGEST_READ + PACE)
            assert texts(lab) != [""]
            told = len(lab.told)
            await asyncio.sleep(60)
            assert len(lab.told) - told == 12, "the mute of old is forgotten"

    run(story())


def test_what_was_heard_too_long_ago_is_taken_back_and_not_before():
    async def story() -> None:
        fault = ServerFault("no route", status=502)
        async with listening(lambda _, now: fault if now > 12 else line(int(now))) as lab:
            lab.listener.want(MODEL, (a_log("n.p"),))
            await asyncio.sleep(10 + STALE - PACE)
            assert texts(lab) == [line(10)]
            await asyncio.sleep(2 * PACE)
            assert texts(lab) == [""]

    run(story())


def test_without_the_right_to_read_logs_it_says_so_once_and_hardly_asks(caplog):
    async def story() -> None:
        refusal = Forbidden('pods "p" is forbidden: User "x" cannot get pods/log', status=403)
        async with listening(lambda *_: refusal) as lab:
            for number in range(100):
                lab.listener.want(Key("default", f"m{number}"), (a_log(f"n{number}.p"),))
            await asyncio.sleep(600)
            assert len(lab.nodes.asked) < 15 * MOST_READS
            assert set(texts(lab, Key("default", "m7"))) == {""}

    run(story())
    told = [each.getMessage() for each in caplog.records if "progress" in each.getMessage()]
    assert len(told) == 1
    assert "pods/log" in told[0]


@pytest.mark.parametrize(
    "fault",
    [
        NotFound("gone", status=404),
        Unreachable("connection refused"),
        Throttled("later", status=429),
    ],
)
def test_what_is_not_the_nodes_fault_does_not_mute_it(fault: ApiError):
    async def story() -> None:
        async with listening(lambda _, now: fault if now < 30 else line(int(now))) as lab:
            lab.listener.want(MODEL, (a_log("n.p"),))
            await asyncio.sleep(30 + 2 * PACE)
            assert "" not in texts(lab)

    run(story())


def test_a_defect_in_what_is_heard_costs_no_other_model_anything(caplog):
    async def story() -> None:
        async with listening(lambda pod, now: 7 if pod == "n.bad" else line(int(now))) as lab:  # type: ignore[arg-type,return-value]
            lab.listener.says_something = lambda text: bool(text.index("downloading") >= 0)
            lab.listener.want(Key("default", "bad"), (a_log("n.bad"),))
            lab.listener.want(MODEL, (a_log("n.p"),))
            await asyncio.sleep(60)
            assert len(lab.times_told("m")) == 12

    run(story())
    assert "cannot listen" in caplog.text
