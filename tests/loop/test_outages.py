"""The API server is away, slow, busy or refuses; afterwards all is as it should be."""

from __future__ import annotations

import itertools
import logging
import time
from datetime import UTC, datetime, timedelta

import pytest

from flagos_operator import app
from flagos_operator.cluster.kinds import Key
from tests.loop.fakekube import Fault
from tests.loop.running import (
    a_downloaded_model,
    a_model,
    condition,
    eventually,
    quiet,
    reason,
    status,
)


async def test_a_pause_that_the_server_asks_for_is_kept_by_all_models(kube, operator):
    """It throttles the account, not the call."""
    async with operator():
        await quiet(kube)
        kube.faults.append(Fault(method="PATCH", status=429, retry_after=1, times=1))
        for number in range(5):
            kube.create(a_model(f"m-{number}"))
        await eventually(lambda: kube.faults[0].met)
        since, before = time.monotonic(), len(kube.asked("PATCH"))
        await eventually(lambda: len(kube.asked("PATCH")) > before + 5)
        assert time.monotonic() - since >= 0.9
        for number in range(5):
            await eventually(lambda n=number: status(kube, f"m-{n}"))


async def test_broken_connections_heal(kube, operator):
    kube.faults.append(Fault(method="PATCH", drop=True, times=3))
    async with operator():
        kube.create(a_model())
        await eventually(lambda: status(kube) and kube.find("Deployment", "m"))
        assert kube.faults[0].met == 3


@pytest.mark.parametrize("code", [409, 500, 504])
async def test_a_status_that_was_not_taken_is_written_again(kube, operator, code):
    """Dynamo #14298, NIM #756: after a conflict the status stayed as it was."""
    refusal = Fault(method="PATCH", path="/status", status=code, reason="Conflict", times=1)
    kube.faults.append(refusal)
    async with operator():
        kube.create(a_model())
        await eventually(lambda: reason(kube) == "Pending")
        assert refusal.met == 1


async def test_expired_credentials_are_read_anew(kube, operator):
    async with operator():
        kube.faults.append(Fault(method="PATCH", status=401, times=1))
        kube.create(a_model())
        await eventually(lambda: status(kube))


async def test_a_start_without_an_api_server_waits_for_it(kube, operator):
    kube.create(a_model())
    kube.faults.append(Fault(method="GET", path="/flagosmodels", status=503, times=1))
    async with operator() as app:
        await eventually(lambda: status(kube))
        assert app.health.ready()


@pytest.mark.parametrize(
    ("refusal", "wanted"),
    [
        (
            {"status": 403, "message": 'deployments is forbidden: User "x" cannot patch'},
            "Forbidden",
        ),
        ({"status": 403, "message": "forbidden: exceeded quota: small, limited"}, "QuotaExceeded"),
        ({"status": 403, "message": "admission webhook says no"}, "PodRejected"),
        ({"status": 422, "message": "spec.template: Invalid value"}, "InvalidPod"),
        ({"status": 500, "message": "failed to create typed patch object: env"}, "InvalidPod"),
    ],
)
async def test_a_refusal_becomes_a_reason_in_the_servers_words(kube, operator, refusal, wanted):
    kube.faults.append(Fault(method="PATCH", path="/deployments/", **refusal))
    async with operator():
        kube.create(a_model())
        await eventually(lambda: reason(kube) == wanted)
        assert refusal["message"] in condition(kube, "Ready")["message"]
        assert kube.find("Service", "m"), "what came before it was applied"
        kube.faults.clear()
        kube.patch("FlagOSModel", "m", {"spec": {"replicas": 2}})
        await eventually(lambda: reason(kube) == "Pending")


