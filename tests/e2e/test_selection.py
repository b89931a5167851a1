"""A model by its name: the chip that the cluster has free decides which published row serves.

Two vendors' devices, one vendor on each of two real nodes: each has its own kubelet and containerd
(`python3 -m testbed join`), and a fake device plugin has registered with each kubelet. Both rows
run Python's web server, since no chip is here, from an image that both nodes have.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from http import HTTPStatus

import pytest

from testbed.images import hub as hub_image
from testbed.settings import FIRST, SECOND
from tests.e2e.conftest import ROOT, SYSTEM, made_here
from tests.e2e.model import Model, light
from tests.kube import Body, Kube, eventually, run

pytestmark = [pytest.mark.alone, pytest.mark.timeout(300)]

VENDORS = {"nvidia": "nvidia.com/gpu", "metax": "metax-tech.com/gpu"}
PLACES = {"nvidia": FIRST, "metax": SECOND}
TITLE = "Tiny-Two-Vendors"


def second_node(word: str) -> None:
    run(sys.executable, "-m", "testbed", word)


def node_of(chip: str) -> str:
    return f"node{PLACES[chip]}"


def offered(chip: str) -> str:
    body = SYSTEM.get("node", node_of(chip))
    return str(body["status"]["allocatable"].get(VENDORS[chip], "0"))


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[None]:
    if not made_here():
        pytest.skip("only the cluster of `make cluster` can be given a second node")
    second_node("join")
    try:
        yield
    finally:
        second_node("leave")


@pytest.fixture(scope="module")
def one_vendor_each(two_nodes: None) -> Iterator[None]:
    command = (sys.executable, "-m", "testbed.device_plugin", "--node")
    plugins = [
        subprocess.Popen([*command, str(PLACES[chip]), f"{resource}=1"], cwd=ROOT)
        for chip, resource in VENDORS.items()
    ]
    try:
        for chip, resource in VENDORS.items():
            eventually(
                lambda chip=chip: offered(chip) == "1",
                within=60,
                what=f"{node_of(chip)} offers {resource}",
            )
        yield
    finally:
        for plugin in plugins:
            plugin.terminate()
            plugin.wait()


def a_row(chip: str) -> Body:
    served: Body = light("x")["spec"]
    return {
        "apiVersion": "flagos.io/v1alpha1",
        "kind": "FlagOSRelease",
        "metadata": {"name": f"tiny-two-vendors-{chip}"},
        "spec": {
            "model": TITLE,
            "chip": chip,
            "devices": 1,
            "image": hub_image.NAME,
            "source": served["source"],
            "server": served["server"],
        },
    }


@pytest.fixture(scope="module")
def rows(operator: Kube) -> Iterator[None]:
    items = [a_row(chip) for chip in VENDORS]
    document = {"kind": "List", "apiVersion": "v1", "items": items}
    run("kubectl", "apply", "-f", "-", stdin=json.dumps(document))
    yield
    run("kubectl", "delete", "flagosreleases", *(body["metadata"]["name"] for body in items))


def by_name(name: str) -> Body:
    spec = {"model": {"name": TITLE, "chips": [*VENDORS]}}
    fetch = light("x")["spec"]["fetch"]
    return {**light(name), "spec": {**spec, "fetch": fetch}}


def chosen(model: Model) -> Body:
    found: Body = model.body()["status"]["selection"]
    return found


def where(model: Model) -> set[str]:
    return {pod["spec"]["nodeName"] for pod in model.pods()}


def chips() -> dict[str, Body]:
    """What the command tells a person about the chips of this cluster."""
    told = json.loads(run(sys.executable, "-m", "flagos_operator", "chips", "--json"))
    return {line["chip"]: line for line in told["chips"]}


def test_chips_of_both_nodes_are_listed(operator: Kube, one_vendor_each: None) -> None:
    found = chips()
    for chip, resource in VENDORS.items():
        line = found[chip]
        assert (line["resource"], line["nodes"], line["total"]) == (resource, 1, 1)


def test_the_first_free_chip_is_taken_then_the_other_vendors_then_none(
    space: Kube, one_vendor_each: None, rows: None, address_of: Callable[[Kube, str], str]
) -> None:
    first, second, third = (Model(space, name) for name in ("first", "second", "third"))
    space.apply(by_name("first"))
    first.wait_ready()
    assert (chosen(first)["chip"], chosen(first)["release"]) == (
        "nvidia",
        "tiny-two-vendors-nvidia",
    )
    assert VENDORS["nvidia"] in str(first.pods()[0]["spec"]["containers"][0]["resources"])
    assert where(first) == {node_of("nvidia")}

    space.apply(by_name("second"))
    second.wait_ready()
    assert chosen(second)["chip"] == "metax"
    assert where(second) == {node_of("metax")}
    with urllib.request.urlopen(address_of(space, "second"), timeout=10) as answer:
        assert answer.status == HTTPStatus.OK, "through its Service, from another machine"
    why = {each["chip"]: each["reason"] for each in chosen(second)["rejected"]}
    assert why == {"nvidia": "NotEnoughFree"}

    space.apply(by_name("third"))
    waiting = third.wait_reason("NoReleaseFits")
    assert all(resource in waiting["message"] for resource in VENDORS.values())
    assert not third.pods()

    uids = second.pod_uids()
    space.delete("flagosmodel", "first")
    third.wait_ready()
    assert chosen(third)["chip"] == "nvidia", "what became free"
    assert (chosen(second)["chip"], second.pod_uids()) == ("metax", uids), "a choice stays"


def test_shipped_rows_are_there_and_a_model_by_an_unknown_name_is_told(
    space: Kube, rows: None
) -> None:
    rows_of = run("kubectl", "get", "flagosreleases", "--no-headers")
    assert "minicpm-o-4.5-nvidia" in rows_of
    space.apply({**light("lost"), "spec": {"model": {"name": "Tiny-Too-Vendors"}}})
    told = Model(space, "lost").wait_reason("UnknownModel")
    assert TITLE in told["message"]
