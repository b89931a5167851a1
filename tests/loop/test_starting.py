"""A server that starts, as a running operator tells it from its log."""

from __future__ import annotations

import asyncio
import copy
import time
from datetime import UTC, datetime, timedelta

import pytest

from flagos_operator.app import utc_now
from flagos_operator.status.text import stamp
from tests.loop.fakekube import Fault
from tests.loop.running import (
    a_model,
    a_pod,
    condition,
    eventually,
    quiet,
    status,
    template,
)
from tests.unit.status.timed import stamped

FIVE = 5.0  # seconds
QUICK = 0.4  # instead of the real pace, where that would only take longer
STORY = {
    "Loading": "Starting to load model /models/m...",
    "Compiling": "Dynamo bytecode transform time: 14.60 s",
    "Capturing": "Capturing CUDA graphs (decode, FULL):  33%|###| 17/51 [00:04<00:06,  5.04it/s]",
    "WarmingUp": "init engine (profile, create kv cache, warmup model) took 473.41 s",
}
BAR = "Loading safetensors checkpoint shards:  40% Completed | {}/99 [00:01<00:02,  1.36it/s]"


def starts(kube, name="m", *, began=None):
    pod = a_pod(f"{name}-1", model=name, template=template(kube, name), ready=False)
    (server,) = pod["status"]["containerStatuses"]
    server["state"] = {"running": {"startedAt": stamp(began or utc_now())}}
    kube.logs[f"{name}-1", "server"] = ""
    return kube.put(pod)


def serves(kube, name="m"):
    pod = copy.deepcopy(kube.find("Pod", f"{name}-1"))
    (server,) = pod["status"]["containerStatuses"]
    server |= {"ready": True, "started": True}
    pod["status"]["conditions"] = [
        {"type": "Ready", "status": "True", "lastTransitionTime": stamp(utc_now())}
    ]
    return kube.put(pod)


def says(kube, text, name="m", *, at=None):
    kube.logs[f"{name}-1", "server"] += stamped(text, at or utc_now())


async def begun(kube, name="m", **when):
    kube.create(a_model(name))
    await eventually(lambda: kube.find("Deployment", name))
    starts(kube, name, **when)
    await eventually(lambda: status(kube, name).get("phase") == "Starting")


def start(kube, name="m"):
    return status(kube, name).get("startup", {})


def reads(kube):
    return kube.asked("GET", "/log")


def written(kube, name="m"):
    return kube.asked("PATCH", f"/flagosmodels/{name}/status")


async def test_a_start_is_told_step_by_step_and_its_times_are_kept(kube, operator):
    async with operator() as app:
        app.listener.pace = QUICK
        began = utc_now() - timedelta(seconds=100)
        await begun(kube, began=began)
        for count, (phase, line) in enumerate(STORY.items(), start=1):
            says(kube, line, at=began + timedelta(seconds=10 * count))
            await eventually(lambda p=phase: status(kube)["phase"] == p)
            assert start(kube)["phase"] == phase
        serves(kube)
        await eventually(lambda: status(kube)["phase"] == "Ready")
        timings = {"Starting": 10, "Loading": 10, "Compiling": 10, "Capturing": 10}
        kept = start(kube)
        assert kept["timings"] | timings == kept["timings"]
        for phase in (*timings, "WarmingUp"):
            count = f'flagos_start_phase_seconds_count{{chip="cpu",phase="{phase}"}} 1.0'
            await eventually(lambda c=count: c in app.metrics.text().decode())
        await quiet(kube)
        asked = len(kube.requests)
        await asyncio.sleep(3 * QUICK)
        assert len(kube.requests) == asked, "nothing is read of a server that serves"
        assert start(kube) == kept


@pytest.mark.parametrize("phase", ["Loading", "WarmingUp"])
async def test_a_step_is_in_the_status_within_five_seconds_at_the_real_pace(kube, operator, phase):
    async with operator():
        await begun(kube)
        await eventually(lambda: reads(kube))
        await asyncio.sleep(0.1)
        says(kube, STORY[phase])
        await eventually(lambda: status(kube)["phase"] == phase, within=FIVE)


async def test_a_bar_costs_one_write_in_five_seconds(kube, operator):
    async with operator():
        await begun(kube)
        says(kube, STORY["Loading"])
        await eventually(lambda: status(kube)["phase"] == "Loading")
        started, before = time.monotonic(), len(written(kube))
        shard = 0
        while time.monotonic() - started < 2 * FIVE + 1:
            shard += 1
            says(kube, BAR.format(shard))
            await asyncio.sleep(0.2)
        assert 1 <= len(written(kube)) - before <= 3
        assert status(kube)["progress"].startswith("loading weights ")


