"""A look at the weights on demand: asked by an annotation, made by a Job, told by the status."""

from __future__ import annotations

import json

import pytest

from tests.loop.running import a_downloaded_model, eventually, quiet, status

CLAIM = {"volumeClaimTemplate": {"size": "1Gi"}}
REPAIRED = {"reason": "Complete", "how": "repaired", "files": 2, "repaired": ["a.bin"]}


@pytest.fixture(autouse=True)
async def jobs_take_as_long_as_a_test_likes(kube):
    kube.storage.runs_jobs = False


def ask(kube, text):
    annotations = {"flagos.io/verify-weights": text}
    kube.patch("FlagOSModel", "m", {"metadata": {"annotations": annotations}})


def names(kube):
    return {job["metadata"]["name"] for job in kube.all("Job")}


def end(kube, name, *, message=REPAIRED, how="Complete"):
    labels = {"batch.kubernetes.io/job-name": name}
    ended = {"exitCode": 0, "message": json.dumps(message)}
    kube.put(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"{name}-x", "namespace": "default", "labels": labels},
            "status": {
                "phase": "Succeeded",
                "containerStatuses": [{"name": "fetch", "state": {"terminated": ended}}],
            },
        }
    )
    kube.patch("Job", name, {"status": {"conditions": [{"type": how, "status": "True"}]}})


def result(kube):
    return status(kube).get("weights", {}).get("verificationResult")


async def asked_for(kube, text="today"):
    await eventually(lambda: status(kube))
    await quiet(kube)
    before = names(kube)
    ask(kube, text)
    (name,) = await eventually(lambda: names(kube) - before)
    return name


async def test_a_look_is_made_once_and_told(kube, operator):
    async with operator():
        kube.create(a_downloaded_model(weights=CLAIM))
        name = await asked_for(kube)
        generation = kube.find("Deployment", "m")["metadata"]["generation"]
        end(kube, name)
        await eventually(lambda: result(kube) == "fetched again: a.bin")
        await quiet(kube)
        assert kube.find("Deployment", "m")["metadata"]["generation"] == generation
        assert "WeightsRepaired" in {event["reason"] for event in kube.all("Event")}
        kube.delete("Job", name)  # as Kubernetes does after a while
        await quiet(kube)
        assert names(kube) == set()
    before = kube.storage.version
    async with operator():
        await quiet(kube)
        assert kube.storage.version == before, "it was made anew"


async def test_another_text_asks_again(kube, operator):
    async with operator():
        kube.create(a_downloaded_model(weights=CLAIM))
        first = await asked_for(kube)
        end(kube, first)
        await eventually(lambda: result(kube))
        second = await asked_for(kube, "tomorrow")
        await eventually(lambda: names(kube) == {second})
        end(kube, second, message={"reason": "Complete", "files": 2})
        await eventually(lambda: result(kube) == "all 2 files are as recorded")


async def test_a_look_that_ended_while_the_operator_was_away_is_told(kube, operator):
    async with operator():
        kube.create(a_downloaded_model(weights=CLAIM))
        name = await asked_for(kube)
    end(kube, name)
    async with operator():
        await eventually(lambda: result(kube) == "fetched again: a.bin")


async def test_who_asks_no_more_has_no_job(kube, operator):
    async with operator():
        kube.create(a_downloaded_model(weights=CLAIM))
        await asked_for(kube)
        ask(kube, None)
        await eventually(lambda: not names(kube))


async def test_an_annotation_that_comes_with_a_written_status_is_seen(kube, operator, monkeypatch):
    """The answer to the write has it already, so its own event is no news."""
    write = kube.storage.apply

    def late(*args, subresource="", **rest):
        if subresource and not names(kube):
            ask(kube, "today")
        return write(*args, subresource=subresource, **rest)

    async with operator():
        kube.create(a_downloaded_model(weights=CLAIM))
        await eventually(lambda: status(kube))
        await quiet(kube)
        monkeypatch.setattr(kube.storage, "apply", late)
        kube.patch("FlagOSModel", "m", {"spec": {"replicas": 2}})
        await eventually(lambda: names(kube))


async def test_weights_inside_a_pod_are_told_to_be_out_of_reach(kube, operator):
    async with operator():
        kube.create(a_downloaded_model())
        await eventually(lambda: status(kube))
        ask(kube, "today")
        await eventually(lambda: "emptyDir" in (result(kube) or ""))
        await quiet(kube)
        assert names(kube) == set()
