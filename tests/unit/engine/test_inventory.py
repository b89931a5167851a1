"""Input: a client that answers from lists, a clock that leaps. Asserted: what is known when."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial

from flagos_operator.cluster import inventory
from flagos_operator.cluster.inventory import Inventory, survey
from flagos_operator.cluster.kinds import Key
from flagos_operator.desired.wish import Chosen, Selection
from flagos_operator.errors import Forbidden, Unreachable

GPU = "nvidia.com/gpu"
ME, OTHER = Key("a", "me"), Key("a", "other")


class Cluster:
    """As much of a client as lists need."""

    def __init__(self, *, nodes=1, pods=(), denied=()):
        self.nodes, self.pods, self.denied = nodes, list(pods), set(denied)
        self.asked, self.broken = [], 0

    async def list(self, kind, *, fields="", **_):
        await asyncio.sleep(0)
        self.asked.append((kind.plural, fields))
        if self.broken:
            self.broken -= 1
            raise Unreachable("gone")
        if kind.plural in self.denied:
            raise Forbidden(f"may not list {kind.plural}")
        items = [a_node(n) for n in range(self.nodes)] if kind.plural == "nodes" else self.pods
        for each in items:
            if kind.plural == "nodes" or meant(each, fields):
                yield {"items": [each]}
        yield {"items": None}


def meant(pod, fields):
    name = next((f for f in fields.split(",") if f.startswith("spec.nodeName=")), None)
    return name is None or name.partition("=")[2] == pod["spec"].get("nodeName", "")


def a_node(number):
    return {
        "metadata": {"name": f"n{number}", "labels": {}},
        "status": {
            "allocatable": {GPU: "8"},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def a_pod(count, *, node="n0", model=""):
    return {
        "metadata": {"namespace": "a", "labels": {"flagos.io/model": model} if model else {}},
        "spec": {
            "nodeName": node,
            "containers": [{"resources": {"limits": {GPU: str(count)}}}],
        },
        "status": {"phase": "Running"},
    }


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@asynccontextmanager
async def running(cluster, **more):
    told, clock = asyncio.Queue(), Clock()
    found = Inventory(look=partial(survey, cluster), clock=clock, tell=told.put_nowait, **more)
    task = asyncio.create_task(found.run())
    try:
        yield found, told, clock
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def free(found, model=ME):
    goods, _ = found.ask(model)
    return [place.free for place in goods.of(GPU)]


def taking(devices, node="n0"):
    chosen = Chosen(
        release="r", chip="nvidia", message="", resource=GPU, devices=devices, node=node
    )
    return Selection(wish="x on any chip", chosen=chosen)


async def test_few_nodes_are_asked_for_their_own_pods_and_for_those_that_wait():
    cluster = Cluster(nodes=2, pods=[a_pod(3), a_pod(2, node="")])
    found = await survey(cluster)
    assert [fields.split(",")[0] for kind, fields in cluster.asked if kind == "pods"] == [
        "spec.nodeName=",
        "spec.nodeName=n0",
        "spec.nodeName=n1",
    ]
    assert found.taken == {("n0", GPU): 3}
    assert found.waiting == {(GPU, 2): 1}


async def test_many_nodes_are_asked_for_all_pods_that_have_not_ended():
    cluster = Cluster(nodes=inventory.FEW + 1)
    await survey(cluster)
    assert cluster.asked[1:] == [("pods", inventory.RUNNING)]


async def test_one_list_serves_all_that_ask_meanwhile():
    cluster = Cluster()
    async with running(cluster) as (found, told, _):
        assert found.ask(ME) is None
        assert found.ask(OTHER) is None
        assert {await told.get(), await told.get()} == {ME, OTHER}
        assert free(found) == [8]
        assert [kind for kind, _ in cluster.asked].count("nodes") == 1


async def test_an_old_answer_is_asked_for_anew():
    async with running(Cluster()) as (found, told, clock):
        found.ask(ME)
        await told.get()
        clock.now += inventory.FRESH + 1
        assert found.ask(ME) is None


async def test_what_was_promised_is_not_free_for_others():
    async with running(Cluster()) as (found, told, _):
        found.ask(ME)
        await told.get()
        found.promise(ME, taking(5))
        assert free(found, OTHER) == [3]
        assert found.promised(ME, "x on any chip")
        assert not found.promised(ME, "y on any chip")


async def test_a_promise_ends_when_the_pods_are_there_or_do_not_come():
    cluster = Cluster()
    async with running(cluster) as (found, told, clock):
        found.ask(ME)
        await told.get()
        found.promise(ME, taking(5))
        cluster.pods = [a_pod(5, model="me")]
        clock.now += 60
        found.ask(OTHER)
        await told.get()
        assert free(found, OTHER) == [3]
        assert not found.promised(ME, "x on any chip")
        found.promise(OTHER, taking(1))
        cluster.pods = []
        clock.now += inventory.PROMISED + 1
        found.ask(ME)
        await told.get()
        assert free(found) == [8]


async def test_whoever_waits_is_told_when_something_has_changed_and_not_before():
    cluster = Cluster(pods=[a_pod(8)])
    async with running(cluster, pause=0.0) as (found, told, _):
        found.ask(ME)
        await told.get()
        found.wait(ME)
        looks = len(cluster.asked)
        while len(cluster.asked) < looks + 9:  # noqa: ASYNC110  the loop turns by itself
            await asyncio.sleep(0)
        assert told.empty()
        cluster.pods = []
        assert await told.get() == ME
        assert not found.waits(ME)


async def test_nobody_looks_while_nobody_asks():
    cluster = Cluster()
    async with running(cluster, pause=0.0) as (found, told, _):
        found.ask(ME)
        await told.get()
        found.wait(ME)
        found.forget(ME)
        looks = len(cluster.asked)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(cluster.asked) <= looks + 3  # one look may be under way


async def test_a_refusal_is_believed_when_it_lasts(monkeypatch):
    monkeypatch.setattr(inventory, "DOUBT", 0.0)
    cluster = Cluster(denied={"nodes"})
    async with running(cluster) as (found, told, clock):
        found.ask(ME)
        for _ in range(20):
            await asyncio.sleep(0)
        assert told.empty()
        clock.now += 10
        await told.get()
        goods, _ = found.ask(ME)
        assert "the nodes cannot be listed" in goods.unknown


async def test_without_the_right_to_list_pods_nodes_are_still_known():
    found = await survey(Cluster(denied={"pods"}))
    assert found.stock().of(GPU)
    assert "pods cannot be listed" in found.stock().uncounted


async def test_an_outage_is_tried_again(monkeypatch):
    monkeypatch.setattr(inventory, "RETRY", 0.0)
    cluster = Cluster()
    cluster.broken = 3
    async with running(cluster) as (found, told, _):
        found.ask(ME)
        assert await told.get() == ME
