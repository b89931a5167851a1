"""What speaks against a pod before there is one, and what is left to be tried."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flagos_operator.api.outcome import Invalid
from flagos_operator.api.spec import CompleteSpec, parse
from flagos_operator.catalog.catalogue import builtin
from flagos_operator.catalog.memory.estimate import GIB, Load, estimate
from flagos_operator.catalog.origins import VENDORS
from flagos_operator.desired import fits
from flagos_operator.desired.asked import Asked
from flagos_operator.desired.bid import Bid
from flagos_operator.desired.candidates import candidates
from flagos_operator.desired.fits import Misfit
from flagos_operator.desired.given import Defaults, Meta
from flagos_operator.desired.room import Room, eased
from flagos_operator.desired.selection import devices_of
from flagos_operator.desired.stock import Hardware
from flagos_operator.desired.wish import Wish
from tests.unit.desired.build import DEFAULTS, chips, model, outcome, plan

DATA = Path(__file__).parents[2] / "data"
ROWS = [
    (row["spec"]["chip"], row["spec"]["image"])
    for row in yaml.safe_load_all((DATA / "flagrelease.yaml").read_text())
    if row and "image" in row["spec"]
]
WISH = Wish(name="any")
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


def test_a_model_with_an_image_for_another_chip_is_told_before_any_pod_and_gets_its_pods() -> None:
    made = plan(chip="nvidia", image=METAX)
    (doubt,) = made.doubts
    assert doubt.reason == "ImageForAnotherChip"
    assert doubt.message == f"the image is for metax by its name, not for nvidia: {METAX}"
    assert made.template == plan(chip="nvidia", image=METAX, versions={"chip": "nvidia"}).template


@pytest.mark.parametrize("said", ["nvidia", "anything"])
def test_a_users_word_about_the_image_wins_over_its_name(said: str) -> None:
    assert plan(chip="nvidia", image=METAX, versions={"chip": said}).doubts == ()


def test_a_users_word_counts_for_an_image_that_says_nothing() -> None:
    (doubt,) = plan(chip="nvidia", versions={"chip": "metax"}).doubts
    assert doubt.message.startswith("the image is for metax by versions.chip, not for nvidia: ")


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
        (8, [4, 2], "no node has 8 metax-tech.com/gpu; the largest has 4"),
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


EASED = [
    ["--cpu-offload-gb=20"],
    ["--cpu_offload_gb", "20"],
    ["--cpu-off", "20"],
    ["--quantization", "fp8"],
    ["-q", "x"],
    ["--load-format", "bitsandbytes"],
]


@pytest.mark.parametrize("args", EASED)
def test_weights_that_are_made_smaller_on_the_way_are_never_surely_too_large(
    args: list[str],
) -> None:
    big = load(weights=100 * GIB, counted=True, server={"args": args})
    assert estimate(big).sure is False
    assert estimate(load(weights=100 * GIB, counted=True)).sure is True


def test_an_image_and_its_chip_are_no_business_of_a_plain_model() -> None:
    assert not isinstance(outcome(model(chip="cpu", image=METAX)), Invalid)


def roomy(*, resources: int = 1, per_resource: int = 1, gib: int = 32) -> Room:
    return Room(resources=resources, per_resource=per_resource, each=gib * GIB)


@pytest.mark.parametrize(
    ("size", "room", "sure"),
    [
        (None, roomy(), None),
        (100 * GIB, None, None),
        (32 * GIB, roomy(), None),
        (33 * GIB, roomy(), False),
        (40 * GIB, roomy(), False),  # a size that somebody said may be a quarter too large
        (41 * GIB, roomy(), True),
        (41 * GIB, roomy(resources=2), None),
        (41 * GIB, roomy(per_resource=2), None),
    ],
)
def test_weights_are_compared_with_all_devices_of_a_pod(
    size: int | None,
    room: Room | None,
    sure: bool | None,  # noqa: FBT001 - a column
) -> None:
    doubt = fits.weights(size, room, told="by its card")
    assert (None if doubt is None else doubt.sure) is sure


def test_what_has_no_room_is_told_with_its_arithmetic_and_what_it_takes() -> None:
    one = fits.weights(100 * GIB, roomy(), told="by its card")
    two = fits.weights(130 * GIB, roomy(per_resource=2), told="by its card")
    assert one is not None
    assert two is not None
    assert one.message == (
        "the weights alone, 100.0 GiB by its card, exceed 1 device of 32.0 GiB "
        "by the chip's profile; it takes spec.devices 4 at least"
    )
    assert (
        "exceed 2 devices x 32.0 GiB = 64.0 GiB by the chip's profile; it takes spec.devices 3"
        in two.message
    )


@pytest.mark.parametrize(
    "words",
    [
        *EASED,
        ["bash", "-c", "source env.sh; vllm serve /models/x --quantization fp8"],
        ["bash", "-c", "vllm serve /models/x '--cpu-offload-gb=8'"],
        ["--offload-group-size", "8"],
    ],
)
def test_what_may_hold_less_than_its_weights_has_room_for_all_that_is_known(
    words: list[str],
) -> None:
    assert eased(words)


@pytest.mark.parametrize(
    "words", [[], ["--max-model-len", "8"], ["-tp=2"], ["--", "-"], ["serve", "/models/q"]]
)
def test_other_words_ease_nothing(words: list[str]) -> None:
    assert not eased(words)


def test_a_chip_tells_the_room_of_a_pod() -> None:
    found = plan(chip="iluvatar", devices=2).room
    assert found == Room(resources=2, per_resource=2, each=32 * GIB)
    assert found.total == 128 * GIB


@pytest.mark.parametrize(
    "spec",
    [
        {"chip": "nvidia"},  # boards of many sizes
        {"chip": "metax", "devices": 0},
        {"chip": "metax", "deviceResourceName": "metax-tech.com/sgpu"},  # a part of a device
        {"chip": "metax", "server": {"args": ["--quantization", "fp8"]}},
    ],
)
def test_where_it_is_not_known_there_is_no_room_to_compare_with(spec: dict[str, Any]) -> None:
    assert plan(**spec).room is None


@pytest.mark.parametrize(
    ("chip", "then"),
    [
        ("nvidia", "no nvidia.com/gpu is asked for, and the server runs without a device"),
        ("ascend", "and its privileged pods see all devices of their node, those of others too"),
    ],
)
def test_no_device_of_a_chip_that_has_some_is_told(chip: str, then: str) -> None:
    (doubt,) = plan(chip=chip, devices=0).doubts
    assert doubt.reason == "WithoutDevices"
    assert doubt.message.startswith("devices is 0: no ")
    assert doubt.message.endswith(then)


@pytest.mark.parametrize(
    "spec",
    [
        {"chip": "cpu", "devices": 0},
        {"chip": "sunrise"},  # no plugin hands its devices out
        {"chip": "nvidia"},
        {"chip": "nvidia", "devices": 0, "server": {"resources": {"claims": [{"name": "gpu"}]}}},
    ],
)
def test_no_device_is_no_doubt_where_there_is_none_or_a_claim_brings_it(
    spec: dict[str, Any],
) -> None:
    assert plan(**spec).doubts == ()


def test_no_shipped_row_is_left_out_for_its_own_chip() -> None:
    shipped = builtin()
    assert not isinstance(shipped, Invalid)
    sizes = 0
    for each in candidates(shipped):
        chip = shipped.chips[each.chip]
        sizes += each.weights is not None
        resource, devices = chip.resource_name or "", devices_of(each, chip)
        bid = Bid(each=each, chip=chip, wish=WISH, resource=resource, devices=devices)
        assert bid.misfit(Hardware()) is None, each.release
    assert sizes >= 10
