"""A cluster's nodes, published rows and a wish, each said in a few words."""

from __future__ import annotations

from dataclasses import dataclass, field

from flagos_operator.catalog.chips import load_chips
from flagos_operator.desired.fits import Misfit
from flagos_operator.desired.selection import choose
from flagos_operator.desired.stock import stock
from flagos_operator.desired.wish import Candidate, Market, Wish

CHIPS = load_chips({"odd": {"visibleDevicesEnv": "ODD_VISIBLE_DEVICES"}})
RESOURCES = {
    "nvidia": "nvidia.com/gpu",
    "metax": "metax-tech.com/gpu",
    "ascend": "huawei.com/Ascend910",
}
AMD = {"kubernetes.io/arch": "amd64"}
HOPPER = "registry.local/x-nvidia004-gems5.0-tree0.5-cxnone-plugin0.3-vllm0.24.0-cuda13.0-x64:1"


@dataclass(frozen=True)
class Taint:
    key: str
    value: str = ""
    effect: str = "NoSchedule"


@dataclass(frozen=True)
class Node:
    name: str
    devices: dict
    labels: dict = field(default_factory=lambda: AMD)
    taints: tuple = ()
    ready: bool = True
    cordoned: bool = False

    @property
    def hostname(self):
        return self.name


def node(name, chip=None, count=8, **more):
    return Node(name, {RESOURCES[chip]: count} if chip else {}, **more)


def row(chip, model="MiniCPM-o-4.5", **more):
    given = {"release": f"{model.lower()}-{chip}", "image": "registry.local/x:1", "tier": "V3"}
    return Candidate(model=model, chip=chip, **{**given, **more})


SMALL = Misfit.NODE_TOO_SMALL
NVIDIA, METAX = row("nvidia"), row("metax")
OLDER = row("metax", published="2026-08")
BOTH = (node("n1", "nvidia"), node("n2", "metax"))


def chosen(wish, rows, nodes, *, taken=None, waiting=None, **market):
    goods = stock(nodes, taken=taken or {}, waiting=waiting)
    given = {"candidates": tuple(rows), "chips": CHIPS, "stock": goods, **market}
    return choose(wish, market=Market(**given))


def wish(*chips, name="MiniCPM-o-4.5", **more):
    return Wish(name=name, chips=chips, **more)


def reasons(selection):
    return {each.chip: each.reason for each in selection.rejected}


def full(name, chip, used=8):
    return {(name, RESOURCES[chip]): used}
