"""Input: a wish that nothing serves. Asserted: whether the cluster can change that, or a user."""

from __future__ import annotations

import pytest

from flagos_operator.api.spec import FlagOSModelSpec, parse
from flagos_operator.desired.candidates import wish as wish_of
from flagos_operator.desired.chipnames import likest_first
from tests.unit.desired.market import BOTH, CHIPS, METAX, NVIDIA, chosen, full, node, row, wish

BIG = row("nvidia", weights=10**15)
GONE = {**full("n1", "nvidia"), **full("n2", "metax")}


@pytest.mark.parametrize(
    ("rows", "nodes", "taken"),
    [
        ((NVIDIA,), (BOTH[1],), {}),
        ((NVIDIA, METAX), BOTH, GONE),
        ((row("nvidia", devices=16),), BOTH, {}),
        ((NVIDIA,), (node("n1", "nvidia", cordoned=True),), {}),
        ((row("nvidia", verdict="Failed"), METAX), (BOTH[0],), {}),
    ],
    ids=["absent", "full", "too small", "cordoned", "one of two may come"],
)
def test_what_nodes_can_bring_is_waited_for(rows, nodes, taken):
    fault = chosen(wish(), rows, nodes, taken=taken).fault
    assert (fault.reason, fault.needs_user) == ("NoReleaseFits", False)
    assert "It is looked at again when the cluster changes" in fault.message


@pytest.mark.parametrize(
    "each",
    [
        row("nvidia", verdict="Failed"),
        row("nvidia", nodes=2),
        row("nvidia", image=""),
        row("moon"),
        row("nvidia", image="registry.example/x-metax001:1"),
    ],
    ids=["failed", "many nodes", "no image", "chip of the row", "image of another vendor"],
)
def test_what_no_node_can_bring_waits_for_somebody(each):
    fault = chosen(wish(), (each,), BOTH).fault
    assert (fault.reason, fault.needs_user) == ("NoReleaseFits", True)
    assert "looked at again" not in fault.message
    assert "Nothing that comes to the cluster changes that" in fault.message


def test_a_model_that_is_not_published_for_the_chips_waits_for_somebody():
    fault = chosen(wish("ascend"), (NVIDIA, METAX), BOTH).fault
    assert (fault.reason, fault.needs_user) == ("NoReleaseFits", True)


def test_a_chip_that_nobody_knows_is_named_with_those_that_are_known():
    fault = chosen(wish("nvida"), (NVIDIA, METAX), BOTH).fault
    assert (fault.reason, fault.needs_user) == ("UnknownChip", None)
    assert fault.message.startswith(
        "spec.model.chips[0]: nvida is not known; known are nvidia, arm, ascend, "
    )
    assert "FlagOSChip" in fault.message
    second = chosen(wish("ascend", "metaks"), (NVIDIA, METAX), BOTH).fault
    assert second.message.startswith("spec.model.chips[1]: metaks is not known; known are metax, ")


def test_the_field_is_spec_chip_where_that_says_it():
    raw = {
        "metadata": {"name": "x"},
        "spec": {"model": {"name": "MiniCPM-o-4.5"}, "chip": "nvida"},
    }
    spec = parse(raw)
    assert isinstance(spec, FlagOSModelSpec)
    fault = chosen(wish_of(spec), (NVIDIA,), BOTH).fault
    assert fault.message.startswith("spec.chip: nvida is not known; known are nvidia, ")


def test_a_chip_that_nobody_knows_is_in_nobodys_way():
    """It was accepted before, and the next one of the list serves."""
    asked = wish("nvida", "metax")
    assert chosen(asked, (NVIDIA, METAX), BOTH).chosen.chip == "metax"
    fault = chosen(asked, (NVIDIA, METAX), (BOTH[0],)).fault
    assert (fault.reason, fault.needs_user) == ("NoReleaseFits", False)
    assert "; spec.model.chips[0]: nvida is not known." in fault.message


def test_the_likest_comes_first_and_all_are_listed():
    assert likest_first("nvida", CHIPS)[0] == "nvidia"
    assert sorted(likest_first("nvida", CHIPS)) == sorted(CHIPS)
