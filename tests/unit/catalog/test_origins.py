"""Whose chip an image is for, by its name: every published one, and names that say too little."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from flagos_operator.catalog.origins import VENDORS, Origin, origin

DATA = Path(__file__).parents[2] / "data"
# The vendor is that of the row: what really ran there.
ROWS = {
    row["spec"]["image"]: row["spec"]["chip"]
    for row in yaml.safe_load_all((DATA / "flagrelease.yaml").read_text())
    if row and "image" in row["spec"]
}
LISTED = [row["image"] for row in yaml.safe_load((DATA / "published-images.yaml").read_text())]


def test_there_are_images_of_most_vendors() -> None:
    assert len(set(ROWS.values())) >= 9


@pytest.mark.parametrize("image", ROWS)
def test_a_published_image_is_for_the_chip_of_its_row(image: str) -> None:
    assert origin(image).vendor == ROWS[image]


@pytest.mark.parametrize("image", LISTED)
def test_each_image_of_the_list_says_one_vendor(image: str) -> None:
    assert origin(image).vendor in VENDORS


HARBOR = "harbor.baai.ac.cn"


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (
            "flagrelease-public/minicpm5-2b-nvidia004-gems5.3.5-tree0.6.2-cxnone-plugin0.0.0-vllm0.24.0-cp312-pt211-cu129-x64-580.105.08:202609031409",
            Origin(vendor="nvidia", chip="H100", arch="amd64", driver="580.105.08", cuda="12.9"),
        ),
        (
            "flagrelease-public/qwq-32b-nvidia003-gems5.0.2-vllm0.20.2-cp312-pt211-cu130-x64-570.158.01:202608060224-v2",
            Origin(vendor="nvidia", chip="H20", arch="amd64", driver="570.158.01", cuda="13.0"),
        ),
        (
            "flagrelease-public/flagrelease-nvidia-release-model_qwen3-8b-tree_none-gems_3.0-scale_0.8.0-cx_none-python_3.12.10-torch_2.7.1-pcp_cuda12.4-gpu_nvidia004-arc_amd64-driver_535.161.08:2510211417",
            Origin(vendor="nvidia", chip="H100", arch="amd64", driver="535.161.08", cuda="12.4"),
        ),
        (
            "flagrelease-public/qwen3.8-27b-hygon001-vllm0.20.0-cp310-pt210-dtk2604-x64-6.3.30-v1.4.1a:202608131925",
            Origin(vendor="hygon", chip="BW1000", arch="amd64", driver="6.3.30"),
        ),
        (
            "flagrelease-public/glm53-flash-tsingmicro001-cp310-pt211-raisa0.2927-x64-v0.29277.8:1",
            Origin(vendor="tsingmicro", arch="amd64", driver="0.29277.8"),
        ),
        (
            "flagrelease-public/minicpm5-2b-ascend001-cp311-ptnpu28-cann85-a64-25.5.0:1",
            Origin(vendor="ascend", chip="910B", arch="arm64", driver="25.5.0"),
        ),
        (
            "flagrelease-public/flagrelease-nvidia-gems_4.2.1rc0-tree_0.4-flagos_1.6-amd64",
            Origin(vendor="nvidia", arch="amd64"),
        ),
        ("flagrelease-public/x-nvidia099-cp312:1", Origin(vendor="nvidia")),
        ("plugin/vllm-plugin-fl:v0.28.0-cuda-ci", Origin(vendor="nvidia")),
        ("plugin/vllm-plugin-fl:v0.28.0-thead-ci-20261009", Origin(vendor="zhenwu")),
        ("plugin/vllm-plugin-fl:v0.28.0-hygon-ci", Origin(vendor="hygon")),
        ("flagos-dev/vllm-plugin-fl:v0.20.2-musa-ci", Origin(vendor="mthreads")),
        (
            "plugin/vllm-plugin-fl:ascend-vllm0.28.0-a3-ci-20260922-r5-gas-clean",
            Origin(vendor="ascend"),
        ),
        (
            "flagos-app/vllm0.24.0-hygon-dtk26.04:2.1.2-0.3.0rc2.post1_gc9bbcf0.d20260914",
            Origin(vendor="hygon"),
        ),
    ],
)
def test_the_name_says_chip_architecture_driver_and_toolkit(image: str, said: Origin) -> None:
    assert origin(f"{HARBOR}/{image}") == said


@pytest.mark.parametrize(
    "image",
    [
        "vllm/vllm-openai:v0.24.0",
        "vllm/vllm-openai:v0.26.0-cu129",
        "lmsysorg/sglang:v0.5.11-cu129",
        "localhost/vllm-cpu:0.32.0",
        "registry.example:5000/anything:latest",
        "registry.example/base@sha256:metax001",
        # whose model, not whose chip
        "registry.example/nvidia-nemotron-nano-9b-v2:1",
        "registry.example/sunrise-7b:1",
        "registry.example/ascend-72b-instruct:1",
        "registry.example/tang-poems-72b:1",
        "nvcr.io/nvidia/nemotron:25.1",
        # whose registry or folder
        "registry.metax001.example/metax001/vllm:1",
        "hygon.example/dtk26.04/base:1",
        # a pipeline, an architecture, a dialect
        "registry.example/vllm-pp2:1",
        "registry.example/vllm-arm64:0.24.0",
        "registry.example/vllm-cuda:12.9",
        # two say two things
        "registry.example/qwen-nvidia004-metax001:1",
        "registry.example/flagrelease-nvidia-dtk26.04:1",
    ],
)
def test_a_name_that_does_not_say_it_plainly_says_no_vendor(image: str) -> None:
    assert origin(image).vendor is None
