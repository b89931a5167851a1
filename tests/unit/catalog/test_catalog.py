"""Chips and image names: data with a source, and hints that never refuse anything."""

from __future__ import annotations

import tomllib
from importlib import resources

import pytest

from flagos_operator.api.outcome import Invalid
from flagos_operator.catalog.chips import load_chips
from flagos_operator.catalog.images import hints

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
    "cpu": None,
}


def test_every_vendor_with_a_kubernetes_resource_is_there() -> None:
    chips = load_chips()
    assert not isinstance(chips, Invalid)
    assert {name: chip.resource_name for name, chip in chips.items()} == RESOURCES


def test_every_chip_tells_where_its_facts_come_from() -> None:
    text = resources.files("flagos_operator.catalog").joinpath("chips.toml").read_text()
    table = tomllib.loads(text)
    for name in RESOURCES:
        assert table[name]["source"], name


def test_a_chip_of_the_users_own_is_added() -> None:
    chips = load_chips({"abacus": {"resourceName": "beads.example/row", "devicesPerResource": 10}})
    assert not isinstance(chips, Invalid)
    assert chips["abacus"].resource_name == "beads.example/row"
    assert chips["nvidia"].resource_name == "nvidia.com/gpu"


def test_one_key_of_a_known_chip_is_replaced_and_the_rest_stays() -> None:
    chips = load_chips({"iluvatar": {"resourceName": "iluvatar.ai/gpu"}})
    assert not isinstance(chips, Invalid)
    assert chips["iluvatar"].resource_name == "iluvatar.ai/gpu"
    assert chips["iluvatar"].devices_per_resource == 2


@pytest.mark.parametrize("own", [{"abacus": {"beads": 10}}, {"abacus": 10}])
def test_a_chip_that_is_said_wrongly_is_named(own: dict[str, object]) -> None:
    found = load_chips(own)
    assert isinstance(found, Invalid)
    assert "abacus" in found.message


@pytest.mark.parametrize(
    ("image", "vllm", "plugin"),
    [
        (
            (
                "harbor.example/flagrelease-nvidia-gems_4.2.1rc0-tree_0.4-flagos_1.6-vllmpluginfl_0.0.0"
                "-flagcx_0.1.0-vllm_0.13.0-amd64"
            ),
            "0.13.0",
            "0.0.0",
        ),
        (
            (
                "harbor.example/minicpm5-2b-nvidia004-gems5.3.5-tree0.6.2-cxnone-plugin0.0.0-vllm0.24.0"
                "-cp312-pt211-cu129-x64-580.105.08:202609031409"
            ),
            "0.24.0",
            "0.0.0",
        ),
        (
            "harbor.example/vllm0.24.0-hygon-dtk26.04:2.1.2-0.3.0rc2.post1_gc9bbcf0.d20260914",
            "0.24.0",
            "0.3.0rc2.post1",
        ),
        ("localhost/vllm-cpu:0.32.0", "0.32.0", None),
        ("registry.example/anything:latest", None, None),
    ],
)
def test_versions_are_read_from_each_generation_of_names(
    image: str, vllm: str | None, plugin: str | None
) -> None:
    found = hints(image)
    assert (found.vllm, found.vllm_plugin_fl) == (vllm, plugin)
