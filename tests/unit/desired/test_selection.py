"""Input: a wish, rows and what a cluster has. Asserted: which row is taken, and what is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flagos_operator.desired.fits import Misfit
from flagos_operator.desired.selection import kept
from flagos_operator.desired.stock import Stock, stock
from flagos_operator.desired.wish import Previous, Why
from tests.unit.desired.market import (
    AMD,
    BOTH,
    HOPPER,
    METAX,
    NVIDIA,
    OLDER,
    RESOURCES,
    SMALL,
    Node,
    Taint,
    chosen,
    full,
    node,
    reasons,
    row,
    wish,
)


@pytest.mark.parametrize(
    ("asked", "rows", "nodes", "taken", "expected"),
    [
        (wish(), (NVIDIA, METAX), (BOTH[0],), {}, "nvidia"),
        (wish(), (NVIDIA, METAX), (BOTH[1],), {}, "metax"),
        (wish("metax", "nvidia"), (NVIDIA, METAX), BOTH, {}, "metax"),
        (wish("nvidia", "metax"), (NVIDIA, METAX), BOTH, {}, "nvidia"),
        (wish("nvidia", "metax"), (NVIDIA, METAX), BOTH, full("n1", "nvidia"), "metax"),
        (wish(), (row("nvidia", tier="V2"), METAX), BOTH, {}, "metax"),
        (wish(), (NVIDIA, row("metax", verdict="Passed")), BOTH, {}, "metax"),
        (wish(), (NVIDIA, row("metax", published="2026-09")), BOTH, {}, "metax"),
        (wish(), (row("nvidia", published="2026-09-03"), OLDER), BOTH, {}, "nvidia"),
        (wish(), (row("cpu", tier="V4"), NVIDIA), BOTH, {}, "nvidia"),
        (wish(), (row("cpu"),), BOTH, {}, "cpu"),
        (wish(devices=9), (NVIDIA, METAX), (BOTH[0], node("n2", "metax", 16)), {}, "metax"),
    ],
    ids=[
        "the one that is there", "the other one that is there", "the user's order",
        "the user's other order", "the first is full", "the higher tier", "the one that passed",
        "the dated one", "the newest", "a chip before a processor", "a processor at last",
        "devices of the user's own count",
    ],
)  # fmt: skip
def test_the_best_that_fits_is_taken(asked, rows, nodes, taken, expected):
    assert chosen(asked, rows, nodes, taken=taken).chosen.chip == expected


@pytest.mark.parametrize(
    ("each", "nodes", "taken", "reason", "words"),
    [
        (NVIDIA, (BOTH[1],), {}, Why.ABSENT, "no node has nvidia.com/gpu"),
        (NVIDIA, BOTH, full("n1", "nvidia", 8), Why.NOT_ENOUGH_FREE, "n1, has 0 of 8 free"),
        (
            row("nvidia", devices=16),
            BOTH,
            {},
            SMALL,
            "no node has 16 nvidia.com/gpu; the largest has 8",
        ),
        (row("nvidia", verdict="Failed"), BOTH, {}, Why.VERDICT_FAILED, "only spec.release"),
        (row("nvidia", nodes=2), BOTH, {}, Why.MULTI_NODE, "needs 2 nodes"),
        (row("nvidia", image=""), BOTH, {}, Why.IMAGE_REQUIRED, "set spec.image"),
        (row("moon"), BOTH, {}, Why.UNKNOWN_CHIP, "no chip is called moon"),
        (row("odd", devices=1), BOTH, {}, Why.ABSENT, "no device plugin tells"),
        (NVIDIA, (node("n1", "nvidia", cordoned=True),), {}, Why.UNSCHEDULABLE, "1 cordoned"),
        (NVIDIA, (node("n1", "nvidia", ready=False),), {}, Why.UNSCHEDULABLE, "1 not ready"),
        (
            NVIDIA,
            (node("n1", "nvidia", labels={"kubernetes.io/arch": "arm64"}),),
            {},
            Why.UNSCHEDULABLE,
            "1 without the label kubernetes.io/arch=amd64",
        ),
        (
            NVIDIA,
            (node("n1", "nvidia", taints=(Taint("team", "a"),)),),
            {},
            Why.UNSCHEDULABLE,
            "1 tainted team:NoSchedule",
        ),
    ],
    ids=lambda each: str(each) if isinstance(each, (Why, Misfit)) else "",
)
def test_each_row_that_is_not_taken_says_why(each, nodes, taken, reason, words):
    found = chosen(wish(), (each,), nodes, taken=taken)
    (told,) = found.rejected
    assert found.chosen is None
    assert (told.reason, found.fault.reason) == (reason, "NoReleaseFits")
    assert words in told.message
    assert words in found.fault.message


def test_one_that_would_fit_too_says_which_came_first():
    (told,) = chosen(wish(), (NVIDIA, METAX), BOTH).rejected
    assert told.reason == Why.OUTRANKED
    assert "comes first" in told.message


def test_the_taints_of_a_chips_own_nodes_are_tolerated():
    tainted = node("n1", "nvidia", taints=(Taint("nvidia.com/gpu", "present"),))
    assert chosen(wish(), (NVIDIA,), (tainted,)).chosen


def test_a_user_can_say_which_nodes():
    here = wish(node_selector={"zone": "b"}, tolerations=({"operator": "Exists"},))
    nodes = (
        node("n1", "nvidia", labels=AMD | {"zone": "a"}),
        node("n2", "nvidia", labels=AMD | {"zone": "b"}, taints=(Taint("team"),)),
    )
    assert chosen(here, (NVIDIA,), nodes).chosen.node == "n2"


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("In", ["b"], "n2"),
        ("NotIn", ["a"], "n2"),
        ("Exists", [], "n1"),
        ("Gt", ["1"], None),
    ],
)
def test_required_affinity_counts(operator, values, expected):
    term = {"matchExpressions": [{"key": "zone", "operator": operator, "values": values}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    nodes = (
        node("n1", "nvidia", labels=AMD | {"zone": "a"}),
        node("n2", "nvidia", labels=AMD | {"zone": "b"}),
    )
    found = chosen(wish(affinity={"nodeAffinity": required}), (NVIDIA,), nodes)
    assert (found.chosen and found.chosen.node) == expected


def test_a_chip_that_nobody_counts_is_taken_where_the_user_names_it():
    assert chosen(wish("odd"), (row("odd", devices=1),), BOTH).chosen.chip == "odd"


def test_another_resource_of_the_vendor_is_told():
    older = Node("n1", {"iluvatar.ai/gpu": 2})
    (told,) = chosen(wish(), (row("iluvatar"),), (older,)).rejected
    assert "there is iluvatar.ai/gpu" in told.message


def test_a_slice_of_one_vendor_leaves_out_the_others():
    found = chosen(
        wish(resource="nvidia.com/mig-1g.10gb"),
        (NVIDIA, METAX),
        (Node("n1", {"nvidia.com/mig-1g.10gb": 2}), BOTH[1]),
    )
    assert found.chosen.resource == "nvidia.com/mig-1g.10gb"
    assert reasons(found) == {"metax": Why.OTHER_RESOURCE}


def test_pods_that_wait_for_their_node_come_first():
    waiting = {(RESOURCES["nvidia"], 8): 1}
    assert (
        chosen(wish("nvidia", "metax"), (NVIDIA, METAX), BOTH, waiting=waiting).chosen.chip
        == "metax"
    )


def test_a_pod_that_fits_nowhere_takes_nothing():
    waiting = {(RESOURCES["nvidia"], 64): 1}
    assert (
        chosen(wish("nvidia", "metax"), (NVIDIA, METAX), BOTH, waiting=waiting).chosen.chip
        == "nvidia"
    )


def test_a_model_does_not_stand_in_its_own_way():
    taken = full("n1", "nvidia")
    found = chosen(wish("nvidia", "metax"), (NVIDIA, METAX), BOTH, taken=taken, own=taken)
    assert found.chosen.chip == "nvidia"


def with_driver(name, version):
    return node(name, "nvidia", labels=AMD | {"nvidia.com/gpu.driver-version": version})


def test_a_driver_that_is_too_old_leaves_out_nodes_and_at_last_the_row():
    nodes = (with_driver("n1", "470.57.02"), with_driver("n2", "580.65.06"))
    asked = wish(image=HOPPER)
    assert chosen(asked, (NVIDIA,), nodes).chosen.node == "n2"
    (told,) = chosen(asked, (NVIDIA,), nodes[:1]).rejected
    assert (told.reason, told.message) == (
        "DriverTooOld",
        "driver 470.57.02 is too old for CUDA 13.0, which asks for 580",
    )
    full_one = chosen(asked, (NVIDIA,), nodes, taken=full("n2", "nvidia"))
    (told,) = full_one.rejected
    assert told.reason == "NotEnoughFree"
    assert told.message.endswith(
        "n2, has 0 of 8 free; on other nodes driver 470.57.02 is too old for CUDA 13.0, which "
        "asks for 580"
    )


def of_memory(name, chip, mebibytes, **more):
    domain = RESOURCES[chip].partition("/")[0]
    return node(name, chip, labels=AMD | {f"{domain}/gpu.memory": str(mebibytes)}, **more)


GB = 10**9
BIG = row("nvidia", weights=65 * GB + GB // 2)
A30, H200 = of_memory("n1", "nvidia", 24576), of_memory("n2", "nvidia", 143771)


class TestMemory:
    """Weights that surely do not fit into the sort of chip that is free."""

    def test_that_labels_tell_leaves_out_nodes_and_at_last_the_row(self):
        assert chosen(wish(), (BIG,), (A30, H200)).chosen.node == "n2"
        found = chosen(wish(), (BIG,), (A30,))
        (told,) = found.rejected
        assert told.reason == "InsufficientDeviceMemory"
        assert told.message == (
            "the weights alone, 61.0 GiB by published.size, exceed 1 device of 24.0 GiB "
            "by node labels; it takes spec.devices 3 at least"
        )
        assert told.message in found.fault.message
        assert found.fault.reason == "NoReleaseFits"

    def test_that_is_free_alone_is_not_enough(self):
        found = chosen(wish(), (BIG,), (A30, H200), taken=full("n2", "nvidia"))
        (told,) = found.rejected
        assert told.reason == "NotEnoughFree"
        assert "n2, has 0 of 8 free; on other nodes the weights alone, 61.0 GiB" in told.message

    def test_lets_the_next_vendors_row_be_taken(self):
        rows = (BIG, row("metax", weights=65 * GB))
        found = chosen(wish("nvidia", "metax"), rows, (A30, BOTH[1]))
        assert found.chosen.chip == "metax"
        assert reasons(found) == {"nvidia": "InsufficientDeviceMemory"}

    def test_is_that_of_all_devices_of_a_pod(self):
        assert chosen(wish(devices=3), (BIG,), (A30,)).chosen.devices == 3

    def test_is_the_chips_where_no_label_tells_it(self):
        metax = row("metax", weights=100 * GB)
        (told,) = chosen(wish(), (metax,), BOTH).rejected
        assert told.reason == "InsufficientDeviceMemory"
        assert "exceed 1 device of 64.0 GiB by the chip's profile" in told.message
        seen = of_memory("n2", "metax", 131072)
        assert chosen(wish(), (metax,), (seen,)).chosen

    def test_counts_without_a_look_at_the_nodes(self):
        (told,) = chosen(
            wish("metax"), (row("metax", weights=100 * GB),), (), stock=BLIND
        ).rejected
        assert told.reason == "InsufficientDeviceMemory"

    @pytest.mark.parametrize(
        ("asked", "published"),
        [
            (wish(), {"weights": None}),
            (wish(), {"weights": 28 * GB}),  # 26.1 of 24 GiB: it may be a size that is rounded
            (wish(own_weights=True), {}),  # a quantised copy of the user's own
            (wish(flags=("--quantization", "fp8")), {}),
            (wish(), {"flags": ("--cpu-offload-gb", "48")}),
        ],
    )
    def test_refuses_nothing_that_is_not_sure(self, asked, published):
        assert chosen(asked, (replace(BIG, **published),), (A30,)).chosen

    def test_of_a_slice_is_not_known(self):
        slices = Node("n1", {"nvidia.com/gpu.shared": 8}, labels=A30.labels)
        assert chosen(wish(resource="nvidia.com/gpu.shared"), (BIG,), (slices,)).chosen

    def test_in_a_unit_that_nobody_tells_is_not_known(self):
        assert chosen(wish(), (BIG,), (of_memory("n1", "nvidia", 80),)).chosen


@pytest.mark.parametrize(
    ("asked", "published", "reason"),
    [
        ({}, {}, "ImageForAnotherChip"),
        ({"made_for": "metax"}, {}, None),
        ({}, {"made_for": "metax"}, None),
        ({"image": "registry.local/x-nvidia004:2"}, {"made_for": "metax"}, "ImageForAnotherChip"),
    ],
)
def test_the_word_of_a_row_or_a_user_wins_over_an_images_name(asked, published, reason):
    each = row("metax", image="registry.local/x-nvidia004:1", **published)
    found = chosen(wish(**asked), (each,), BOTH)
    assert (found.rejected[0].reason if found.rejected else None) == reason


@pytest.mark.parametrize("name", ["minicpm-o-4.5", "MiniCPM_o 4.5", "FlagRelease/minicpmo45"])
def test_case_and_punctuation_do_not_count(name):
    assert chosen(wish(name=name), (NVIDIA,), BOTH).chosen


def test_two_models_of_the_same_letters_are_two():
    rows = (row("nvidia", "Qwen3-4B"), row("nvidia", "Qwen-34B"))
    assert chosen(wish(name="qwen-34b"), rows, BOTH).chosen.release == "qwen-34b-nvidia"
    assert chosen(wish(name="qwen34b"), rows, BOTH).fault.reason == "UnknownModel"


def test_an_unknown_model_is_offered_what_is_close():
    fault = chosen(wish(name="MiniCPM-o-4.6"), (NVIDIA,), BOTH).fault
    assert fault.reason == "UnknownModel"
    assert "did you mean MiniCPM-o-4.5?" in fault.message


def test_a_model_that_is_published_for_other_chips_says_for_which():
    fault = chosen(wish("ascend"), (NVIDIA, METAX), BOTH).fault
    assert fault.reason == "NoReleaseFits"
    assert "published for metax, nvidia, not for ascend" in fault.message


BLIND = Stock(unknown="the nodes cannot be listed: no")


def test_without_a_look_at_nodes_the_users_order_is_taken_and_said_to_be_unchecked():
    found = chosen(wish("metax", "nvidia"), (NVIDIA, METAX), (), stock=BLIND)
    assert found.chosen.chip == "metax"
    assert found.unchecked == BLIND.unknown


def test_without_a_look_at_nodes_and_an_order_nothing_is_guessed():
    fault = chosen(wish(), (NVIDIA, METAX), (), stock=BLIND).fault
    assert fault.reason == "InventoryUnknown"
    assert "name the chips" in fault.message


def test_without_a_look_at_nodes_the_only_chip_is_taken():
    assert chosen(wish(), (NVIDIA,), (), stock=BLIND).chosen


def test_without_a_look_at_pods_what_nodes_have_in_all_counts():
    goods = replace(stock(BOTH, taken={}), uncounted="no")
    found = chosen(wish("nvidia"), (NVIDIA,), (), stock=goods)
    assert "n1 has 8 in all" in found.chosen.message
    assert found.unchecked == "no"


@pytest.mark.parametrize(
    ("asked", "stays"),
    [
        (wish("nvidia"), True),
        (wish("nvidia", devices=4, node_selector={"a": "b"}), True),
        (wish("metax", "nvidia"), False),
        (wish("nvidia", name="Qwen3-4B"), False),
    ],
)
def test_a_choice_stays_until_something_else_is_asked_for(asked, stays):
    before = Previous(wish=wish("nvidia").words, release="r", chip="nvidia")
    assert kept(asked, previous=before) is stays


@pytest.mark.parametrize(
    ("chip", "image", "driver", "reason"),
    [
        ("nvidia", HOPPER, "580.65.06", None),
        ("nvidia", HOPPER, "", None),
        ("nvidia", HOPPER, "470.57.02", "DriverTooOld"),
        ("metax", HOPPER, "", "ImageForAnotherChip"),
        ("nvidia", "registry.local/mine:1", "470.57.02", None),
    ],
)
def test_what_is_sure_of_image_and_driver_counts(chip, image, driver, reason):
    labels = AMD | {"nvidia.com/gpu.driver-version": driver}
    here = (node("n1", chip, labels=labels),)
    found = chosen(wish(image=image), (row(chip),), here)
    assert (found.rejected[0].reason if found.rejected else None) == reason
