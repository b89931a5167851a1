"""Servers that end: the cause is read from their logs, and what ended last is not forgotten."""

from __future__ import annotations

import copy

from tests.loop.fakekube import Fault
from tests.loop.running import (
    a_model,
    a_pod,
    condition,
    eventually,
    quiet,
    reason,
    status,
    template,
)

FLAG = "vllm: error: unrecognized arguments: --no-such-flag\n"
NOISE = "INFO 11-25 02:23:01 [x.py:1] Loading\n" * 150
DEAD = "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.\n"


def ended(pod, code, *, at="2026-01-01T00:01:00Z"):
    """It has just ended by itself."""
    pod = copy.deepcopy(pod)
    (server,) = pod["status"]["containerStatuses"]
    how = {"exitCode": code, "reason": "Completed" if code == 0 else "Error", "finishedAt": at}
    server |= {"ready": False, "started": False, "state": {"terminated": how}}
    pod["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    return pod


def in_back_off(pod):
    pod = copy.deepcopy(pod)
    (server,) = pod["status"]["containerStatuses"]
    server["lastState"] = server["state"]
    server["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
    return pod


def runs_again(pod, *, restarts):
    pod = copy.deepcopy(pod)
    (server,) = pod["status"]["containerStatuses"]
    was = server["state"] if "terminated" in server["state"] else server["lastState"]
    now = {"running": {"startedAt": "2026-01-01T00:02:00Z"}}
    server |= {"lastState": was, "state": now, "restartCount": restarts}
    server |= {"ready": True, "started": True}
    pod["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    return pod


async def served(kube):
    """A model whose one pod serves."""
    kube.create(a_model())
    await eventually(lambda: status(kube))
    pod = kube.put(a_pod("m-1", template=template(kube)))
    await eventually(lambda: condition(kube, "Ready").get("status") == "True")
    return pod


async def test_the_cause_is_read_from_the_middle_of_the_log(kube, operator):
    async with operator():
        pod = await served(kube)
        kube.logs["m-1", "server"] = NOISE + FLAG + NOISE[:1000]
        kube.put(in_back_off(ended(pod, 2)))
        await eventually(lambda: reason(kube) == "InvalidArgument")
        message = condition(kube, "Ready")["message"]
        assert "exit code 2: vllm: error: unrecognized arguments: --no-such-flag" in message
        assert "spec.server.args" in message
        assert condition(kube, "Stalled")["status"] == "True"


async def test_a_crash_costs_two_reads_of_its_log_however_long_it_lasts(kube, operator):
    """As the present log, and once it is surely the previous one."""
    async with operator():
        pod = await served(kube)
        kube.logs["m-1", "server"] = FLAG
        crashed = ended(pod, 2)
        kube.put(crashed)
        await eventually(lambda: status(kube).get("lastFailure"))
        for number in range(5):
            again = in_back_off(crashed)
            again["metadata"]["annotations"]["noted"] = str(number)
            again["status"]["message"] = str(number)
            kube.put(again)
            await quiet(kube, seconds=0.1)
        asked = [each.query for each in kube.asked("GET", "/log")]
        assert [each["previous"] for each in asked if "previous" in each] == ["false", "true"]


async def test_an_engine_that_died_with_exit_code_0_failed_and_leaves_a_trace(kube, operator):
    async with operator():
        pod = await served(kube)
        kube.logs["m-1", "server"] = NOISE + DEAD
        kube.put(ended(pod, 0))
        await eventually(lambda: reason(kube) == "EngineDied")
        kube.put(runs_again(ended(pod, 0), restarts=1))
        await eventually(lambda: condition(kube, "Ready").get("status") == "True")
        assert status(kube)["progress"] == "1/1 replicas ready, restarted once (EngineDied)"
        last = status(kube)["lastFailure"]
        assert (last["reason"], last["exitCode"], last["pod"]) == ("EngineDied", 0, "m-1")
        assert "EngineDeadError" in last["message"]
    async with operator():
        await quiet(kube)
        assert status(kube)["lastFailure"] == last, "a new operator knows no better"


async def test_a_log_that_cannot_be_had_leaves_the_exit_code(kube, operator):
    async with operator():
        pod = await served(kube)
        kube.faults.append(Fault(method="GET", path="/log", status=500))
        kube.put(in_back_off(ended(pod, 1)))
        await eventually(lambda: reason(kube) == "CrashLoop")
        assert "ended with exit code 1" in condition(kube, "Ready")["message"]
        await quiet(kube)
        assert len(kube.asked("GET", "/log")) <= 4, "a node that is gone is not asked for ever"
