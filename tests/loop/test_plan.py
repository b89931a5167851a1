"""`flagos-operator plan` beside what an operator has made: nothing is written by it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from flagos_operator.__main__ import main
from tests.loop.fakekube import FakeKube
from tests.loop.running import a_downloaded_model, eventually, kubeconfig, quiet, status
from tests.loop.test_choice import a_choice, a_node

if TYPE_CHECKING:
    from tests.loop.conftest import Operator

Capture = pytest.CaptureFixture[str]
NEW = "registry.local/vllm:0.24.0"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FLAGOS_CHIPS_FILE", "FLAGOS_OPERATOR_IMAGE", "FLAGOS_REGISTRY_REWRITE"):
        monkeypatch.delenv(name, raising=False)


async def planned(
    kube: FakeKube, folder: Path, capsys: Capture, *bodies: Any, words: tuple[str, ...] = ()
) -> tuple[int, str]:
    """In a thread, since the API is served by this one."""
    file = folder / "models.yaml"
    file.write_text(yaml.safe_dump_all(bodies))
    config = str(kubeconfig(folder / "config", kube.url))
    argv = ["plan", "-f", str(file), "--kubeconfig", config, *words]
    code = await asyncio.to_thread(main, argv)
    out, err = capsys.readouterr()
    assert err == ""
    return code, out


async def served(
    kube: FakeKube, operator: Operator, body: dict[str, Any], **settings: Any
) -> None:
    """Made by an operator that is gone by now."""
    async with operator(**settings):
        kube.create(body)
        await eventually(lambda: kube.find("Deployment", "m") and status(kube).get("phase"))
        await quiet(kube)


async def test_a_model_that_is_not_there_is_to_be_made_and_nothing_is_written(
    kube: FakeKube, tmp_path: Path, capsys: Capture
) -> None:
    code, out = await planned(kube, tmp_path, capsys, a_downloaded_model())
    assert code == 3
    assert "Deployment/m       to create" in out
    assert "+kind: Deployment\n" in out
    assert out.endswith("m: 3 to create\n")
    assert kube.writes() == []


async def test_what_is_as_it_should_be_changes_nothing(
    kube: FakeKube, operator: Operator, tmp_path: Path, capsys: Capture
) -> None:
    await served(kube, operator, a_downloaded_model())
    before = len(kube.writes())
    code, out = await planned(kube, tmp_path, capsys, a_downloaded_model())
    assert code == 0
    assert out.endswith("m: 3 unchanged\n")
    assert f"({kube.url})" in out
    assert len(kube.writes()) == before


async def test_an_edit_that_rolls_pods_names_the_fields_and_counts_the_pods(
    kube: FakeKube, operator: Operator, tmp_path: Path, capsys: Capture
) -> None:
    await served(kube, operator, a_downloaded_model())
    kube.patch("Deployment", "m", {"status": {"replicas": 2}})
    code, out = await planned(kube, tmp_path, capsys, a_downloaded_model(image=NEW))
    assert code == 4
    assert "rolls 2 pods: spec.containers[server].image" in out
    assert f"+        image: {NEW}\n" in out
    assert out.endswith("; rolls 2 pods\n")


async def test_the_image_of_an_operator_that_is_not_asked_is_no_difference(
    kube: FakeKube, operator: Operator, tmp_path: Path, capsys: Capture
) -> None:
    await served(kube, operator, a_downloaded_model(), operator_image="registry.local/op:7")
    kube.patch("Deployment", "m", {"status": {"replicas": 1}})
    code, out = await planned(kube, tmp_path, capsys, a_downloaded_model(image=NEW))
    assert code == 4
    assert "rolls 1 pod: spec.containers[server].image\n" in out
    newer = ("--operator-image", "registry.local/op:8")
    _, out = await planned(kube, tmp_path, capsys, a_downloaded_model(image=NEW), words=newer)
    assert "spec.initContainers[fetch].image" in out


async def test_an_edit_that_rolls_none_says_what_changes(
    kube: FakeKube, operator: Operator, tmp_path: Path, capsys: Capture
) -> None:
    await served(kube, operator, a_downloaded_model())
    kube.patch("Deployment", "m", {"status": {"replicas": 1}})
    edited = a_downloaded_model(service={"port": 80})
    code, out = await planned(kube, tmp_path, capsys, edited, words=("--json",))
    found = json.loads(out)
    actions = {each["kind"]: each["action"] for each in found["models"][0]["objects"]}
    assert (code, found["exitCode"]) == (3, 3)
    assert actions == {"ConfigMap": "keep", "Service": "change", "Deployment": "keep"}


async def test_what_a_spec_wants_no_more_is_to_be_deleted(
    kube: FakeKube, operator: Operator, tmp_path: Path, capsys: Capture
) -> None:
    await served(kube, operator, a_downloaded_model())
    in_place = {"persistentVolumeClaim": {"claimName": "shared"}}
    _, out = await planned(kube, tmp_path, capsys, a_downloaded_model())
    assert "to delete" not in out
    body = a_downloaded_model()
    body["spec"]["source"] = in_place
    _, out = await planned(kube, tmp_path, capsys, body)
    assert "ConfigMap/m-fetch  to delete" in out


async def test_what_others_scaled_stays_scaled(
    kube: FakeKube, operator: Operator, tmp_path: Path, capsys: Capture
) -> None:
    body = a_downloaded_model()
    del body["spec"]["replicas"]
    await served(kube, operator, a_downloaded_model(replicas=3))
    code, _ = await planned(kube, tmp_path, capsys, body)
    assert code == 0


async def test_a_strangers_object_is_told_before_it_is_in_the_way(
    kube: FakeKube, tmp_path: Path, capsys: Capture
) -> None:
    kube.create(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "m", "namespace": "default"},
            "spec": {"ports": [{"name": "x", "port": 1}]},
        }
    )
    code, out = await planned(kube, tmp_path, capsys, a_downloaded_model())
    assert code == 1
    assert "NameTaken: Service m is there and not this model's; rename one of them" in out


async def test_a_model_by_name_gets_what_the_cluster_has_and_why_not_the_others(
    kube: FakeKube, tmp_path: Path, capsys: Capture
) -> None:
    kube.create(a_node("n1", "metax-tech.com/gpu", count=1))
    code, out = await planned(kube, tmp_path, capsys, a_choice(), words=("--json",))
    (model,) = json.loads(out)["models"]
    assert code == 3
    assert model["release"] == model["selection"]["release"] == "minicpm5-2b-metax"
    assert "asks for 1 metax-tech.com/gpu; n1 has 1 of 1 free" in model["selection"]["message"]
    why = {each["chip"]: each["message"] for each in model["selection"]["rejected"]}
    assert why["nvidia"] == "no node has nvidia.com/gpu"
    layers = {each["path"]: each["layer"] for each in model["fields"]}
    assert (layers["image"], layers["deviceResourceName"]) == ("release", "chip")
    assert kube.writes() == []
