"""Rows of chips and releases change under models that run: no pod is rolled for that."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from flagos_operator.api.outcome import Invalid
from flagos_operator.catalog.catalogue import Catalogue, Release, builtin, release_of
from tests.loop.fakekube.faults import Fault
from tests.loop.running import (
    a_model,
    a_pod,
    condition,
    eventually,
    quiet,
    reason,
    served,
    status,
    template,
)

if TYPE_CHECKING:
    from flagos_operator.app import App

Body = dict[str, Any]

# A second release of the same model on the same chip, with one word more.
ROW: Body = {
    "model": "Tiny",
    "chip": "cpu",
    "devices": 0,
    "image": "registry.local/vllm:0.20.0",
    "source": {"persistentVolumeClaim": {"claimName": "shared", "path": "tiny"}},
    "server": {"args": ["--dtype", "float32"]},
}


def catalogue(*, env: str = "", releases: dict[str, Body] | None = None) -> Catalogue:
    """As shipped, with a variable more on the chip, and with these releases."""
    own = {"cpu": {"env": [{"name": "OF_CHIP", "value": env}]}} if env else None
    found = builtin(own)
    assert not isinstance(found, Invalid)
    rows = {name: a_release(name, **row) for name, row in (releases or {}).items()}
    return replace(found, releases=rows)


def a_release(name: str, **fields: Any) -> Release:
    found = release_of(name, fields)
    assert not isinstance(found, Invalid), found
    return found


def now(app: App, found: Catalogue) -> None:
    """As whoever follows the rows in the cluster tells it."""
    app.decisions.catalogue = lambda: found
    app.rows_changed(chips=["cpu"], releases=["tiny-cpu"])


def without_cpu() -> Catalogue:
    found = catalogue()
    return replace(found, chips={n: chip for n, chip in found.chips.items() if n != "cpu"})


def pins(kube) -> list[Body]:
    return sorted(kube.all("ControllerRevision"), key=lambda each: each["revision"])


def server(kube) -> Body:
    return kube.find("Deployment", "m")["spec"]["template"]["spec"]["containers"][0]


def env(kube) -> dict[str, str]:
    return {item["name"]: item.get("value") for item in server(kube)["env"]}


def up_to_date(kube) -> str:
    return condition(kube, "UpToDate").get("reason", "")


async def ready(kube, body: Body | None = None):
    if body:
        kube.create(body)
        await served(kube)
    kube.put(a_pod("m-1", template=template(kube)))
    await eventually(lambda: condition(kube, "Ready").get("status") == "True")
    await quiet(kube)


async def test_rows_are_kept_once_before_the_model_is_told_ready(kube, operator):
    async with operator():
        kube.create(a_model())
        await served(kube)
        assert not pins(kube)
        since = len(kube.requests)
        await ready(kube)
        wrote = [each.path for each in kube.requests[since:] if each.wrote]
        at = [place for place, path in enumerate(wrote) if "controllerrevisions" in path]
        told = [place for place, path in enumerate(wrote) if path.endswith("/status")]
        assert len(at) == 1
        assert at[0] < told[0]
        (pin,) = pins(kube)
        model = kube.find("FlagOSModel", "m")
        assert pin["metadata"]["ownerReferences"][0]["uid"] == model["metadata"]["uid"]
        assert pin["data"]["chip"]["name"] == "cpu"
        assert "release" not in pin["data"]


async def test_a_changed_chip_rolls_nothing_and_is_told(kube, operator):
    async with operator() as app:
        await ready(kube, a_model())
        before = kube.find("Deployment", "m")
        now(app, catalogue(env="new"))
        await eventually(lambda: up_to_date(kube) == "ChipChanged")
        assert condition(kube, "UpToDate")["status"] == "False"
        assert "chip cpu has changed" in condition(kube, "UpToDate")["message"]
        assert condition(kube, "Ready")["status"] == "True"
        assert kube.find("Deployment", "m") == before
        assert len(pins(kube)) == 1


async def test_a_model_that_was_never_ready_follows_at_once(kube, operator):
    async with operator() as app:
        kube.create(a_model())
        await served(kube)
        now(app, catalogue(env="new"))
        await eventually(lambda: env(kube).get("OF_CHIP") == "new")
        assert up_to_date(kube) == "Current"
        assert not pins(kube)


async def test_an_edit_that_rolls_pods_takes_the_new_rows(kube, operator):
    async with operator() as app:
        await ready(kube, a_model())
        now(app, catalogue(env="new"))
        await eventually(lambda: up_to_date(kube) == "ChipChanged")
        kube.patch("FlagOSModel", "m", {"spec": {"image": "registry.local/vllm:0.20.1"}})
        await eventually(lambda: env(kube).get("OF_CHIP") == "new")
        await ready(kube)
        assert up_to_date(kube) == "Current"
        assert [pin["revision"] for pin in pins(kube)] == [1, 2]


async def test_an_edit_that_rolls_nothing_leaves_the_rows(kube, operator):
    """An autoscaler edits a model all day."""
    async with operator() as app:
        await ready(kube, a_model())
        now(app, catalogue(env="new"))
        before = template(kube)
        kube.patch("FlagOSModel", "m", {"spec": {"replicas": 2}})
        await eventually(lambda: kube.find("Deployment", "m")["spec"]["replicas"] == 2)
        await quiet(kube)
        assert template(kube) == before
        assert up_to_date(kube) == "ChipChanged"


async def test_a_touched_deployment_is_mended_from_the_rows_that_were_kept(kube, operator):
    async with operator() as app:
        await ready(kube, a_model())
        before = kube.find("Deployment", "m")["spec"]
        now(app, catalogue(env="new"))
        await eventually(lambda: up_to_date(kube) == "ChipChanged")
        changed = {"metadata": {"annotations": {"flagos.io/template": "theirs"}}}
        kube.patch("Deployment", "m", {"spec": {"template": changed}})
        await eventually(lambda: kube.find("Deployment", "m")["spec"] == before)
        await quiet(kube)
        assert up_to_date(kube) == "ChipChanged"


async def restart(kube, when: str):
    """As kubectl rollout restart does it."""
    asked = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": when}}}
    kube.patch("Deployment", "m", {"spec": {"template": asked}})


async def test_a_restart_takes_the_new_rows(kube, operator):
    async with operator() as app:
        await ready(kube, a_model())
        now(app, catalogue(env="new"))
        await eventually(lambda: up_to_date(kube) == "ChipChanged")
        await restart(kube, "2026-01-01T00:00:00Z")
        await eventually(lambda: env(kube).get("OF_CHIP") == "new")
        await ready(kube)
        assert up_to_date(kube) == "Current"


async def test_a_restart_before_a_row_changed_takes_nothing(kube, operator):
    async with operator() as app:
        await ready(kube, a_model())
        await restart(kube, "2026-01-01T00:00:00Z")
        await eventually(lambda: pins(kube)[-1]["metadata"].get("annotations"))
        assert len(pins(kube)) == 1
        now(app, catalogue(env="new"))
        await eventually(lambda: up_to_date(kube) == "ChipChanged")
        await quiet(kube)
        assert "OF_CHIP" not in env(kube)


def chips_file(folder, value: str) -> str:
    path = folder / f"chips-{value}.yaml"
    path.write_text(yaml.safe_dump({"cpu": {"env": [{"name": "OF_CHIP", "value": value}]}}))
    return str(path)


async def test_an_upgrade_that_edits_rows_rolls_nothing(kube, operator, tmp_path):
    """The operator ends, its chart brings other rows, and another operator begins."""
    async with operator(chips_file=chips_file(tmp_path, "old")):
        await ready(kube, a_model())
    before = kube.find("Deployment", "m"), kube.find("Service", "m"), pins(kube)
    async with operator(chips_file=chips_file(tmp_path, "new")):
        await eventually(lambda: up_to_date(kube) == "ChipChanged")
        await quiet(kube)
        assert (kube.find("Deployment", "m"), kube.find("Service", "m"), pins(kube)) == before
        assert reason(kube) == "Serving"
    async with operator(chips_file=chips_file(tmp_path, "old")):
        await eventually(lambda: up_to_date(kube) == "Current")
        assert (kube.find("Deployment", "m"), pins(kube)) == (before[0], before[2])


def from_before_lists(folder) -> str:
    """Of an operator whose chips brought no lists of operators yet."""
    path = folder / "chips-before-lists.yaml"
    path.write_text(yaml.safe_dump({"metax": {"flagos": {"operators": None}}}))
    return str(path)


DENIED = "VLLM_FL_FLAGOS_BLACKLIST"


@pytest.mark.parametrize("how", ["edit", "restart"])
async def test_a_list_of_operators_that_a_chip_brings_anew_waits_for(
    kube, operator, tmp_path, how: str
):
    """Also beside a model that was never Ready, so that nothing was kept of its rows."""
    async with operator(chips_file=from_before_lists(tmp_path)):
        kube.create(a_model(chip="metax"))
        await served(kube)
        assert DENIED not in env(kube)
    before = kube.find("Deployment", "m")
    async with operator():
        await eventually(lambda: up_to_date(kube) == "ChipChanged")
        kube.create(a_model("later", chip="metax"))
        await served(kube, "later")
        await quiet(kube)
        assert kube.find("Deployment", "m") == before
    async with operator():
        await quiet(kube)
        assert kube.find("Deployment", "m") == before
        if how == "edit":
            kube.patch("FlagOSModel", "m", {"spec": {"image": "registry.local/vllm:0.20.1"}})
        else:
            await restart(kube, "2026-01-01T00:00:00Z")
        await eventually(lambda: "mm_out" in env(kube).get(DENIED, ""))
        await eventually(lambda: up_to_date(kube) == "Current")


async def test_a_ready_model_keeps_the_chip_from_before_it_brought_lists(kube, operator, tmp_path):
    async with operator(chips_file=from_before_lists(tmp_path)):
        await ready(kube, a_model(chip="metax"))
    before = kube.find("Deployment", "m"), pins(kube)
    async with operator():
        await eventually(lambda: up_to_date(kube) == "ChipChanged")
        await quiet(kube)
        assert (kube.find("Deployment", "m"), pins(kube)) == before


async def test_a_model_that_an_older_operator_made_ready_is_pinned_and_not_rolled(kube, operator):
    async with operator():
        await ready(kube, a_model())
    (pin,) = pins(kube)
    kube.delete("ControllerRevision", pin["metadata"]["name"])
    before = kube.find("Deployment", "m")
    async with operator():
        await eventually(lambda: pins(kube))
        await quiet(kube)
        assert kube.find("Deployment", "m") == before
        assert pins(kube)[0]["data"] == pin["data"]


async def test_a_restarted_operator_writes_nothing_over_a_pinned_model(kube, operator):
    async with operator():
        await ready(kube, a_model())
    since = len(kube.requests)
    async with operator():
        await quiet(kube)
        assert not [each for each in kube.requests[since:] if each.wrote]


async def test_a_row_that_gives_the_same_pods_is_taken_at_once(kube, operator):
    async with operator() as app:
        release = {"tiny-cpu": ROW}
        now(app, catalogue(releases=release))
        await ready(kube, of_release(server={"maxModelLen": 512}))
        before = template(kube)
        other = {**ROW, "server": {**ROW["server"], "maxModelLen": 1024}}
        now(app, catalogue(releases={"tiny-cpu": other}))
        await eventually(lambda: len(pins(kube)) == 2)
        await quiet(kube)
        assert template(kube) == before
        assert up_to_date(kube) == "Current"


def of_release(**spec: Any) -> Body:
    return {**a_model(), "spec": {"release": "tiny-cpu", "replicas": 1, **spec}}


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


async def test_only_the_last_rows_are_kept(kube, operator):
    async with operator() as app:
        await ready(kube, a_model())
        for turn in range(1, 6):
            now(app, catalogue(env=f"new-{turn}"))
            await eventually(lambda: up_to_date(kube) == "ChipChanged")
            image = f"registry.local/vllm:0.20.{turn}"
            kube.patch("FlagOSModel", "m", {"spec": {"image": image}})
            wanted = f"new-{turn}"
            await eventually(lambda wanted=wanted: env(kube).get("OF_CHIP") == wanted)
            await ready(kube)
        assert [pin["revision"] for pin in pins(kube)] == [4, 5, 6]


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_without_the_right_to_keep_rows_models_are_served_all_the_same(
    kube, operator, method
):
    async with operator():
        await quiet(kube)
        kube.faults.append(
            Fault(
                method=method,
                path="controllerrevisions",
                status=403,
                reason="Forbidden",
                message='cannot write resource "controllerrevisions"',
            )
        )
        await ready(kube, a_model())
        assert reason(kube) == "Serving"


async def test_a_pin_that_cannot_be_written_now_is_written_before_ready_is_told(kube, operator):
    async with operator():
        kube.create(a_model())
        await served(kube)
        fault = Fault(method="PATCH", path="controllerrevisions", status=500)
        kube.faults.append(fault)
        kube.put(a_pod("m-1", template=template(kube)))
        await eventually(lambda: fault.met)
        assert condition(kube, "Ready")["status"] == "False"
        kube.faults.clear()
        await eventually(lambda: condition(kube, "Ready")["status"] == "True")
        assert len(pins(kube)) == 1
