"""Directories on a claim of the user's that go with their model, and those that stay."""

from __future__ import annotations

import pytest

from tests.loop.fakekube import Fault
from tests.loop.running import (
    a_downloaded_model,
    a_model,
    condition,
    eventually,
    quiet,
    reason,
    served,
    status,
)

ON_A_CLAIM = {"persistentVolumeClaim": {"claimName": "shared"}, "directory": "m"}
REMOVED = {**ON_A_CLAIM, "reclaimPolicy": "Delete"}
NO_RIGHT = Fault(
    method="GET",
    path="/jobs",
    status=403,
    reason="Forbidden",
    message='jobs.batch is forbidden: User "me" cannot list resource "jobs"',
)


@pytest.fixture(autouse=True)
async def claim(kube):
    """Of the user's own; and Jobs that take as long as a test likes."""
    kube.storage.runs_jobs = False
    meta = {"name": "shared", "namespace": "default"}
    kube.create({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta})


def jobs(kube, model="m"):
    found = kube.all("Job")
    return [each for each in found if each["metadata"]["labels"]["flagos.io/model"] == model]


def running(kube, model="m"):
    return [each for each in jobs(kube, model) if not each["spec"]["suspend"]]


def removals(kube):
    """How often a Job was let loose, whatever became of it."""
    told = [change for change in kube.storage.history if change.id.plural == "jobs"]
    awake = [change for change in told if not change.body["spec"]["suspend"]]
    return len({change.id for change in awake})


def end(kube, job, how="Complete"):
    told = {"conditions": [{"type": how, "status": "True", "message": "because"}]}
    kube.patch("Job", job["metadata"]["name"], {"status": told})


# Directories on a claim that is the user's


