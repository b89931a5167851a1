"""What speaks against a pod before there is one, and what is left to be tried."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from flagos_operator.api.outcome import Invalid
from flagos_operator.api.release import FlagOSReleaseSpec
from flagos_operator.api.spec import CompleteSpec, parse
from flagos_operator.catalog.catalogue import builtin
from flagos_operator.catalog.memory.estimate import GIB, Load, Verdict, estimate
from flagos_operator.catalog.origins import VENDORS
from flagos_operator.desired import fits
from flagos_operator.desired.asked import Asked
from flagos_operator.desired.fits import Known, Misfit
from flagos_operator.desired.given import Defaults, Meta
from tests.unit.desired.build import DEFAULTS, chips, model, outcome, plan, refusal

DATA = Path(__file__).parents[2] / "data"
ROWS = [
    (row["spec"]["chip"], row["spec"]["image"])
    for row in yaml.safe_load_all((DATA / "flagrelease.yaml").read_text())
    if row and "image" in row["spec"]
]
METAX = "harbor.example/x-metax001-gems5.0.2-vllm0.20.3-cp312-pt28-maca37-x64-3.8.1:1"
CUDA13 = "harbor.example/x-nvidia003-vllm0.20.2-cp312-pt211-cu130-x64-570.158.01:1"


@pytest.mark.parametrize(("chip", "image"), sorted(set(ROWS)))
def test_no_published_pair_is_refused_and_every_wrong_one_is(chip: str, image: str) -> None:
    assert fits.image(image, chip=chip) is None
    for other in VENDORS - {chip}:
        doubt = fits.image(image, chip=other)
        assert doubt is not None
        assert (doubt.reason, doubt.sure) == (Misfit.IMAGE_FOR_ANOTHER_CHIP, True)


@pytest.mark.parametrize("chip", ["cpu", "my-own", "nvidia-h20"])
def test_a_chip_of_the_users_own_takes_any_image(chip: str) -> None:
    assert fits.image(METAX, chip=chip) is None


def test_a_model_with_an_image_for_another_chip_says_so_before_any_pod() -> None:
    found = refusal(chip="nvidia", image=METAX)
    assert found.reason == "ImageForAnotherChip"
    assert found.message == (
        f"spec.image: {METAX} is for metax, not for nvidia; use an image for it, "
        "or set spec.versions.chip to nvidia if this is one"
    )


@pytest.mark.parametrize("said", ["nvidia", "anything"])
def test_a_users_word_about_the_image_wins_over_its_name(said: str) -> None:
    assert plan(chip="nvidia", image=METAX, versions={"chip": said}).chip == "nvidia"


def test_a_users_word_counts_for_an_image_that_says_nothing() -> None:
    assert refusal(chip="nvidia", versions={"chip": "metax"}).reason == "ImageForAnotherChip"


def test_the_word_rolls_no_pod() -> None:
    assert plan(versions={"chip": "nvidia"}).template == plan().template


@pytest.mark.parametrize(
    ("found", "chip", "sure"),
    [
        ("580.65.06", "nvidia", None),
        ("570.158.01", "nvidia", None),
        ("535.161.08", "nvidia", False),
        ("470.57.02", "nvidia", True),
        (None, "nvidia", None),
        ("", "nvidia", None),
    ],
)
def test_a_nodes_driver_is_compared_with_what_the_image_says(
    found: str | None,
    chip: str,
    sure: bool | None,  # noqa: FBT001 - a column
) -> None:
    doubt = fits.driver(CUDA13, chip=chip, found=found)
    assert (None if doubt is None else doubt.sure) is sure
    assert doubt is None or doubt.reason is Misfit.DRIVER_TOO_OLD


def test_a_driver_below_a_stated_floor_is_surely_too_old() -> None:
    doubt = fits.driver("registry.example/x:1", chip="metax", found="3.3.12", floor="3.8")
    assert doubt is not None
    assert doubt.sure


@pytest.mark.parametrize(
    ("devices", "per_node", "message"),
    [
        (8, [4, 2], "a pod asks for 8 metax-tech.com/gpu, and no node has more than 4"),
        (4, [4, 2], None),
        (8, [], None),  # none at all is another matter
        (8, [0], None),
        (0, [4], None),
    ],
)
def test_a_pod_has_its_devices_on_one_node(
    devices: int, per_node: list[int], message: str | None
) -> None:
    doubt = fits.node(devices, resource="metax-tech.com/gpu", per_node=per_node)
    assert (None if doubt is None else doubt.message) == message


def load(*, weights: int | None = None, counted: bool = False, **spec: Any) -> Load:
    typed = parse(model(**spec))
    assert isinstance(typed, CompleteSpec)
    meta = Meta(namespace="team", name="qwen", uid="u-1", generation=1)
    asked = Asked(spec=typed, meta=meta, defaults=Defaults(**DEFAULTS), chip=chips()[typed.chip])
    return fits.load(asked, device_memory=32 * GIB, weights=weights, counted=counted)


def test_a_model_asks_of_its_devices_what_its_spec_says() -> None:
    asked = load(
        devices=4,
        server={
            "pipelineParallelSize": 2,
            "gpuMemoryUtilization": 0.8,
            "maxModelLen": 8192,
            "args": ["--kv-cache-dtype", "fp8_e4m3", "--enforce-eager"],
        },
    )
    assert (asked.tensor, asked.pipeline, asked.devices) == (2, 2, 4)
    assert (asked.utilization, asked.length, asked.value_bytes) == (0.8, 8192, 1.0)
    assert asked.flagos


def test_a_resource_of_two_devices_is_two() -> None:
    assert load(chip="iluvatar", devices=2).devices == 4


@pytest.mark.parametrize("args", [["--cpu-offload-gb=20"], ["--quantization", "fp8"], ["-q", "x"]])
def test_weights_that_are_made_smaller_on_the_way_are_never_surely_too_large(
    args: list[str],
) -> None:
    big = load(weights=100 * GIB, counted=True, server={"args": args})
    assert estimate(big).sure is False
    assert estimate(load(weights=100 * GIB, counted=True)).sure is True


def test_what_fits_or_is_unknown_is_no_doubt() -> None:
    assert fits.memory(estimate(load())) is None
    assert fits.memory(estimate(load(weights=10 * GIB))) is None


def test_what_does_not_fit_is_told_with_its_arithmetic() -> None:
    found = estimate(load(weights=100 * GIB, counted=True))
    doubt = fits.memory(found)
    assert found.verdict is Verdict.WONT_FIT
    assert doubt is not None
    assert (doubt.reason, doubt.sure) == (Misfit.INSUFFICIENT_DEVICE_MEMORY, True)
    assert doubt.message.startswith("100.0 GiB weights / 1 device + ")
    assert "the weights alone exceed the device" in doubt.message


def test_an_image_and_its_chip_are_no_business_of_a_plain_model() -> None:
    assert not isinstance(outcome(model(chip="cpu", image=METAX)), Invalid)


@dataclass(frozen=True, kw_only=True)
class ARow:
    image: str = METAX
    chip: str = "metax"


@dataclass(frozen=True, kw_only=True)
class ANode:
    driver: str = ""
    memory_mib: int = 0


HUGE = Known(weights=100 * GIB, memory=64 * GIB)


@pytest.mark.parametrize(
    ("row", "node", "known", "reason"),
    [
        (ARow(), ANode(), None, None),
        (ARow(chip="nvidia"), ANode(), None, "ImageForAnotherChip"),
        (ARow(), ANode(driver="3.3.12"), None, None),  # a doubt is not told here
        (ARow(image=CUDA13, chip="nvidia"), ANode(driver="470.57"), None, "DriverTooOld"),
        (ARow(), ANode(memory_mib=65536), None, None),
        (ARow(), ANode(), HUGE, "InsufficientDeviceMemory"),
        (ARow(), ANode(memory_mib=131072), HUGE, None),  # what is seen wins over the profile
        (ARow(), ANode(), replace(HUGE, devices=2), None),
    ],
)
def test_a_release_is_left_out_for_what_is_sure_alone(
    row: ARow, node: ANode, known: Known | None, reason: str | None
) -> None:
    found = fits.objection(row, node, known=known)
    assert (None if found is None else found[0]) == reason


def row(**said: Any) -> FlagOSReleaseSpec:
    return FlagOSReleaseSpec.model_validate({"model": "Abacus-7B", "chip": "metax"} | said)


def test_a_row_tells_the_size_of_its_weights_and_its_chip_the_memory_of_a_device() -> None:
    metax = chips()["metax"].model_copy(update={"memory_per_device": "64Gi"})
    told = row(published={"size": "130G"}, server={"gpuMemoryUtilization": 0.8})
    assert fits.known_of(told, chip=metax) == Known(
        weights=130_000_000_000, devices=1, memory=64 * GIB, utilization=0.8
    )
    found = fits.objection(ARow(), ANode(), known=fits.known_of(told, chip=metax))
    assert found is not None
    assert found[0] == "InsufficientDeviceMemory"


@pytest.mark.parametrize(
    ("said", "devices"),
    [
        ({}, 2),
        ({"devices": 2}, 4),
        ({"devices": 2, "server": {"tensorParallelSize": 3}}, 3),
        ({"server": {"tensorParallelSize": 2, "pipelineParallelSize": 2}}, 4),
        ({"devices": 0}, 1),
    ],
)
def test_a_rows_weights_are_spread_over_its_devices(said: dict[str, Any], devices: int) -> None:
    assert fits.known_of(row(**said), chip=chips()["iluvatar"]).devices == devices


def test_a_row_that_tells_nothing_is_known_to_be_nothing() -> None:
    assert fits.known_of(row(), chip=None) == Known()


def test_no_shipped_row_is_left_out_for_its_own_chip() -> None:
    shipped = builtin()
    assert not isinstance(shipped, Invalid)
    sizes = 0
    for release in shipped.releases.values():
        spec, chip = release.spec, shipped.chips[release.spec.chip]
        known = fits.known_of(spec, chip=chip)
        sizes += known.weights is not None
        seen = ARow(image=spec.image or "", chip=spec.chip)
        assert fits.objection(seen, ANode(), known=known) is None, release.name
    assert sizes >= 10