async def test_the_first_read_is_of_the_head_and_later_ones_are_of_what_is_new(kube, operator):
    async with operator() as app:
        app.listener.pace = QUICK
        await begun(kube)
        says(kube, STORY["Loading"], at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
        await eventually(lambda: status(kube)["phase"] == "Loading")
        await eventually(lambda: "sinceTime" in reads(kube)[-1].query)
        first, *_, last = reads(kube)
        assert first.path == "/api/v1/namespaces/default/pods/m-1/log"
        common = {"container": "server", "timestamps": "true"}
        assert first.query == {**common, "limitBytes": "65536"}
        assert {**last.query, "sinceTime": ""} == {
            **common,
            "sinceTime": "",
            "tailLines": "100",
            "limitBytes": "16384",
        }


async def test_an_operator_that_starts_anew_in_the_middle_loses_nothing(kube, operator):
    async with operator() as app:
        app.listener.pace = QUICK
        await begun(kube, began=utc_now() - timedelta(seconds=30))
        says(kube, STORY["Loading"], at=utc_now() - timedelta(seconds=10))
        await eventually(lambda: status(kube)["phase"] == "Loading")
        await quiet(kube, seconds=0.2)
    kube.faults.append(slow := Fault(path="/log", delay=1.0))
    told = status(kube)
    async with operator() as app:
        app.listener.pace = QUICK
        await eventually(lambda: slow.met)
        assert status(kube) == told
        says(kube, STORY["Compiling"])
        await eventually(lambda: status(kube)["phase"] == "Compiling")
        assert start(kube)["timings"]["Starting"] == told["startup"]["timings"]["Starting"]


async def test_a_server_that_is_found_ready_is_read_once(kube, operator):
    async with operator():
        kube.create(a_model())
        await eventually(lambda: kube.find("Deployment", "m"))
    began = utc_now() - timedelta(seconds=60)
    starts(kube, began=began)
    for count, line in enumerate(STORY.values(), start=1):
        says(kube, line, at=began + timedelta(seconds=10 * count))
    serves(kube)
    async with operator() as app:
        await eventually(lambda: "Capturing" in start(kube).get("timings", {}))
        await quiet(kube)
        assert len(reads(kube)) == 1
        assert not app.listener._tasks
    async with operator():
        await quiet(kube)
        assert len(reads(kube)) == 1, "it is known by now"


async def test_a_run_after_a_crash_is_read_from_its_beginning(kube, operator):
    async with operator() as app:
        app.listener.pace = QUICK
        await begun(kube)
        says(kube, STORY["Capturing"])
        await eventually(lambda: status(kube)["phase"] == "Capturing")
        pod = copy.deepcopy(starts(kube))
        (server,) = pod["status"]["containerStatuses"]
        ended = {"exitCode": 1, "reason": "Error", "finishedAt": stamp(utc_now())}
        server |= {"restartCount": 1, "lastState": {"terminated": ended}}
        server["state"]["running"]["startedAt"] = stamp(utc_now() + timedelta(seconds=1))
        kube.put(pod)
        await eventually(lambda: start(kube)["phase"] == "Starting")
        says(kube, STORY["Loading"])
        await eventually(lambda: start(kube)["phase"] == "Loading")
        assert "Capturing" not in start(kube)["timings"]


async def test_a_stall_is_told_and_ends_by_itself(kube, operator):
    async with operator() as app:
        app.listener.pace = QUICK
        await begun(kube, began=utc_now() - timedelta(hours=2))
        says(kube, STORY["Loading"], at=utc_now() - timedelta(hours=1))
        last = f"the last one: {STORY['Loading']}; "
        await eventually(lambda: last in condition(kube, "Ready")["message"])
        assert condition(kube, "Ready")["reason"] == "Stalled"
        assert condition(kube, "Progressing")["status"] == "False"
        assert status(kube)["phase"] == "Loading"
        says(kube, "still here")
        await eventually(lambda: condition(kube, "Ready")["reason"] == "Starting")
        assert condition(kube, "Progressing")["status"] == "True"


async def test_a_stall_is_noticed_though_nothing_happens(kube, operator):
    async with operator() as app:
        app.listener.pace = QUICK
        await begun(kube, began=utc_now() - timedelta(hours=2))
        says(kube, STORY["Loading"], at=utc_now() - timedelta(seconds=897))
        await eventually(lambda: status(kube)["phase"] == "Loading")
        assert condition(kube, "Ready")["reason"] == "Starting"
        await eventually(lambda: condition(kube, "Ready")["reason"] == "Stalled")


async def test_without_the_right_to_read_logs_it_is_starting_and_no_more(kube, operator):
    words = 'pods "m-1" is forbidden: User "x" cannot get resource "pods/log"'
    refusal = Fault(path="/log", status=403, message=words)
    kube.faults.append(refusal)
    async with operator() as app:
        app.listener.pace = 0.05
        await begun(kube, began=utc_now() - timedelta(hours=5))
        await eventually(lambda: refusal.met)
        await quiet(kube)
        assert status(kube)["phase"] == "Starting"
        assert start(kube)["phase"] == "Starting"
        assert condition(kube, "Ready")["reason"] == "Starting"
        assert refusal.met == 1


SILENT = {"startup": {"stallSeconds": 10}}


async def began_long_ago(kube, **spec):
    kube.create(a_model(**spec))
    await eventually(lambda: kube.find("Deployment", "m"))
    starts(kube, began=utc_now() - timedelta(hours=2))


@pytest.mark.parametrize("spec", [SILENT, {}])
async def test_a_server_that_has_said_nothing_at_all_is_told_till_it_does(kube, operator, spec):
    async with operator() as app:
        app.listener.pace = QUICK
        await began_long_ago(kube, **spec)
        await eventually(lambda: condition(kube, "Ready").get("reason") == "Stalled")
        assert (
            "nothing in its log since its container began at"
            in condition(kube, "Ready")["message"]
        )
        assert condition(kube, "Progressing")["status"] == "False"
        assert status(kube)["progress"] == "starting, but nothing is in its log"
        says(kube, "here I am")
        await eventually(lambda: condition(kube, "Ready")["reason"] == "Starting")


async def test_an_engine_of_the_users_own_may_be_silent(kube, operator):
    async with operator() as app:
        app.listener.pace = QUICK
        server = {"engine": "Custom", "command": ["sleep", "10000"]}
        await began_long_ago(kube, server=server)
        await eventually(lambda: len(reads(kube)) > 3)
        assert condition(kube, "Ready")["reason"] == "Starting"
        kube.patch("FlagOSModel", "m", {"spec": SILENT})
        await eventually(lambda: condition(kube, "Ready")["reason"] == "Stalled")
