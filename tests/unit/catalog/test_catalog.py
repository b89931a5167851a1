"""Chips and image names: data with a source, and hints that never refuse anything."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from flagos_operator.api.outcome import Invalid
from flagos_operator.catalog.chips import Chips, load_chips
from flagos_operator.catalog.images import hints
from flagos_operator.catalog.versions import Versions, at_least, below

PUBLISHED = Path(__file__).parents[2] / "data" / "published-images.yaml"
RESOURCES = {
    "nvidia": "nvidia.com/gpu",
    "ascend": "huawei.com/Ascend910",
    "metax": "metax-tech.com/gpu",
    "mthreads": "mthreads.com/gpu",
    "iluvatar": "iluvatar.com/gpu",
    "hygon": "hygon.com/dcu",
    "kunlunxin": "kunlunxin.com/xpu",
    "cambricon": "cambricon.com/mlu",
    "enflame": "enflame.com/gcu",
    "zhenwu": "alibabacloud.com/ppu",
    "sunrise": None,
    "tsingmicro": None,
    "arm": None,
    "cpu": None,
}


def loaded(own: dict[str, Any] | None = None) -> Chips:
    found = load_chips(own)
    assert not isinstance(found, Invalid), found.message
    return found


def test_every_vendor_is_there_with_its_kubernetes_resource() -> None:
    chips = loaded()
    assert {name: chip.resource_name for name, chip in chips.items()} == RESOURCES


def shipped() -> dict[str, Any]:
    text = resources.files("flagos_operator.catalog").joinpath("chips.toml").read_text()
    return tomllib.loads(text)


@pytest.mark.parametrize("name", sorted(RESOURCES.keys() - {"cpu"}))
def test_every_fact_of_a_chip_tells_where_it_comes_from(name: str) -> None:
    chip = shipped()[name]
    facts = chip.keys() - {"source"}
    assert chip["source"].keys() >= facts
    assert chip["source"].keys() >= {"securityContext"}, "least privilege is a fact as well"


def test_a_chip_of_the_users_own_is_added() -> None:
    chips = loaded({"abacus": {"resourceName": "beads.example/row", "devicesPerResource": 10}})
    assert chips["abacus"].resource_name == "beads.example/row"
    assert chips["nvidia"].resource_name == "nvidia.com/gpu"


def test_one_key_of_a_known_chip_is_replaced_and_the_rest_stays() -> None:
    chips = loaded({"iluvatar": {"resourceName": "iluvatar.ai/gpu"}})
    assert chips["iluvatar"].resource_name == "iluvatar.ai/gpu"
    assert chips["iluvatar"].devices_per_resource == 2


def test_a_users_chip_may_be_empty_and_then_has_no_device() -> None:
    assert loaded({"laptop": None})["laptop"].resource_name is None


def test_environment_and_mounts_of_a_known_chip_are_joined_by_name() -> None:
    mine = [{"name": "GEMS_VENDOR", "value": "other"}, {"name": "A", "value": "1"}]
    mounts = [{"name": "hyhal", "mountPath": "/opt/hyhal", "subPath": "v2"}]
    chip = loaded({"hygon": {"env": mine, "volumeMounts": mounts}})["hygon"]
    assert [(item["name"], item["value"]) for item in chip.env] == [
        ("GEMS_VENDOR", "other"),
        ("TRITON_HIP_CLANG_PATH", "/opt/dtk/aillvm/bin/clang-18"),
        ("A", "1"),
    ]
    assert list(chip.volume_mounts) == mounts


def test_maps_of_a_known_chip_are_joined_by_key_and_null_removes_one() -> None:
    own = {"hygon": {"securityContext": {"runAsUser": None, "privileged": True}, "preStart": None}}
    chip = loaded(own)["hygon"]
    assert chip.security_context == {
        "capabilities": {"add": ["SYS_PTRACE"]},
        "seccompProfile": {"type": "Unconfined"},
        "privileged": True,
    }
    assert chip.pre_start is None


def test_other_lists_of_a_known_chip_are_replaced() -> None:
    assert loaded({"nvidia": {"tolerations": []}})["nvidia"].tolerations == ()


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"beads": 10}, "chips.abacus.beads: unknown field"),
        (10, "chips.abacus: write fields"),
        ({"resourceNames": "a/b"}, "did you mean resourceName?"),
        ({"devicesPerResource": "2"}, "chips.abacus.devicesPerResource: must be of type integer"),
        ({"env": "A=1"}, "chips.abacus.env: must be of type array"),
        (
            {"env": [{"name": "USE_FLAGGEMS", "value": "1"}]},
            "has a field: chips.abacus.flagos.mode",
        ),
        ({"volumes": [{"name": "shm"}]}, "chips.abacus.volumes: "),
        (
            {"volumeMounts": [{"name": "x", "mountPath": "/dev/shm"}]},  # noqa: S108
            "chips.abacus.volumeMounts: ",
        ),
    ],
)
def test_a_chip_that_is_said_wrongly_is_named_with_its_cure(own: object, words: str) -> None:
    found = load_chips({"abacus": own})
    assert isinstance(found, Invalid)
    assert found.reason == "InvalidChip"
    assert words in found.message


def test_a_list_that_cannot_be_joined_is_judged_as_it_is() -> None:
    found = load_chips({"hygon": {"env": [{"value": "1"}]}})
    assert isinstance(found, Invalid)
    assert found.message == "chips.hygon.env[0].name: Required value: set it"


@pytest.mark.parametrize(
    "row", yaml.safe_load(PUBLISHED.read_text()), ids=lambda row: row["image"]
)
def test_the_name_of_a_published_image_says_what_was_read_by_hand(row: dict[str, Any]) -> None:
    assert hints(row["image"]) == Versions(**row["hints"])


@pytest.mark.parametrize(
    ("image", "seen"),
    [
        ("vllm/vllm-openai:v0.24.0", Versions(vllm="0.24.0")),
        ("localhost/vllm-cpu:0.32.0", Versions(vllm="0.32.0")),
        ("lmsysorg/sglang:v0.5.11-cu129", Versions(sglang="0.5.11")),
        ("harbor.example/plugin/vllm-plugin-fl:v0.28.0-cuda-ci", Versions(vllm="0.28.0")),
        (
            "harbor.example/flagos-app/vllm0.24.0-hygon-dtk26.04:2.1.2-0.3.0rc2.post1_gc9bbcf0.d20260914",
            Versions(vllm="0.24.0", vllm_plugin_fl="0.3.0rc2.post1"),
        ),
        ("harbor.example/x-vllm0.24.0:1@sha256:vllm0.1.0", Versions(vllm="0.24.0")),
        ("registry.example:5000/anything:latest", Versions()),
        ("registry.example/my-vllm:latest", Versions()),
    ],
)
def test_other_names_are_read_as_far_as_they_go(image: str, seen: Versions) -> None:
    assert hints(image) == seen


def test_what_the_user_says_wins_over_the_name() -> None:
    said = Versions(vllm="0.13.0")
    assert said.over(Versions(vllm="0.24.0", flag_gems="5.0.2")) == Versions(
        vllm="0.13.0", flag_gems="5.0.2"
    )


@pytest.mark.parametrize(
    ("version", "enough", "old"),
    [
        ("0.20.2", True, False),
        ("v0.20", True, False),
        ("0.20.0rc1", True, False),
        ("0.9.9", False, True),
        ("main", False, False),  # unknown is neither new nor old
        (None, False, False),
    ],
)
def test_versions_compare_as_numbers_and_only_when_known(
    version: str | None,
    enough: bool,  # noqa: FBT001 - a column
    old: bool,  # noqa: FBT001 - a column
) -> None:
    assert at_least(version, (0, 20)) is enough
    assert below(version, (0, 20)) is old
