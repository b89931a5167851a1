"""What the labels of a node tell of its chips."""

from __future__ import annotations

import pytest

from flagos_operator.desired.stock import hardware


@pytest.mark.parametrize(
    ("resource", "labels", "expected"),
    [
        (
            "nvidia.com/gpu",
            {"nvidia.com/gpu.product": "H200", "nvidia.com/gpu.memory": "143771"}
            | {f"nvidia.com/cuda.driver.{n}": v for n, v in (("major", "580"), ("minor", "65"))},
            ("H200", 143771, "580.65"),
        ),
        ("metax-tech.com/gpu", {"metax-tech.com/gpu.product": "MXC550"}, ("MXC550", 0, "")),
        ("huawei.com/Ascend910", {"accelerator": "huawei-Ascend910"}, ("huawei-Ascend910", 0, "")),
        ("nvidia.com/gpu", {"accelerator": "huawei-Ascend910"}, ("", 0, "")),
        (
            "alibabacloud.com/ppu",
            {"alibabacloud.com/gpu-model-series": "PPU810E"},
            ("PPU810E", 0, ""),
        ),
        ("metax-tech.com/gpu", {"metax-tech.com/gpu.memory": "64GiB"}, ("", 65536, "")),
        ("metax-tech.com/gpu", {"metax-tech.com/gpu.memory": "much"}, ("", 0, "")),
        ("metax-tech.com/gpu", {"metax-tech.com/gpu.memory": "64"}, ("", 0, "")),
    ],
)
def test_labels_of_vendors_tell_what_a_chip_is(resource, labels, expected):
    found = hardware(labels, resource=resource)
    assert (found.product, found.memory_mib, found.driver) == expected