async def test_a_job_sleeps_beside_a_model_that_is_to_take_its_weights_along(kube, operator):
    async with operator():
        model = kube.create(a_downloaded_model(weights=REMOVED))
        await served(kube)
        (job,) = jobs(kube)
        assert job["spec"]["suspend"] is True
        assert "ownerReferences" not in job["metadata"]
        assert job["metadata"]["annotations"] == {"flagos.io/model-uid": model["metadata"]["uid"]}
        (mount,) = job["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
        assert mount["subPath"] == "m"


async def test_it_wakes_when_the_model_and_its_pods_are_gone(kube, operator):
    async with operator():
        kube.create(a_downloaded_model(weights=REMOVED))
        await served(kube)
        kube.storage.collects = False
        kube.delete("FlagOSModel", "m")
        await quiet(kube)
        assert not running(kube), "its pods may still read"
        kube.delete("Deployment", "m")
        await eventually(lambda: running(kube))


async def test_a_deletion_while_the_operator_was_away_is_made_up_for(kube, operator):
    async with operator():
        kube.create(a_downloaded_model(weights=REMOVED))
        await served(kube)
    kube.delete("FlagOSModel", "m")
    await eventually(lambda: not kube.find("Deployment", "m"))
    async with operator():
        await eventually(lambda: running(kube))


@pytest.mark.parametrize(
    "other",
    [
        a_downloaded_model("n", weights=ON_A_CLAIM),
        a_downloaded_model("n", weights={**ON_A_CLAIM, "directory": "m/n"}),
        a_model("n", source={"persistentVolumeClaim": {"claimName": "shared"}}),
        a_model("n", source={"persistentVolumeClaim": {"claimName": "shared", "path": "m/x"}}),
        a_model(
            "n",
            pod={"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "shared"}}]},
        ),
    ],
    ids=["the same", "inside", "the whole volume", "in place", "as it likes"],
)
async def test_a_directory_that_another_model_uses_is_kept(kube, operator, other):
    async with operator():
        kube.create(a_downloaded_model(weights=REMOVED))
        kube.create(other)
        await served(kube)
        await served(kube, "n")
        kube.delete("FlagOSModel", "m")
        await eventually(lambda: not jobs(kube))
        assert removals(kube) == 0
        assert reason(kube, "n") == "Pending"


@pytest.mark.parametrize("place", [{"directory": "mm"}, {"directory": "x/m"}])
async def test_a_directory_beside_it_does_not_count(kube, operator, place):
    async with operator():
        kube.create(a_downloaded_model(weights=REMOVED))
        kube.create(a_downloaded_model("n", weights={**ON_A_CLAIM, **place}))
        await served(kube)
        await served(kube, "n")
        kube.delete("FlagOSModel", "m")
        await eventually(lambda: running(kube))


async def test_the_last_of_two_takes_the_directory_along(kube, operator):
    async with operator():
        for name in ("m", "n"):
            kube.create(a_downloaded_model(name, weights=REMOVED))
            await served(kube, name)
        kube.delete("FlagOSModel", "m")
        await eventually(lambda: not jobs(kube, "m"))
        kube.delete("FlagOSModel", "n")
        await eventually(lambda: running(kube, "n"))


async def test_a_model_that_cannot_be_read_is_waited_for(kube, operator):
    async with operator():
        kube.create(a_downloaded_model(weights=REMOVED))
        kube.create(a_downloaded_model("n", chip="unheard-of", weights=ON_A_CLAIM))
        await served(kube)
        kube.delete("FlagOSModel", "m")
        await eventually(lambda: not kube.find("Deployment", "m"))
        await quiet(kube)
        assert [job["spec"]["suspend"] for job in jobs(kube)] == [True]
        kube.patch("FlagOSModel", "n", {"spec": {"weights": {"directory": "elsewhere"}}})
        await quiet(kube)
        assert [job["spec"]["suspend"] for job in jobs(kube)] == [True]
        kube.patch("FlagOSModel", "n", {"spec": {"chip": "cpu"}})
        await eventually(lambda: running(kube))


async def test_what_runs_counts_though_an_edit_says_otherwise(kube, operator):
    """The edit did not get through: the pods are still those of before."""
    async with operator():
        for name in ("m", "n"):
            kube.create(a_downloaded_model(name, weights=REMOVED))
            await served(kube, name)
        kube.patch("FlagOSModel", "n", {"spec": {"chip": "unheard-of"}})
        kube.patch("FlagOSModel", "n", {"spec": {"weights": {"directory": "elsewhere"}}})
        await quiet(kube)
        kube.delete("FlagOSModel", "m")
        await eventually(lambda: not jobs(kube, "m"))
        assert removals(kube) == 0


async def test_a_model_that_comes_back_has_its_directory_back(kube, operator):
    async with operator():
        kube.create(a_downloaded_model(weights=REMOVED))
        await served(kube)
    (before,) = jobs(kube)
    kube.delete("FlagOSModel", "m")
    model = kube.create(a_downloaded_model(weights=REMOVED))
    async with operator():
        await eventually(lambda: kube.find("Deployment", "m"))
        await quiet(kube)
        (job,) = jobs(kube)
        assert job["metadata"]["uid"] != before["metadata"]["uid"]
        assert job["metadata"]["annotations"] == {"flagos.io/model-uid": model["metadata"]["uid"]}
        assert removals(kube) == 0


async def test_a_model_that_comes_back_elsewhere_leaves_the_old_directory_to_its_job(
    kube, operator
):
    async with operator():
        kube.create(a_downloaded_model(weights=REMOVED))
        await served(kube)
    kube.delete("FlagOSModel", "m")
    kube.create(a_downloaded_model(weights={**REMOVED, "directory": "new"}))
    async with operator():
        await served(kube)
        await eventually(lambda: running(kube))
        assert len(jobs(kube)) == 2


@pytest.mark.parametrize("how", ["Complete", "Failed"])
async def test_who_wants_the_directory_waits_until_the_removal_is_over(kube, operator, how):
    async with operator():
        kube.create(a_downloaded_model(weights=REMOVED))
        await served(kube)
        kube.delete("FlagOSModel", "m")
        (job,) = await eventually(lambda: running(kube))
        kube.create(a_downloaded_model("n", weights=ON_A_CLAIM))
        await eventually(lambda: reason(kube, "n") == "Reclaiming")
        await quiet(kube)
        assert kube.find("Deployment", "n") is None
        assert job["metadata"]["name"] in condition(kube, "Ready", "n")["message"]
        assert condition(kube, "Progressing", "n")["status"] == "True"
        assert status(kube, "n")["phase"] == "Pending"
        end(kube, job, how)
        await eventually(lambda: kube.find("Deployment", "n"))
        await eventually(lambda: reason(kube, "n") == "Pending")


async def test_nobody_looks_at_weights_that_are_being_removed(kube, operator):
    async with operator():
        kube.create(a_downloaded_model(weights=REMOVED))
        await served(kube)
        kube.delete("FlagOSModel", "m")
        await eventually(lambda: running(kube))
        other = a_downloaded_model("n", weights=ON_A_CLAIM)
        other["metadata"]["annotations"] = {"flagos.io/verify-weights": "today"}
        kube.create(other)
        await eventually(lambda: reason(kube, "n") == "Reclaiming")
        assert jobs(kube, "n") == []


async def test_who_waits_for_a_removal_goes_on_when_somebody_deletes_its_job(kube, operator):
    async with operator():
        kube.create(a_downloaded_model(weights=REMOVED))
        await served(kube)
        kube.delete("FlagOSModel", "m")
        (job,) = await eventually(lambda: running(kube))
        kube.create(a_downloaded_model("n", weights=ON_A_CLAIM))
        await eventually(lambda: reason(kube, "n") == "Reclaiming")
        kube.delete("Job", job["metadata"]["name"])
        await eventually(lambda: kube.find("Deployment", "n"))


async def test_a_model_that_comes_while_the_job_is_being_woken_waits_too(kube, operator):
    """The answer is under way: the store still has a Job that sleeps."""
    async with operator():
        kube.create(a_downloaded_model(weights=REMOVED))
        await served(kube)
        slow = Fault(method="PATCH", path="/jobs/", delay=0.5)
        kube.faults.append(slow)
        kube.delete("FlagOSModel", "m")
        await eventually(lambda: slow.met)
        kube.create(a_downloaded_model("n", weights=ON_A_CLAIM))
        await eventually(lambda: reason(kube, "n") == "Reclaiming")
        assert kube.find("Deployment", "n") is None
        await eventually(lambda: running(kube))


async def test_a_model_that_moves_into_the_directory_serves_on_where_it_was(kube, operator):
    async with operator():
        kube.create(a_downloaded_model(weights=REMOVED))
        kube.create(a_downloaded_model("n", weights={**ON_A_CLAIM, "directory": "n"}))
        await served(kube)
        await served(kube, "n")
        kube.delete("FlagOSModel", "m")
        (job,) = await eventually(lambda: running(kube))
        before = kube.find("Deployment", "n")["metadata"]["generation"]
        kube.patch("FlagOSModel", "n", {"spec": {"weights": {"directory": "m"}}})
        await eventually(lambda: reason(kube, "n") == "Reclaiming")
        assert kube.find("Deployment", "n")["metadata"]["generation"] == before
        end(kube, job)
        await eventually(lambda: kube.find("Deployment", "n")["metadata"]["generation"] > before)


async def test_who_changes_his_mind_keeps_the_weights(kube, operator):
    async with operator():
        kube.create(a_downloaded_model(weights=REMOVED))
        await served(kube)
        kube.patch("FlagOSModel", "m", {"spec": {"weights": {"reclaimPolicy": "Retain"}}})
        await eventually(lambda: not jobs(kube))
        kube.delete("FlagOSModel", "m")
        await eventually(lambda: not kube.find("Deployment", "m"))
        await quiet(kube)
        assert removals(kube) == 0


async def test_a_directory_that_was_left_is_not_removed_later(kube, operator):
    async with operator():
        kube.create(a_downloaded_model(weights=REMOVED))
        await served(kube)
        kube.patch("FlagOSModel", "m", {"spec": {"weights": {"directory": "new"}}})
        await eventually(lambda: [_directory(job) for job in jobs(kube)] == ["new"])
        assert removals(kube) == 0


async def test_a_claim_that_is_gone_has_nothing_to_remove(kube, operator):
    """The Job's pod would wait for it for ever."""
    async with operator():
        kube.create(a_downloaded_model(weights=REMOVED))
        await served(kube)
        kube.delete("PersistentVolumeClaim", "shared")
        kube.delete("FlagOSModel", "m")
        await eventually(lambda: not jobs(kube))
        assert removals(kube) == 0


async def test_an_upgrade_of_the_operator_makes_no_job_anew(kube, operator):
    async with operator():
        kube.create(a_downloaded_model(weights=REMOVED))
        await served(kube)
    before = kube.storage.version
    async with operator(operator_image="registry.local/operator:2"):
        await quiet(kube)
        assert kube.storage.version == before


async def test_a_removal_runs_with_the_image_of_the_operator_that_orders_it(kube, operator):
    """That of years ago may be in no registry any more."""
    async with operator():
        kube.create(a_downloaded_model(weights=REMOVED))
        await served(kube)
    async with operator(operator_image="registry.local/operator:2"):
        kube.delete("FlagOSModel", "m")
        (job,) = await eventually(lambda: running(kube))
        await eventually(lambda: len(jobs(kube)) == 1)
        assert _image(job) == "registry.local/operator:2"
        assert _directory(job) == "m"
        kube.create(a_downloaded_model("n", weights=ON_A_CLAIM))
        await eventually(lambda: reason(kube, "n") == "Reclaiming")


async def test_a_job_whose_waking_failed_is_woken_again(kube, operator):
    async with operator():
        kube.create(a_downloaded_model(weights=REMOVED))
        await served(kube)
        kube.faults.append(Fault(method="PATCH", path="/jobs/", status=500, times=2))
        kube.delete("FlagOSModel", "m")
        await eventually(lambda: running(kube))


def _directory(job):
    return job["spec"]["template"]["spec"]["containers"][0]["volumeMounts"][0]["subPath"]


def _image(job):
    return job["spec"]["template"]["spec"]["containers"][0]["image"]


# An operator that may not see Jobs


async def test_without_rights_on_jobs_all_other_models_are_served(kube, operator):
    kube.faults.append(NO_RIGHT)
    async with operator(watched=6) as app:
        kube.create(a_downloaded_model())
        await served(kube)
        assert reason(kube) == "Pending"
        assert [kind.name for kind in app.resync.readable].count("Job") == 0


async def test_rights_that_come_later_are_made_use_of(kube, operator):
    kube.faults.append(NO_RIGHT)
    async with operator(watched=6, resync_seconds=1.0) as app:
        kube.faults.clear()
        await eventually(lambda: any("watch" in r.query for r in kube.asked("GET", "/jobs")))
        assert "Job" in [kind.name for kind in app.resync.readable]
