"""Rows of chips and releases change under models that run: no pod is rolled for that."""

from __future__ import annotations

import pytest
import yaml

from tests.loop.fakekube.faults import Fault
from tests.loop.rows import (
    ROW,
    catalogue,
    env,
    now,
    of_release,
    pins,
    proven,
    ready,
    restart,
    up_to_date,
)
from tests.loop.running import (
    a_model,
    a_pod,
    condition,
    eventually,
    quiet,
    reason,
    served,
    template,
)


async def test_rows_are_kept_once_before_the_model_is_told_ready(kube, operator):
    async with operator():
        kube.create(a_model())
        await served(kube)
        assert proven(kube) == [False]
        since = len(kube.requests)
        await ready(kube)
        wrote = [each.path for each in kube.requests[since:] if each.wrote]
        at = [place for place, path in enumerate(wrote) if "controllerrevisions" in path]
        told = [place for place, path in enumerate(wrote) if path.endswith("/status")]
        assert len(at) == 1
        assert at[0] < told[0]
        (pin,) = pins(kube)
        assert (proven(kube), pin["revision"]) == ([True], 1)
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
        assert not any(proven(kube))
        await ready(kube)
        assert proven(kube) == [False, True]


async def test_a_model_that_became_ready_while_no_operator_looked_is_not_rolled(
    kube, operator, tmp_path
):
    """An upgrade brought another chip, and replaced a pod that had just become ready."""
    async with operator(chips_file=chips_file(tmp_path, "old")):
        kube.create(a_model())
        await served(kube)
    before = kube.find("Deployment", "m")
    kube.put(a_pod("m-1", template=template(kube)))
    async with operator(chips_file=chips_file(tmp_path, "new")):
        await eventually(lambda: up_to_date(kube) == "ChipChanged")
        await quiet(kube)
        assert kube.find("Deployment", "m") == before
        assert reason(kube) == "Serving"
        assert proven(kube) == [True]
        kube.delete("Pod", "m-1")
        await quiet(kube)
        assert kube.find("Deployment", "m") == before


async def test_one_that_did_not_follows_the_new_operator(kube, operator, tmp_path):
    async with operator(chips_file=chips_file(tmp_path, "old")):
        kube.create(a_model())
        await served(kube)
    kube.put(a_pod("m-1", template=template(kube), ready=False))
    async with operator(chips_file=chips_file(tmp_path, "new")):
        await eventually(lambda: env(kube).get("OF_CHIP") == "new")
        assert up_to_date(kube) == "Current"


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
