"""Releases that models name: changed, gone, failed, or doubted, they are served all the same."""

from __future__ import annotations

from tests.loop.rows import (
    ROW,
    catalogue,
    now,
    of_release,
    pins,
    ready,
    restart,
    server,
    up_to_date,
    without_cpu,
)
from tests.loop.running import (
    a_model,
    condition,
    eventually,
    quiet,
    reason,
    status,
    template,
)


async def test_a_release_is_served_and_named(kube, operator):
    async with operator() as app:
        now(app, catalogue(releases={"tiny-cpu": ROW}))
        await ready(kube, of_release(server={"args": ["--enforce-eager"]}))
        line = [*server(kube)["command"], *server(kube)["args"]]
        assert line[-3:] == ["--dtype", "float32", "--enforce-eager"]
        resolved = status(kube)["resolved"]
        assert (resolved["release"], resolved["chip"]) == ("tiny-cpu", "cpu")
        assert pins(kube)[0]["data"]["release"]["name"] == "tiny-cpu"


async def test_a_changed_release_rolls_nothing_until_a_restart(kube, operator):
    async with operator() as app:
        now(app, catalogue(releases={"tiny-cpu": ROW}))
        await ready(kube, of_release())
        before = template(kube)
        other = {**ROW, "server": {"args": ["--dtype", "bfloat16"]}}
        now(app, catalogue(releases={"tiny-cpu": other}))
        await eventually(lambda: up_to_date(kube) == "ReleaseChanged")
        await quiet(kube)
        assert template(kube) == before
        await restart(kube, "2026-01-01T00:00:00Z")
        await eventually(lambda: "bfloat16" in server(kube)["args"])


async def test_a_model_goes_on_and_can_be_edited_without_its_release(kube, operator):
    async with operator() as app:
        now(app, catalogue(releases={"tiny-cpu": ROW}))
        await ready(kube, of_release())
        before = template(kube)
        now(app, catalogue())
        await eventually(lambda: up_to_date(kube) == "ReleaseGone")
        assert (template(kube), reason(kube)) == (before, "Serving")
        kube.patch("FlagOSModel", "m", {"spec": {"server": {"maxModelLen": 512}}})
        await eventually(lambda: "512" in server(kube)["args"])
        await ready(kube)
        assert up_to_date(kube) == "ReleaseGone"


async def test_a_model_goes_on_without_its_chip(kube, operator):
    async with operator() as app:
        await ready(kube, a_model())
        before = template(kube)
        now(app, without_cpu())
        await eventually(lambda: up_to_date(kube) == "ChipGone")
        assert (template(kube), reason(kube)) == (before, "Serving")


async def test_a_release_that_nobody_knows_is_told_with_those_that_sound_alike(kube, operator):
    async with operator() as app:
        now(app, catalogue(releases={"tiny-cpu": ROW}))
        kube.create({**a_model(), "spec": {"release": "tiny-cpy"}})
        await eventually(lambda: reason(kube) == "UnknownRelease")
        assert "did you mean tiny-cpu" in condition(kube, "Ready")["message"]
        assert not kube.find("Deployment", "m")


async def test_a_release_that_failed_its_test_is_served_with_a_warning(kube, operator):
    async with operator() as app:
        now(app, catalogue(releases={"tiny-cpu": {**ROW, "verdict": "Failed"}}))
        await ready(kube, of_release())
        told = condition(kube, "UpToDate")
        assert (told["status"], told["reason"]) == ("True", "ReleaseFailed")
        warnings = [e for e in kube.all("Event") if e["reason"] == "ReleaseFailed"]
        assert [each["type"] for each in warnings] == ["Warning"]


async def test_a_release_for_another_chip_is_served_with_a_warning_until_it_answers(
    kube, operator
):
    async with operator() as app:
        doubtful = {**ROW, "chip": "metax", "image": "registry.local/x-nvidia004:1", "devices": 1}
        now(app, catalogue(releases={"tiny-cpu": doubtful}))
        kube.create(of_release())
        await eventually(lambda: up_to_date(kube) == "ImageForAnotherChip")
        assert kube.find("Deployment", "m")
        assert condition(kube, "UpToDate")["status"] == "True"
        told = condition(kube, "UpToDate")["message"]
        assert "for nvidia by its name, not for metax" in told
        assert "say in spec.versions.chip which one" in told
        await quiet(kube)
        warnings = [e for e in kube.all("Event") if e["reason"] == "ImageForAnotherChip"]
        assert [each["type"] for each in warnings] == ["Warning"]
        await ready(kube)
        assert up_to_date(kube) == "Current"


async def test_a_release_too_large_for_its_devices_is_served_with_the_arithmetic(kube, operator):
    async with operator() as app:
        large = {**ROW, "chip": "metax", "devices": 1, "published": {"size": "140G"}}
        now(app, catalogue(releases={"tiny-cpu": large}))
        kube.create(of_release())
        await eventually(lambda: up_to_date(kube) == "InsufficientDeviceMemory")
        assert kube.find("Deployment", "m")
        assert condition(kube, "UpToDate")["message"] == (
            "the weights alone, 130.4 GiB by published.size, exceed 1 device of 64.0 GiB "
            "by the chip's profile; it takes spec.devices 3 at least"
        )
        kube.patch("FlagOSModel", "m", {"spec": {"devices": 3}})
        await eventually(lambda: up_to_date(kube) == "Current")
