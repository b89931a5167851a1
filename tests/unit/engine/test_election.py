"""Two operators and one lease: one of them writes, and never both."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flagos_operator.cluster.client import Client
from flagos_operator.cluster.election import LOOK, RENEW, SAFE, TERM, Election
from flagos_operator.cluster.kinds import Key
from flagos_operator.errors import Conflict, Deposed, NotFound, Unreachable
from tests.unit.engine.leaping import run

Body = dict[str, Any]
LEASE = Key("flagos", "flagos-operator")
MOMENT = 0.05


@dataclass(slots=True)
class Lease:
    """The object, with the API server's promise: a write of an old version is refused."""

    body: Body | None = None
    version: int = 1

    def read(self) -> Body:
        if self.body is None:
            raise NotFound("no lease", status=404)
        return self.body

    def write(self, wanted: Body) -> None:
        seen = wanted["metadata"]["resourceVersion"]
        if seen != (self.body["metadata"]["resourceVersion"] if self.body else "1"):
            raise Conflict("has moved", status=409)
        self.version += 1
        meta = {**wanted["metadata"], "resourceVersion": str(self.version)}
        self.body = {**wanted, "metadata": meta}

    @property
    def holder(self) -> str:
        return str(self.body["spec"].get("holderIdentity", "")) if self.body else ""

    @property
    def transitions(self) -> int:
        return int(self.read()["spec"]["leaseTransitions"])


@dataclass(slots=True)
class Line:
    """One operator's connection: it may be cut, or slow in either direction."""

    lease: Lease
    cut: bool = False
    going: float = 0.0  # seconds until a request arrives
    coming: float = 0.0  # seconds until its answer does

    async def get(self, _: Any, __: Key) -> Body:
        await self._arrive()
        found = self.lease.read()
        await asyncio.sleep(self.coming)
        return found

    async def apply(self, _: Any, manifest: Body, *, force: bool) -> Body:
        assert force
        await self._arrive()
        self.lease.write(manifest)
        await asyncio.sleep(self.coming)
        return self.lease.read()

    async def _arrive(self) -> None:
        if self.cut:
            raise Unreachable("cut")
        await asyncio.sleep(self.going)


@dataclass(slots=True)
class Operator:
    election: Election
    line: Line
    task: asyncio.Task[None]

    @property
    def writes(self) -> bool:
        return self.election.may_write()

    async def kill(self) -> None:
        self.task.cancel()
        await asyncio.wait((self.task,))

    async def end(self) -> None:
        await self.kill()
        await self.election.release()


@dataclass(slots=True)
class Place:
    lease: Lease = field(default_factory=Lease)
    operators: list[Operator] = field(default_factory=list)

    def start(self, name: str = "") -> Operator:
        loop = asyncio.get_running_loop()
        line = Line(self.lease)
        election = Election(
            client=cast("Client", line),
            lease=LEASE,
            identity=name or f"operator-{len(self.operators)}",
            clock=loop.time,
            now=lambda: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=loop.time()),
            dice=lambda: 0.5,
        )
        operator = Operator(election, line, loop.create_task(election.run()))
        self.operators.append(operator)
        return operator

    async def watch(self, seconds: float) -> None:
        """Let time pass, and see at each moment that not two of them may write."""
        for _ in range(round(seconds / MOMENT)):
            await asyncio.sleep(MOMENT)
            writers = [each.election.identity for each in self.operators if each.writes]
            assert len(writers) < 2, writers

    async def until_writes(self, operator: Operator, *, within: float) -> float:
        loop = asyncio.get_running_loop()
        since = loop.time()
        while not operator.writes:
            await self.watch(MOMENT)
            assert loop.time() - since < within, f"not leading after {within} s"
        return loop.time() - since


@contextlib.asynccontextmanager
async def a_place() -> AsyncIterator[Place]:
    place = Place()
    try:
        yield place
    finally:
        for each in place.operators:
            each.task.cancel()
        await asyncio.gather(*(each.task for each in place.operators), return_exceptions=True)


def test_who_is_alone_leads_at_once_and_stays():
    async def story() -> None:
        async with a_place() as place:
            only = place.start()
            await place.watch(MOMENT)
            for _ in range(600):
                assert only.writes
                await place.watch(MOMENT)
            assert place.lease.transitions == 1

    run(story())


@pytest.mark.parametrize("moment", [0.1, 0.9, 1.0, 1.1, 1.95, 2.0])
def test_the_standby_leads_within_15_seconds_of_a_kill(moment):
    async def story() -> None:
        async with a_place() as place:
            leader = place.start()
            await place.watch(0.3)
            standby = place.start()
            await place.watch(20 + moment)
            assert leader.writes
            await leader.kill()
            seconds = await place.until_writes(standby, within=15)
            assert seconds <= TERM + 2 * LOOK

    run(story())


