"""Input: nodes that come and go, time that passes by itself. Asserted: who is told, and when."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from flagos_operator.cluster import fleets
from flagos_operator.cluster.fleets import Fleets
from flagos_operator.cluster.kinds import Key
from flagos_operator.desired.fleet import ABSENT, UNKNOWN, UNREAD, Fleet
from flagos_operator.errors import Forbidden, Unreachable
from tests.unit.engine.leaping import run

GPU, DCU = "nvidia.com/gpu", "hygon.com/dcu"
ME, OTHER = Key("a", "me"), Key("a", "other")
EIGHT, SIXTEEN = Fleet(most=8), Fleet(most=16)


class Cluster:
    def __init__(self):
        self.nodes = {GPU: EIGHT}
        self.looks, self.faults = 0, []

    async def look(self):
        self.looks += 1
        await asyncio.sleep(0.1)
        if self.faults:
            raise self.faults.pop()
        return dict(self.nodes)


@asynccontextmanager
async def following(cluster):
    told = asyncio.Queue()
    found = Fleets(look=cluster.look, clock=asyncio.get_running_loop().time, tell=told.put_nowait)
    task = asyncio.create_task(found.run())
    try:
        yield found, told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_one_list_serves_all_that_are_new():
    async def story():
        cluster = Cluster()
        async with following(cluster) as (found, told):
            assert found.of(ME, GPU) == found.of(OTHER, DCU) == UNREAD
            assert {await told.get(), await told.get()} == {ME, OTHER}
            assert (found.of(ME, GPU), found.of(OTHER, DCU)) == (EIGHT, ABSENT)
            assert found.of(Key("a", "third"), GPU) == EIGHT
            assert cluster.looks == 1

    run(story())


def test_who_comes_later_is_not_told_what_was():
    async def story():
        cluster = Cluster()
        async with following(cluster) as (found, told):
            found.of(ME, GPU)
            await told.get()
            await asyncio.sleep(fleets.FRESH + 1)
            cluster.nodes = {GPU: SIXTEEN}
            assert found.of(ME, GPU) == EIGHT
            assert found.of(OTHER, GPU) == UNREAD
            assert {await told.get(), await told.get()} == {ME, OTHER}
            assert found.of(OTHER, GPU) == SIXTEEN

    run(story())


def test_only_those_are_told_whose_resource_is_other_than_before():
    async def story():
        cluster = Cluster()
        cluster.nodes[DCU] = EIGHT
        async with following(cluster) as (found, told):
            for model, resource in ((ME, GPU), (OTHER, DCU)):
                found.of(model, resource)
            await asyncio.sleep(fleets.SELDOM - 1)
            assert {told.get_nowait(), told.get_nowait()} == {ME, OTHER}
            cluster.nodes = {GPU: SIXTEEN, DCU: EIGHT}
            await asyncio.sleep(2)
            assert (told.get_nowait(), told.empty()) == (ME, True)
            await asyncio.sleep(3 * fleets.SELDOM)
            assert told.empty()
            assert cluster.looks == 5

    run(story())


def test_who_hopes_for_a_node_hears_of_it_soon():
    async def story():
        cluster = Cluster()
        async with following(cluster) as (found, told):
            found.of(ME, GPU)
            found.hope(ME, hopes=True)
            await told.get()
            cluster.nodes = {GPU: SIXTEEN}
            await asyncio.sleep(fleets.SOON + 1)
            assert told.get_nowait() == ME
            found.hope(ME, hopes=False)
            looks = cluster.looks
            await asyncio.sleep(fleets.SELDOM - 2)
            assert cluster.looks == looks

    run(story())


def test_nobody_looks_once_all_serve():
    async def story():
        cluster = Cluster()
        async with following(cluster) as (found, told):
            found.of(ME, GPU)
            await told.get()
            found.forget(ME)
            found.of(ME, GPU)
            found.forget(ME)
            await asyncio.wait([asyncio.create_task(asyncio.sleep(10 * fleets.SELDOM))])
            assert cluster.looks == 1

    run(story())


def test_an_outage_is_tried_again_and_what_is_known_stays():
    async def story():
        cluster = Cluster()
        async with following(cluster) as (found, told):
            found.of(ME, GPU)
            await told.get()
            cluster.faults = [Unreachable("gone")] * 3
            await asyncio.sleep(fleets.SELDOM + 1)
            assert (found.of(ME, GPU), told.empty(), cluster.looks) == (EIGHT, True, 2)

    run(story())


def test_without_the_right_to_list_nodes_nothing_is_known_once_that_has_lasted():
    async def story():
        cluster = Cluster()
        cluster.faults = [Forbidden("no"), Forbidden("no")]
        async with following(cluster) as (found, told):
            found.of(ME, GPU)
            await asyncio.sleep(fleets.RETRY - 1)
            assert told.empty()
            await asyncio.sleep(2)
            assert told.get_nowait() == ME
            assert found.of(ME, GPU) == UNKNOWN

    run(story())


def test_an_operator_of_some_namespaces_asks_for_nothing():
    found = Fleets(look=None, clock=lambda: 0.0, tell=lambda _: None)
    assert found.of(ME, GPU) == UNKNOWN