async def test_an_api_server_that_does_not_know_its_rights_yet_is_no_alarm(kube, operator):
    """Just started, it refuses everybody for a second or two."""
    async with operator():
        kube.create(a_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
        told = status(kube)["conditions"]
        words = 'deployments is forbidden: User "x" cannot patch'
        kube.faults.append(Fault(method="PATCH", path="/deployments/", status=403, message=words))
        kube.patch("Deployment", "m", {"spec": {"replicas": 7}})
        await eventually(lambda: kube.faults[0].met >= 2)
        assert status(kube)["conditions"] == told
        kube.faults.clear()
        await eventually(lambda: kube.find("Deployment", "m")["spec"]["replicas"] == 1)


async def test_a_namespace_that_ends_is_no_reason(kube, operator):
    words = "forbidden: unable to create new content in namespace x because it is being terminated"
    kube.faults.append(Fault(method="PATCH", path="/deployments/", status=403, message=words))
    async with operator():
        kube.create(a_model())
        await eventually(lambda: status(kube))
        assert reason(kube) == "Pending"


async def test_nothing_is_pruned_while_an_apply_fails(kube, operator):
    async with operator():
        kube.create(a_downloaded_model())
        await eventually(lambda: kube.find("ConfigMap", "m-fetch"))
        await quiet(kube)
        fault = Fault(method="PATCH", path="/deployments/", status=422)
        kube.faults.append(fault)
        claim = {"persistentVolumeClaim": {"claimName": "shared"}, "modelscope": None}
        kube.patch("FlagOSModel", "m", {"spec": {"source": claim}})
        await eventually(lambda: fault.met)
        await quiet(kube)
        assert kube.find("ConfigMap", "m-fetch")


async def test_a_long_list_comes_in_chunks_and_starts_over_when_it_expires(kube, operator):
    for number in range(501):
        kube.create(a_model(f"m-{number:03}", chip="unheard-of"))
    expired = Fault(method="GET", path="continue=", status=410, reason="Expired", times=1)
    kube.faults.append(expired)
    async with operator() as app:
        await eventually(lambda: len(app.store) == 501)
        await eventually(lambda: reason(kube, "m-500"), within=30)
        assert expired.met == 1


async def test_in_named_namespaces_no_other_is_asked_for(kube, operator):
    async with operator(watch_namespaces=("default", "team")):
        kube.create(a_model())
        kube.create(a_model(namespace="team"))
        kube.create(a_model(namespace="foreign"))
        await eventually(lambda: status(kube) and status(kube, namespace="team"))
        await quiet(kube)
        assert not status(kube, namespace="foreign")
        objects = [r.path for r in kube.requests if r.path.count("/") > 3]
        assert objects
        assert all("/namespaces/default/" in p or "/namespaces/team/" in p for p in objects)


async def test_at_rest_there_are_no_calls_and_no_log_lines(kube, operator, caplog):
    caplog.set_level(logging.INFO, logger="flagos_operator")
    async with operator():
        kube.create(a_downloaded_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
        lines = [r for r in caplog.records if getattr(r, "changed", None)]
        assert [line.changed for line in lines] == [
            ["ControllerRevision", "ConfigMap", "Service", "Deployment", "status"]
        ]
        before, said = len(kube.requests), len(caplog.records)
        await quiet(kube, seconds=1.0)
        assert (len(kube.requests), len(caplog.records)) == (before, said)


async def test_the_event_of_an_own_status_write_leads_to_no_further_write(
    kube, operator, monkeypatch
):
    """LLMKube wrote 119 times a second: each write said "now" and woke the next pass.

    The clock leaps two seconds at each look, so that no two passes could say the same "now".
    """
    seconds = itertools.count(0, 2)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(app, "utc_now", lambda: start + timedelta(seconds=next(seconds)))
    async with operator() as running:
        for number in range(5):
            kube.create(a_downloaded_model(f"m-{number}"))
        for number in range(5):
            await eventually(lambda n=number: status(kube, f"m-{n}"))
        await quiet(kube)
        for number in range(5):
            running.queue.add(Key("default", f"m-{number}"))
        kube.create(a_model("last"))
        await eventually(lambda: status(kube, "last"))
        await quiet(kube)
        for number in range(5):
            assert len(kube.asked("PATCH", f"/m-{number}/status")) == 1


async def test_a_relist_of_an_unchanged_cluster_wakes_nobody(kube, operator):
    async with operator() as app:
        kube.create(a_downloaded_model())
        await eventually(lambda: status(kube))
        await quiet(kube)
        passes = app.metrics.reconciles.labels(result="Done")._value.get()
        before = len(kube.asked("GET", "/flagosmodels"))
        app.resync.soon()
        await eventually(lambda: len(kube.asked("GET", "/flagosmodels")) > before)
        await quiet(kube)
        assert app.metrics.reconciles.labels(result="Done")._value.get() == passes


async def test_no_credential_is_ever_logged(kube, operator, caplog):
    caplog.set_level(logging.DEBUG)
    kube.faults.append(Fault(method="PATCH", status=401, times=1))
    async with operator():
        kube.create(a_model())
        await eventually(lambda: status(kube))
    assert "not-a-secret" not in caplog.text
