"""What goes wrong, in the midst of edits; each leaves the world as it was, but for the operator.

Afterwards the operator that is to put all right runs, and the caller looks whether it does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from flagos_operator.cluster.kinds import MODEL
from tests.faults.control_plane import SLEEPY
from tests.faults.proxy import GONE, LEADER_CHANGED, Fault
from tests.faults.world import World

KILLS = 5
OUTAGE = 60.0
WRITES = ("PATCH", "POST", "DELETE")


async def killed_at_random_moments(world: World) -> None:
    """Also in the midst of its start, when it has seen half of what there is."""
    async with world.raging():
        for _ in range(KILLS):
            await asyncio.sleep(world.dice.uniform(0.3, 4.0))
            await world.replace_killed()


async def two_at_once(world: World) -> None:
    """Neither knows of the other, and both come to rest."""
    await world.use()
    async with world.launcher.running():
        async with world.raging():
            await asyncio.sleep(6)
        await world.settle()


async def clock_ahead(world: World) -> None:
    await _with_wrong_clock(world, hours_off=1)


async def clock_behind(world: World) -> None:
    await _with_wrong_clock(world, hours_off=-1)


async def _with_wrong_clock(world: World, *, hours_off: int) -> None:
    async with world.raging():
        await world.use(hours_off=hours_off)
        await asyncio.sleep(5)
    await world.use()


async def apiserver_restarted(world: World) -> None:
    await world.use()
    async with world.raging():
        await asyncio.sleep(2)
        async with world.plane.without("kube-apiserver"):
            pass
        await asyncio.sleep(3)


async def apiserver_stopped(world: World) -> None:
    await world.use()
    async with world.raging():
        await asyncio.sleep(2)
        async with world.plane.without("kube-apiserver"):
            await asyncio.sleep(OUTAGE)
        await world.plane.start_anew(*SLEEPY)


async def etcd_restarted(world: World) -> None:
    await world.use()
    async with world.raging():
        await asyncio.sleep(2)
        async with world.plane.without("etcd"):
            await asyncio.sleep(1)
        await asyncio.sleep(3)


async def watches_cut(world: World) -> None:
    """In the midst, in order, with an error, and as too old: again and again."""
    await world.use(proxied=True)
    ends = (
        world.proxy.break_watches,
        world.proxy.end_watches,
        lambda: world.proxy.end_watches(LEADER_CHANGED),
        lambda: world.proxy.end_watches(GONE),
    )
    async with world.raging():
        for end in (*ends, *ends):
            await asyncio.sleep(world.dice.uniform(0.2, 2.0))
            end()


async def history_compacted(world: World) -> None:
    """The operator's watches are deaf while etcd forgets what they would have told."""
    await world.use(proxied=True)
    async with world.proxy.silent():
        async with world.raging():
            await asyncio.sleep(4)
        newest = await world.cluster.call("GET", MODEL.path(world.namespace) + "?limit=1")
        await world.plane.compact(newest["metadata"]["resourceVersion"])
        async with world.plane.without("kube-apiserver"):  # it remembers by itself, too
            pass


def answers(*faults: Fault, seconds: float = 6) -> Callable[[World], Awaitable[None]]:
    async def given(world: World) -> None:
        await world.use(proxied=True)
        async with world.proxy.failing(*faults), world.raging():
            await asyncio.sleep(seconds)
        assert all(fault.met for fault in faults), "none of the requests met the fault"

    return given


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    name: str
    happen: Callable[[World], Awaitable[None]]


def throttled() -> Fault:
    return Fault(share=0.1, status=429, retry_after=2, reason="TooManyRequests")


TRIALS = tuple(
    Trial(name=name, happen=happen)
    for name, happen in {
        "the operator is killed at random moments": killed_at_random_moments,
        "two operators at once": two_at_once,
        "the operator's clock is an hour ahead": clock_ahead,
        "the operator's clock is an hour behind": clock_behind,
        "the API server is killed and started": apiserver_restarted,
        "the API server is gone for a minute": apiserver_stopped,
        "etcd is killed and started": etcd_restarted,
        "watches are cut": watches_cut,
        "what the watches missed is compacted": history_compacted,
        "429 with Retry-After": answers(throttled()),
        "500": answers(Fault(share=0.3, status=500)),
        "409": answers(Fault(methods=WRITES, share=0.3, status=409, reason="Conflict")),
        "answers are five seconds late": answers(Fault(delay=5.0), seconds=12),
        "answers are lost": answers(Fault(methods=WRITES, share=0.3, lost=True)),
    }.items()
)