def test_the_standby_leads_at_once_after_a_clean_end():
    async def story() -> None:
        async with a_place() as place:
            leader = place.start()
            await place.watch(1)
            standby = place.start()
            await place.watch(20.4)
            await leader.end()
            assert not leader.writes
            assert await place.until_writes(standby, within=15) <= 1.3 * LOOK

    run(story())


def test_a_leader_that_is_cut_off_stops_writing_before_another_starts():
    async def story() -> None:
        async with a_place() as place:
            leader = place.start()
            await place.watch(1)
            standby = place.start()
            await place.watch(10)
            leader.line.cut = True
            await place.watch(SAFE)
            assert not leader.writes
            assert not standby.writes
            await place.until_writes(standby, within=TERM)
            leader.line.cut = False
            await place.watch(2 * RENEW)
            assert isinstance(leader.task.exception(), Deposed)
            assert not leader.writes

    run(story())


def test_an_outage_for_all_ends_with_the_leader_that_there_was():
    async def story() -> None:
        async with a_place() as place:
            leader = place.start()
            await place.watch(1)
            standby = place.start()
            await place.watch(9)
            leader.line.cut = standby.line.cut = True
            await place.watch(60)
            assert not leader.writes
            leader.line.cut = standby.line.cut = False
            await place.until_writes(leader, within=2 * RENEW)
            await place.watch(2 * TERM)
            assert leader.writes
            assert not leader.task.done()
            assert place.lease.transitions == 1

    run(story())


def test_an_answer_that_is_lost_counts_as_none():
    """The lease is renewed, and who did not hear of it does not lean on it."""

    async def story() -> None:
        async with a_place() as place:
            leader = place.start()
            await place.watch(5)
            leader.line.coming = 60
            await place.watch(SAFE)
            assert not leader.writes
            leader.line.coming = 0
            await place.watch(2 * SAFE)
            assert leader.writes

    run(story())


def test_a_lease_that_somebody_deletes_is_made_again_by_one_of_them():
    async def story() -> None:
        async with a_place() as place:
            place.start()
            await place.watch(1)
            place.start()
            for _ in range(20):
                await place.watch(3.3)
                place.lease.body = None
            await place.watch(30)
            assert sum(each.writes for each in place.operators) == 1

    run(story())


def test_a_leader_that_comes_back_to_no_lease_does_not_take_it_at_once():
    """Cut off before its first renewal; meanwhile another led, whose lease was then deleted."""

    async def story() -> None:
        async with a_place() as place:
            first = place.start()
            await place.watch(1)
            second = place.start()
            await place.watch(0.5)
            first.line.cut = True
            await place.until_writes(second, within=2 * TERM)
            place.lease.body, first.line.cut = None, False
            await place.watch(SAFE)
            assert not first.writes

    run(story())


def test_a_container_that_restarts_is_not_the_one_that_led():
    """Its pod has the same name; what the earlier one sent may still be under way."""

    async def story() -> None:
        async with a_place() as place:
            leader = place.start("pod_1")
            await place.watch(20)
            await leader.kill()
            again = place.start("pod_2")
            await place.watch(SAFE)
            assert not again.writes
            await place.until_writes(again, within=TERM)

    run(story())


TROUBLES = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["cut", "slow there", "slow back", "well", "delete"]),
        st.floats(0.1, 12.0),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(TROUBLES)
def test_whatever_happens_never_two_write_and_in_the_end_one_does(troubles):
    async def story() -> None:
        async with a_place() as place:
            for _ in range(3):
                place.start()
                await place.watch(0.35)
            for number, trouble, seconds in troubles:
                line = place.operators[number].line
                line.cut = trouble == "cut"
                line.going = seconds if trouble == "slow there" else 0.0
                line.coming = seconds if trouble == "slow back" else 0.0
                if trouble == "delete":
                    await _delete(place)
                await place.watch(seconds)
            for each in place.operators:
                each.line.cut, each.line.going, each.line.coming = False, 0.0, 0.0
            await _restart_the_deposed(place)
            await place.watch(2 * TERM + SAFE)
            assert sum(each.writes for each in place.operators) == 1

    run(story())


async def _delete(place: Place) -> None:
    """A lease that goes again before the others could see it, nobody can know of."""
    before, now = "", place.lease.holder
    while before != now:
        await place.watch(2 * LOOK)
        before, now = now, place.lease.holder
    place.lease.body = None


async def _restart_the_deposed(place: Place) -> None:
    await place.watch(TERM)
    for each in [each for each in place.operators if each.task.done()]:
        place.start()
        assert isinstance(each.task.exception(), Deposed)
