"""`flagos-operator plan` beside what an operator has made: nothing is written by it."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from flagos_operator.__main__ import main
from tests.loop.fakekube import FakeKube
from tests.loop.fakekube.faults import Fault
from tests.loop.running import (
    a_downloaded_model,
    a_pod,
    condition,
    eventually,
    kubeconfig,
    quiet,
    status,
)
from tests.loop.test_choice import (
    FORBIDDEN,
    METAX,
    NVIDIA,
    a_choice,
    a_node,
    an_eight_billion,
    chip,
    of_memory,
    selection,
)

if TYPE_CHECKING:
    from tests.loop.conftest import Operator

Capture = pytest.CaptureFixture[str]
CONTEXTS = {"a": "team", "b": ""}  # the first one is the current one
NEW = "registry.local/vllm:0.24.0"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FLAGOS_CHIPS_FILE", "FLAGOS_OPERATOR_IMAGE", "FLAGOS_REGISTRY_REWRITE"):
        monkeypatch.delenv(name, raising=False)


async def planned(
    kube: FakeKube,
    folder: Path,
    capsys: Capture,
    *bodies: Any,
    words: tuple[str, ...] = (),
    contexts: dict[str, str] | None = None,
) -> tuple[int, str]:
    """In a thread, since the API is served by this one."""
    file = folder / "models.yaml"
    file.write_text(yaml.safe_dump_all(bodies))
    config = str(kubeconfig(folder / "config", kube.url, contexts=contexts))
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


async def test_what_an_edit_interrupts_is_told(
    kube: FakeKube, operator: Operator, tmp_path: Path, capsys: Capture
) -> None:
    """A new pod may wait for the chip that the old one holds."""
    model = partial(a_downloaded_model, chip="nvidia", devices=1)
    await served(kube, operator, model())
    for pods, told in (
        (1, "rolls 1 pod: nothing answers until the new one is ready"),
        (2, "rolls 2 pods, one at a time: each ends before its successor starts"),
    ):
        kube.patch("Deployment", "m", {"status": {"replicas": pods}})
        _, out = await planned(kube, tmp_path, capsys, model(image=NEW))
        assert out.endswith(f"; {told}\n")


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


def chosen(out: str) -> list[tuple[str | None, dict[str, str]]]:
    """Of each model the release, and the reasons of the others."""
    found = (each["selection"] for each in json.loads(out)["models"])
    return [
        (each["release"], {r["release"]: r["message"] for r in each["rejected"]}) for each in found
    ]


async def test_what_does_not_fit_is_left_out_as_the_operator_leaves_it_out(
    kube: FakeKube, operator: Operator, tmp_path: Path, capsys: Capture
) -> None:
    kube.create(a_node("n1", METAX, **of_memory(8192)))
    kube.create(a_node("n2", "mthreads.com/gpu"))
    body = an_eight_billion("metax", "mthreads")
    _, out = await planned(kube, tmp_path, capsys, body, words=("--json",))
    async with operator():
        kube.create(body)
        await eventually(lambda: chip(kube))
    told = {each["release"]: each["message"] for each in selection(kube)["rejected"]}
    assert chosen(out) == [(selection(kube)["release"], told)]
    assert "exceed 1 device of 8.0 GiB by node labels" in told["qwen3-8b-metax"]


async def test_nothing_that_fits_is_refused_with_the_arithmetic(
    kube: FakeKube, tmp_path: Path, capsys: Capture
) -> None:
    kube.create(a_node("n1", METAX, **of_memory(8192)))
    code, out = await planned(kube, tmp_path, capsys, an_eight_billion("metax"))
    assert code == 1
    assert "refused   NoReleaseFits: no release of Qwen3-8B fits now: qwen3-8b-metax: the " in out
    assert "qwen3-8b-metax  InsufficientDeviceMemory  the weights alone, 15.3 GiB" in out


async def test_two_models_of_one_call_do_not_count_on_the_same_devices(
    kube: FakeKube, tmp_path: Path, capsys: Capture
) -> None:
    for body in (a_node("n1", NVIDIA, 1), a_node("n2", METAX, 1)):
        kube.create(body)
    both = (a_choice(chips=["nvidia", "metax"]), a_choice("other", chips=["nvidia", "metax"]))
    _, out = await planned(kube, tmp_path, capsys, *both, words=("--json",))
    assert [release for release, _ in chosen(out)] == ["minicpm5-2b-nvidia", "minicpm5-2b-metax"]


async def test_a_model_does_not_stand_in_the_way_of_its_own_new_choice(
    kube: FakeKube, operator: Operator, tmp_path: Path, capsys: Capture
) -> None:
    kube.create(a_node("n1", METAX, 1))
    await served(kube, operator, a_choice())
    mine = a_pod("m-1")
    limits = {"limits": {METAX: "1"}}
    mine["spec"] = {"nodeName": "n1", "containers": [{"name": "server", "resources": limits}]}
    kube.create(mine)
    _, out = await planned(kube, tmp_path, capsys, a_choice(chips=["metax"]), words=("--json",))
    assert chosen(out)[0][0] == "minicpm5-2b-metax"


async def test_a_release_that_is_doubtful_is_told_and_planned_all_the_same(
    kube: FakeKube, tmp_path: Path, capsys: Capture
) -> None:
    body = a_downloaded_model(chip="metax", image="registry.local/x-nvidia004:1")
    code, out = await planned(kube, tmp_path, capsys, body)
    assert code == 3
    assert "note: ImageForAnotherChip: the image is for nvidia by its name, not for metax" in out


def told(kube: FakeKube) -> str:
    return str(condition(kube, "UpToDate")["reason"]) if status(kube) else ""


async def test_what_the_nodes_say_of_a_named_chip_is_told_as_the_operator_tells_it(
    kube: FakeKube, operator: Operator, tmp_path: Path, capsys: Capture
) -> None:
    kube.create(a_node("n1", METAX))
    body = a_downloaded_model(chip="metax", devices=16)
    code, out = await planned(kube, tmp_path, capsys, body)
    assert code == 3
    async with operator():
        kube.create(body)
        await eventually(lambda: told(kube) == "NodeTooSmall")
    assert f"note: NodeTooSmall: {condition(kube, 'UpToDate')['message']}" in out


async def test_devices_that_no_node_has_are_noted(
    kube: FakeKube, tmp_path: Path, capsys: Capture
) -> None:
    kube.create(a_node("n1", METAX))
    code, out = await planned(kube, tmp_path, capsys, a_downloaded_model(chip="nvidia", devices=1))
    assert code == 3
    assert (
        "note: Unschedulable: no node has nvidia.com/gpu: is the vendor's device plugin "
        "installed? (flagos-operator chips)"
    ) in out


@pytest.mark.parametrize(
    ("path", "message", "expected"),
    [
        (
            "/deployments/",
            'Deployment.apps "m" is invalid: spec.template.spec.containers[0].env[3].name: bad',
            "InvalidPod: spec.server.env[].name: bad",
        ),
        (
            "/persistentvolumeclaims/",
            "spec: Forbidden: spec is immutable after creation except resources.requests",
            "VolumeClaimRefused: claim m-weights is there from before, and its storage class",
        ),
    ],
)
async def test_what_the_api_server_would_refuse_is_told_as_the_operator_tells_it(  # noqa: PLR0913, PLR0917
    kube: FakeKube,
    operator: Operator,
    tmp_path: Path,
    capsys: Capture,
    path: str,
    message: str,
    expected: str,
) -> None:
    body = a_downloaded_model(weights={"volumeClaimTemplate": {"size": "1Gi"}})
    async with operator():
        kube.create(body)
        await eventually(lambda: kube.find("Deployment", "m"))
        await quiet(kube)
    kube.faults.append(Fault(method="PATCH", path=path, status=422, message=message))
    code, out = await planned(kube, tmp_path, capsys, body)
    assert code == 1
    assert expected in out


async def test_without_the_right_to_list_nodes_a_named_chip_is_planned_without_a_word_of_them(
    kube: FakeKube, tmp_path: Path, capsys: Capture
) -> None:
    kube.faults.append(
        Fault(method="GET", path="/nodes", status=403, reason="Forbidden", message=FORBIDDEN)
    )
    kube.create(a_node("n1", METAX))
    body = a_downloaded_model(chip="metax", devices=16)
    code, out = await planned(kube, tmp_path, capsys, body)
    assert (code, "NodeTooSmall" in out, "Unschedulable" in out) == (3, False, False)


@pytest.mark.parametrize(
    ("words", "expected"),
    [((), "team"), (("-n", "mine"), "mine"), (("--context", "b"), "default")],
)
async def test_a_model_that_names_no_namespace_is_of_the_contexts(
    kube: FakeKube, tmp_path: Path, capsys: Capture, words: tuple[str, ...], expected: str
) -> None:
    body = a_downloaded_model()
    del body["metadata"]["namespace"]
    _, out = await planned(kube, tmp_path, capsys, body, words=words, contexts=CONTEXTS)
    assert f"FlagOSModel/m in namespace {expected} (" in out


async def test_chips_are_those_of_the_cluster_that_is_named(
    kube: FakeKube, tmp_path: Path, capsys: Capture
) -> None:
    kube.create(a_node("n1", METAX, 4))
    config = str(kubeconfig(tmp_path / "config", kube.url, contexts=CONTEXTS))
    for words in (("--context", "b"), ()):
        code = await asyncio.to_thread(main, ["chips", "--kubeconfig", config, *words])
        out, _ = capsys.readouterr()
        assert code == 0
        assert "metax   metax-tech.com/gpu   1       4" in out
    code = await asyncio.to_thread(main, ["chips", "--kubeconfig", config, "--context", "no"])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert "no usable Kubernetes credentials" in err
