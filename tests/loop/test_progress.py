"""How far a download is: read from logs by a running operator, told in few writes."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import logging
import time

from tests.loop.fakekube import Fault
from tests.loop.running import (
    a_downloaded_model,
    a_downloading_pod,
    a_model,
    condition,
    eventually,
    quiet,
    reason,
    status,
    template,
)

TOTAL = 1_000_000
FIVE = 5.0  # seconds
QUICK = 0.4  # seconds between two looks, where the real pace would only take longer
COMPLETE = '{"reason":"Complete","revision":"master","totalBytes":1000000,"digest":"sha256:c0"}'


def line(done):
    return f"downloading: {done} B of {TOTAL} B ({100 * done // TOTAL}%) [{done}/{TOTAL}]\n"


async def downloads(kube, *names, node="n1"):
    """Models whose pods download; each has said how far it is."""
    for name in names:
        kube.create(a_downloaded_model(name))
    for name in names:
        await eventually(lambda n=name: kube.find("Deployment", n), within=60)
        kube.logs[f"{name}-1", "fetch"] = line(1)
        pod = a_downloading_pod(f"{name}-1", model=name, template=template(kube, name), node=node)
        kube.put(pod)


@contextlib.asynccontextmanager
async def lines(kube, name="m", *, every=0.02):
    """More and more lines, as a download writes them, but a hundred times as many."""

    async def write():
        for done in range(1, TOTAL):
            kube.logs[f"{name}-1", "fetch"] += line(done)
            await asyncio.sleep(every)

    writing = asyncio.create_task(write())
    try:
        yield
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)


def weights(kube, name="m"):
    return status(kube, name).get("weights", {})


def reads(kube):
    return kube.asked("GET", "/log")


def written(kube, name="m"):
    return kube.asked("PATCH", f"/flagosmodels/{name}/status")


def completed(pod, *, total=TOTAL):
    pod = copy.deepcopy(pod)
    (fetch,) = pod["status"]["initContainerStatuses"]
    message = COMPLETE.replace(str(TOTAL), str(total))
    ended = {"exitCode": 0, "reason": "Completed", "message": message}
    fetch |= {"state": {"terminated": ended}, "ready": True}
    return pod


async def test_bytes_are_told_and_then_followed(kube, operator):
    async with operator() as app:
        app.listener.pace = QUICK
        await downloads(kube, "m")
        await eventually(lambda: weights(kube).get("percent") == 0)
        kube.logs["m-1", "fetch"] += line(570_000)
        await eventually(lambda: status(kube)["progress"].startswith("downloading 57%"))
        for name, value in (("weights_downloaded_bytes", 570_000), ("weights_bytes", TOTAL)):
            labels = {"namespace": "default", "model": "m"}
            found = app.metrics.registry.get_sample_value(f"flagos_model_{name}", labels)
            assert found == value
        assert weights(kube)["downloadedBytes"] == 570_000
        assert reason(kube) == "Downloading"


async def test_however_many_lines_come_there_is_one_read_and_one_write_in_five_seconds(
    kube, operator
):
    async with operator():
        await downloads(kube, "m")
        async with lines(kube):
            await eventually(lambda: weights(kube).get("downloadedBytes"))
            started, before, asked = time.monotonic(), len(written(kube)), len(reads(kube))
            seen = set()
            while time.monotonic() - started < 3 * FIVE + 1:
                seen.add(weights(kube)["downloadedBytes"])
                await asyncio.sleep(0.05)
            writes = len(written(kube)) - before
            assert 2 <= writes <= 3
            assert len(reads(kube)) - asked == writes
            assert len(seen) == writes + 1


async def test_a_read_asks_for_a_few_lines_of_one_container(kube, operator):
    async with operator():
        await downloads(kube, "m")
        await eventually(lambda: weights(kube).get("phase"))
        (read,) = reads(kube)
        assert read.path == "/api/v1/namespaces/default/pods/m-1/log"
        assert read.query == {
            "container": "fetch",
            "previous": "false",
            "tailLines": "40",
            "limitBytes": "32768",
        }


async def test_what_others_cause_is_told_at_once_meanwhile(kube, operator):
    async with operator():
        await downloads(kube, "m")
        async with lines(kube):
            await eventually(lambda: weights(kube).get("downloadedBytes"))
            kube.patch("FlagOSModel", "m", {"spec": {"service": {"port": 9000}}})
            await eventually(lambda: status(kube)["observedGeneration"] == 2, within=FIVE / 2)


async def test_nothing_is_read_or_written_at_rest_and_once_all_is_there(kube, operator):
    async with operator() as app:
        app.listener.pace = QUICK
        kube.create(a_model("in-place"))
        await downloads(kube, "m")
        await eventually(lambda: weights(kube).get("phase"))
        pod = kube.find("Pod", "m-1")
        kube.put(completed(pod))
        await eventually(lambda: condition(kube, "WeightsReady")["status"] == "True")
        assert weights(kube) == {
            "source": "modelscope:a/b",
            "revision": "master",
            "totalBytes": TOTAL,
            "digest": "sha256:c0",
        }
        await quiet(kube)
        asked = len(kube.requests)
        await asyncio.sleep(4 * QUICK)
        assert len(kube.requests) == asked
        assert not app.listener._tasks


async def test_a_download_that_stands_still_costs_no_write(kube, operator):
    async with operator() as app:
        app.listener.pace = QUICK
        await downloads(kube, "m")
        await eventually(lambda: weights(kube).get("phase"))
        await asyncio.sleep(2 * QUICK)
        before, asked = len(written(kube)), len(reads(kube))
        for _ in range(20):
            kube.logs["m-1", "fetch"] += line(1)
            await asyncio.sleep(QUICK / 5)
        assert len(reads(kube)) > asked
        assert len(written(kube)) == before


async def test_a_hub_that_does_not_answer_is_told_while_it_is_asked_again(kube, operator):
    async with operator():
        await downloads(kube, "m")
        words = "cannot reach hub.example.com: connection refused; trying again in"
        kube.logs["m-1", "fetch"] = f"listing: a/b\n{words} 8.0 s\n"
        await eventually(lambda: status(kube).get("progress") == f"{words} 8 s")
        assert condition(kube, "WeightsReady")["message"].endswith(f"{words} 8 s")
        assert reason(kube) == "Downloading"


async def test_what_a_failed_download_told_stays_until_the_next_run_gets_on(kube, operator):
    async with operator() as app:
        app.listener.pace = QUICK
        await downloads(kube, "m")
        kube.logs["m-1", "fetch"] = "listing: a/b\n"
        failed_once(kube.find("Pod", "m-1"), kube)
        await eventually(lambda: reason(kube) == "SourceUnreachable")
        await eventually(lambda: weights(kube).get("phase") == "Listing")
        await quiet(kube)
        assert reason(kube) == "SourceUnreachable"
        assert status(kube)["progress"] == "the hub does not answer, restarted once"
        kube.logs["m-1", "fetch"] += line(570_000)
        await eventually(lambda: reason(kube) == "Downloading")
        events = [each["reason"] for each in kube.all("Event")]
        assert events.count("SourceUnreachable") == 1


def failed_once(pod, kube):
    """The kubelet has begun the download anew, and says how the first run ended."""
    fetch = pod["status"]["initContainerStatuses"][0]
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    said = json.dumps({"reason": "SourceUnreachable", "message": "cannot reach hub.example.com"})
    ended = {"exitCode": 10, "reason": "Error", "message": said}
    ended |= {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:05:00Z"}
    again = {"restartCount": 1, "lastState": {"terminated": ended}}
    again |= {"state": {"running": {"startedAt": now}}}
    kube.put(pod | {"status": {**pod["status"], "initContainerStatuses": [fetch | again]}})


async def test_an_operator_that_starts_anew_keeps_what_is_told_and_goes_on(kube, operator):
    async with operator():
        await downloads(kube, "m")
        await eventually(lambda: weights(kube).get("phase"))
        await quiet(kube)
    kube.faults.append(slow := Fault(path="/log", delay=1.0))
    before, told = len(written(kube)), status(kube)
    async with operator():
        await eventually(lambda: slow.met)
        assert status(kube) == told
        kube.logs["m-1", "fetch"] += line(570_000)
        await eventually(lambda: weights(kube)["percent"] == 57)
        assert len(written(kube)) == before + 1


async def test_nodes_that_do_not_answer_hold_up_nobody(kube, operator):
    """With a single worker: no pass waits for a log."""
    async with operator(workers=1) as app:
        app.listener.pace = QUICK
        dead = Fault(path="/pods/dead", delay=30)
        kube.faults.append(dead)
        await downloads(kube, *(f"dead-{n}" for n in range(20)), node="dead")
        await downloads(kube, "m", node="alive")
        await eventually(lambda: dead.met)
        async with lines(kube):
            await eventually(lambda: weights(kube).get("downloadedBytes", 0) > 1)
            first = weights(kube)["downloadedBytes"]
            await eventually(lambda: weights(kube)["downloadedBytes"] > first, within=3 * QUICK)
            kube.create(a_model("new"))
            await eventually(lambda: status(kube, "new"), within=1)
        assert status(kube, "dead-0")["progress"] == "downloading weights"


async def test_without_the_right_to_read_logs_the_status_is_true_and_nobody_shouts(
    kube, operator, caplog
):
    words = 'pods "m-1" is forbidden: User "x" cannot get resource "pods/log"'
    refusal = Fault(path="/log", status=403, message=words)
    kube.faults.append(refusal)
    async with operator() as app:
        app.listener.pace = 0.05
        caplog.set_level(logging.WARNING)
        await downloads(kube, "m")
        await eventually(lambda: refusal.met)
        await eventually(lambda: status(kube).get("progress") == "downloading weights")
        await quiet(kube)
        assert reason(kube) == "Downloading"
        assert "phase" not in weights(kube)
        await asyncio.sleep(2)
        assert refusal.met == 1
        assert len([r for r in caplog.records if "progress of downloads" in r.getMessage()]) == 1


async def test_many_downloads_leave_the_edits_of_others_their_pace(kube, operator):
    """Progress goes behind what a user has asked for."""
    names = [f"m-{number}" for number in range(100)]
    async with operator(workers=4) as app:
        await downloads(kube, *names)
        await eventually(
            lambda: all(weights(kube, name).get("phase") for name in names), within=60
        )
        app.listener.pace = QUICK

        async def write():
            for done in range(2, TOTAL):
                for name in names:
                    kube.logs[f"{name}-1", "fetch"] = line(done)
                await asyncio.sleep(QUICK / 2)

        writing = asyncio.create_task(write())
        await eventually(lambda: weights(kube, names[-1])["downloadedBytes"] > 1, within=30)
        for number in range(5):
            kube.create(a_model(f"new-{number}"))
            await eventually(lambda n=number: status(kube, f"new-{n}"), within=2)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)


async def test_a_download_larger_than_its_devices_is_told_before_the_server_dies_of_it(
    kube, operator
):
    """In Ready while it lasts, in UpToDate until a server proves it wrong."""
    large = 90 * 2**30
    async with operator():
        kube.create(a_downloaded_model(chip="metax", devices=1))
        await eventually(lambda: kube.find("Deployment", "m"))
        told = f"downloading: 1 B of {large} B (0%) [1/{large}]\n"
        kube.logs["m-1", "fetch"] = told
        pod = a_downloading_pod("m-1", template=template(kube))
        kube.put(pod)
        words = "the download has 90.0 GiB, more than 1 device of 64.0 GiB by the chip's profile"
        await eventually(lambda: words in condition(kube, "Ready").get("message", ""), within=20)
        assert reason(kube) == "Downloading"
        done = completed(pod, total=large)
        (server,) = done["status"]["containerStatuses"]
        server["state"] = {"running": {"startedAt": "2026-01-01T00:05:01Z"}}
        kube.put(done)
        await eventually(lambda: reason(kube) == "Starting")
        doubt = condition(kube, "UpToDate")
        assert (doubt["status"], doubt["reason"]) == ("True", "InsufficientDeviceMemory")
        assert doubt["message"].startswith(words)
        assert doubt["message"].endswith("it takes spec.devices 2 at least")
        await quiet(kube)
        events = [e for e in kube.all("Event") if e["reason"] == "InsufficientDeviceMemory"]
        assert [each["type"] for each in events] == ["Warning"]
