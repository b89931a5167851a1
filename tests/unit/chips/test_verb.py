"""`flagos-operator chips`: what a stock of devices looks like to a person and to a program."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from flagos_operator import chips as verb
from flagos_operator.catalog.chips import load_chips
from flagos_operator.desired.stock import Stock, stock
from flagos_operator.observed.nodes import NodeFacts

CHIPS = load_chips({"odd": {"visibleDevicesEnv": "ODD_VISIBLE_DEVICES"}})


def a_node(name, *, cordoned=False, labels=None, **devices):
    return NodeFacts(
        name=name,
        hostname=name,
        ready=True,
        cordoned=cordoned,
        labels=labels or {},
        taints=(),
        devices={key.replace("__", "/").replace("_", "."): n for key, n in devices.items()},
    )


H200 = {
    "nvidia.com/gpu.product": "NVIDIA-H200",
    "nvidia.com/gpu.memory": "143771",
    "nvidia.com/cuda.driver-version.full": "580.65.06",
}
NODES = (
    a_node("n1", labels=H200, nvidia_com__gpu=8),
    a_node("n2", labels=H200, nvidia_com__gpu=8, cordoned=True),
    a_node("n3", iluvatar_ai__gpu=2),
    a_node("n4", rdma__hca=1),
)
SEEN = stock(NODES, taken={("n1", "nvidia.com/gpu"): 3})


def told(capsys, goods, *, as_json=False):
    code = verb.tell(goods, CHIPS, as_json=as_json)
    return code, capsys.readouterr().out


def test_each_sort_of_chip_is_a_line(capsys):
    code, out = told(capsys, SEEN)
    head, *lines = (line.split() for line in out.splitlines())
    assert code == 0
    assert head[:6] == ["CHIP", "RESOURCE", "NODES", "TOTAL", "FREE", "USED"]
    assert next(line[:7] for line in lines if line[0] == "nvidia") == [
        "nvidia",
        "nvidia.com/gpu",
        "2",
        "16",
        "5",
        "3",
        "NVIDIA-H200",
    ]
    assert "580.65.06" in out
    assert "143771 MiB" in out


def test_another_resource_of_a_known_vendor_and_an_unknown_one_are_shown_as_they_are(capsys):
    _, out = told(capsys, SEEN)
    lines = [line.split()[:2] for line in out.splitlines()]
    assert ["iluvatar", "iluvatar.ai/gpu"] in lines
    assert ["-", "rdma/hca"] in lines


def test_chips_that_nobody_can_count_are_named(capsys):
    assert "nobody can count: odd" in told(capsys, SEEN)[1]


def test_a_program_gets_the_same(capsys):
    found = json.loads(told(capsys, SEEN, as_json=True)[1])
    nvidia = next(each for each in found["chips"] if each["chip"] == "nvidia")
    assert (nvidia["free"], nvidia["used"], nvidia["memoryMiB"]) == (5, 3, 143771)
    assert "odd" in found["withoutDevicePlugin"]


def test_without_the_right_to_list_nodes_it_says_so(capsys):
    code, out = told(capsys, Stock(unknown="the nodes cannot be listed: no"))
    assert code == 1
    assert "cannot be listed" in out
    assert "nodes: list" in out


def test_without_the_right_to_list_pods_only_totals_are_known(capsys):
    code, out = told(capsys, replace(SEEN, uncounted="the pods cannot be listed"))
    assert code == 0
    assert ["nvidia", "nvidia.com/gpu", "2", "16", "?", "?"] in [
        line.split()[:6] for line in out.splitlines()
    ]


@pytest.mark.parametrize("as_json", [True, False])
def test_a_cluster_without_devices_is_no_error(capsys, as_json):
    code, out = told(capsys, stock([a_node("n1")], taken={}), as_json=as_json)
    assert code == 0
    assert as_json or "None of 1 nodes offers a device" in out
