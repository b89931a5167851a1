"""Two operators with one lease, as processes: one writes, and the other takes over."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from tests.loop.fakekube import FakeKube, Fault
from tests.loop.fakekube.server import Request
from tests.process.conftest import Operator, model, served, until

LEASE = {"FLAGOS_LEASE": "flagos-operator", "POD_NAMESPACE": "flagos-system"}
TAKEOVER = 15.0  # seconds that users are promised
Start = Callable[..., Any]


def holder(kube: FakeKube) -> str:
    lease = kube.find("Lease", "flagos-operator", namespace="flagos-system") or {}
    return str(lease.get("spec", {}).get("holderIdentity", "")).partition("_")[0]


def writes(kube: FakeKube, operator: Operator) -> list[Request]:
    """What it wrote, or tried to, besides the lease."""
    return [
        each
        for each in kube.writes()
        if each.token == operator.token and "/leases/" not in each.path
    ]


def leads(kube: FakeKube, operator: Operator) -> Callable[[], bool]:
    return lambda: holder(kube) == operator.token


async def metric(operator: Operator, name: str) -> float:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{operator.port}/metrics") as answer,
    ):
        lines = (await answer.text()).splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(name + " "))


async def until_metric(operator: Operator, name: str, wanted: float) -> None:
    async with asyncio.timeout(15):
        while True:
            if await metric(operator, name) == wanted:
                return
            await asyncio.sleep(0.1)


async def test_one_writes_and_the_other_only_watches(kube: FakeKube, operator: Start) -> None:
    async with operator(**LEASE) as first, operator(**LEASE) as second:
        kube.create(model())
        await until(lambda: served(kube), what="children and status")
        assert holder(kube) == first.token
        assert writes(kube, first)
        assert not writes(kube, second)
        assert await metric(first, "flagos_leader") == 1
        assert await metric(second, "flagos_leader") == 0


async def test_without_a_lease_nobody_asks_for_one(kube: FakeKube, operator: Start) -> None:
    async with operator() as only:
        kube.create(model())
        await until(lambda: served(kube), what="children and status")
        assert await metric(only, "flagos_leader") == 1
    assert not [each for each in kube.requests if "/leases" in each.path]


async def test_the_standby_takes_over_after_a_kill(kube: FakeKube, operator: Start) -> None:
    async with operator(**LEASE) as first, operator(**LEASE) as second:
        kube.create(model())
        await until(lambda: served(kube), what="children and status")
        await first.kill()
        kube.create(model("next"))
        await until(lambda: served(kube, "next"), what="the standby serves", within=TAKEOVER)
        assert holder(kube) == second.token


async def test_the_standby_takes_over_at_once_after_a_clean_end(
    kube: FakeKube, operator: Start
) -> None:
    async with operator(**LEASE) as first, operator(**LEASE) as second:
        await until(leads(kube, first), what="the first leads")
        await first.stop()
        assert holder(kube) != first.token, "it did not let go"
        await until(leads(kube, second), what="the second leads", within=3)


async def test_a_leader_that_slept_through_its_term_writes_nothing_more(
    kube: FakeKube, operator: Start
) -> None:
    """Frozen and thawed, as a paused virtual machine: it must look before it writes."""
    async with operator(**LEASE) as first, operator(**LEASE) as second:
        kube.create(model())
        await until(lambda: served(kube), what="children and status")
        first.process.send_signal(signal.SIGSTOP)
        kube.create(model("next"))
        await until(lambda: served(kube, "next"), what="the standby serves", within=TAKEOVER)
        before = len(writes(kube, first))
        kube.create(model("third"))  # waits for the first to see it, too
        first.process.send_signal(signal.SIGCONT)
        code = await asyncio.wait_for(first.process.wait(), timeout=15)
        await until(lambda: served(kube, "third"), what="the second works on")
        assert len(writes(kube, first)) == before
        assert holder(kube) == second.token
        assert code == 3
        assert "not leading any more" in first.said()


async def test_a_leader_that_cannot_renew_writes_nothing_until_it_can(
    kube: FakeKube, operator: Start
) -> None:
    cut = Fault(method="GET", path="/leases/", drop=True, times=1_000)
    async with operator(**LEASE) as only:
        await until(leads(kube, only), what="it leads")
        kube.faults.append(cut)
        await until_metric(only, "flagos_leader", 0)
        kube.create(model())
        await until(lambda: "NotLeading" in only.said(), what="it tried")
        assert not writes(kube, only)
        kube.faults.clear()
        await until(lambda: served(kube), what="children and status")
        assert only.process.returncode is None


@pytest.mark.parametrize("status", [409, 429, 500])
async def test_an_error_that_passes_does_not_end_a_leader(
    kube: FakeKube, operator: Start, status: int
) -> None:
    async with operator(**LEASE) as only:
        await until(leads(kube, only), what="it leads")
        fault = Fault(method="PATCH", path="/leases/", status=status, times=2)
        kube.faults.append(fault)
        await until(lambda: fault.met == 2, what="it met the error twice")
        kube.create(model())
        await until(lambda: served(kube), what="children and status")
        assert only.process.returncode is None
