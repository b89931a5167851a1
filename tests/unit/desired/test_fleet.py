"""What all nodes with a resource have in common, and what that says of a model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flagos_operator.catalog.memory.estimate import GIB
from flagos_operator.desired.fits import Misfit
from flagos_operator.desired.fleet import UNKNOWN, Fleet, doubts, fleets, room
from flagos_operator.desired.stock import Hardware
from tests.unit.desired.market import HOPPER, node
from tests.unit.status.build import a_plan

GPU = "nvidia.com/gpu"
MEMORY, DRIVER = "nvidia.com/gpu.memory", "nvidia.com/cuda.driver-version.full"


def fleet(*nodes):
    return fleets(nodes).get(GPU, UNKNOWN)


def labelled(name, *, memory=None, driver=None, count=8, **more):
    told = {MEMORY: memory, DRIVER: driver}
    labels = {name: str(value) for name, value in told.items() if value}
    return node(name, "nvidia", count, labels=labels, **more)


def told(plan, found):
    return [(each.reason, each.message) for each in doubts(plan, found)]


def test_the_largest_node_counts_also_one_that_takes_no_pod_just_now():
    nodes = (node("n1", "nvidia", 4), node("n2", "nvidia", 8, ready=False), node("n3", "metax"))
    assert fleet(*nodes).most == 8


def test_thousands_of_nodes_that_are_alike_are_one_sort():
    alike = {MEMORY: "81559"}
    nodes = [node(f"n{number}", "nvidia", labels=alike) for number in range(5000)]
    assert fleet(*nodes).sorts == {Hardware(memory_mib=81559)}


def test_a_node_whose_devices_are_all_broken_is_none():
    assert fleets([labelled("n1", memory=81559, count=0)]) == {}


def test_a_pod_that_is_larger_than_any_node_is_told_so():
    assert told(a_plan(devices=16), fleet(node("n1", "nvidia", 8))) == [
        (Misfit.NODE_TOO_SMALL, "no node has 16 nvidia.com/gpu; the largest has 8")
    ]


@pytest.mark.parametrize("nodes", [(), (node("n1", "metax"),), (node("n1", "nvidia", 16),)])
def test_what_fits_or_nobody_offers_is_no_doubt(nodes):
    assert told(a_plan(devices=16), fleet(*nodes)) == []


@pytest.mark.parametrize(
    ("drivers", "expected"),
    [
        (("535.104.5",), "driver 535.104.5 is older than 580, the first for CUDA 13.0"),
        (("470.1", "535.104.5"), "driver 535.104.5 is older than 580"),
        (("470.1",), "driver 470.1 is too old for CUDA 13.0"),
        (("535.104.5", "580.65.6"), ""),
        (("535.104.5", None), ""),
        ((), ""),
    ],
    ids=["old", "the newest speaks", "too old", "one is new", "one is unknown", "no node"],
)
def test_a_driver_is_too_old_if_that_of_each_node_is(drivers, expected):
    nodes = (labelled(f"n{at}", driver=driver) for at, driver in enumerate(drivers))
    found = told(a_plan(image=HOPPER), fleet(*nodes))
    assert [reason for reason, _ in found] == [Misfit.DRIVER_TOO_OLD] * bool(expected)
    assert all(message.startswith(expected) for _, message in found)


@pytest.mark.parametrize(
    ("memories", "expected"),
    [((81559,), "by node labels"), ((24576, 81559), "79.6 GiB"), ((24576, None), ""), ((), "")],
)
def test_the_largest_device_is_compared_if_all_are_known(memories, expected):
    nodes = (labelled(f"n{at}", memory=memory) for at, memory in enumerate(memories))
    found = told(a_plan(published=100 * GIB), fleet(*nodes))
    assert [reason for reason, _ in found] == [Misfit.INSUFFICIENT_DEVICE_MEMORY] * bool(expected)
    assert all(expected in message for _, message in found)


def test_labels_know_better_than_the_profile():
    profile = room(a_plan(), Fleet(sorts=frozenset({Hardware(memory_mib=65536)})))
    assert profile.each == 64 * GIB
    small = a_plan(room=replace(profile, each=4 * GIB))
    assert room(small, UNKNOWN).each == 4 * GIB
    assert room(small, fleet(labelled("n1", memory=65536))).each == 64 * GIB


def test_of_a_part_of_a_device_nothing_is_known():
    assert room(a_plan(boards=0), fleet(labelled("n1", memory=65536))) is None
