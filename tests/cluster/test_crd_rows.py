"""Chips and releases on a real API server: what it takes, and what becomes of edits of rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flagos_operator.api.definitions import CHIP, RELEASE, Definition
from flagos_operator.api.outcome import Invalid
from flagos_operator.catalog.catalogue import chip_row_of, release_of, shipped_releases
from flagos_operator.catalog.chips import shipped
from flagos_operator.cluster.shipping import MANAGER
from tests.cluster.conftest import ROOT, an_operator
from tests.kube import Kube, eventually, run

Body = dict[str, Any]
CLUSTER = Kube("default")  # rows have no namespace; this one is not minded
MARK = "flagos.io/shipped"
OTHER_PORT = "18081"
KINDS = (CHIP, RELEASE)
CHIPS = {name: dict(spec) for name, spec in shipped().items()}
RELEASES = {name: dict(spec) for name, spec in shipped_releases().items()}
SPECS = {CHIP.plural: CHIPS, RELEASE.plural: RELEASES}
SHIPPED = [(CHIP, name, spec) for name, spec in CHIPS.items()] + [
    (RELEASE, name, spec) for name, spec in RELEASES.items()
]


@pytest.fixture(scope="module", autouse=True)
def definitions() -> Iterator[None]:
    """Lent by this file, unless somebody else has brought them."""
    lent = [each for each in KINDS if not _is_there(each)]
    for each in KINDS:
        file = str(ROOT / "crds" / f"{each.plural}.yaml")
        run("kubectl", "apply", "--server-side", "--force-conflicts", "-f", file)
        run("kubectl", "wait", "--for=condition=Established", f"crd/{each.plural}.flagos.io")
    eventually(_are_published, within=60, what="kubectl knows the new kinds' fields")
    yield
    for each in lent:
        run("kubectl", "delete", f"crd/{each.plural}.flagos.io")


def _is_there(kind: Definition) -> bool:
    return bool(run("kubectl", "get", f"crd/{kind.plural}.flagos.io", "--ignore-not-found"))


def _are_published() -> bool:
    return all(run("kubectl", "explain", f"{each.singular}.spec") for each in KINDS)


def a_row(kind: Definition, name: str, spec: object) -> Body:
    version = "flagos.io/v1alpha1"
    return {
        "apiVersion": version,
        "kind": kind.kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def get(kind: Definition, name: str) -> Body:
    return CLUSTER.get(kind.plural, name)


def patch(kind: Definition, name: str, spec: Body) -> None:
    text = json.dumps({"spec": spec})
    run("kubectl", "patch", kind.plural, name, "--type=merge", "-p", text)


@pytest.mark.parametrize(("kind", "name", "spec"), SHIPPED, ids=lambda it: str(it)[:40])
def test_each_shipped_row_is_accepted(kind: Definition, name: str, spec: Body) -> None:
    assert CLUSTER.refusal(a_row(kind, name, spec)) is None


WRONG: list[tuple[Definition, Body, str]] = [
    (CHIP, {"resourceName": "gpu"}, "write vendor/resource"),
    (CHIP, {"env": [{"name": "USE_FLAGGEMS", "value": "1"}]}, "has a field: spec.flagos.mode"),
    (CHIP, {"memoryPerDevice": "64 GB"}, "write a number and a unit"),
    (CHIP, {"beads": 10}, "spec.beads"),
    (RELEASE, {"chip": "cpu"}, "spec.model"),
    (RELEASE, {"model": "A", "chip": "CPU"}, "write the name of a chip in lower case"),
    (RELEASE, {"model": "A", "chip": "cpu", "verdict": "ok"}, "spec.verdict"),
    (
        RELEASE,
        {"model": "A", "chip": "cpu", "server": {"servedModelNames": ["a"]}},
        "a row serves many models",
    ),
    (
        RELEASE,
        {"model": "A", "chip": "cpu", "server": {"args": ["--port=1"]}},
        "--port has a field: spec.server.port",
    ),
]


@pytest.mark.parametrize(("kind", "spec", "words"), WRONG)
def test_what_is_wrong_is_refused_with_its_cure_by_both(
    kind: Definition, spec: Body, words: str
) -> None:
    assert words in (CLUSTER.refusal(a_row(kind, "x", spec)) or "")
    found = chip_row_of("x", spec, own={}) if kind is CHIP else release_of("x", spec)
    assert isinstance(found, Invalid)


def test_a_chip_needs_a_name_that_a_model_can_say() -> None:
    assert "metadata.name is what spec.chip" in (CLUSTER.refusal(a_row(CHIP, "a.b", {})) or "")


def test_a_release_may_have_dots_in_its_name() -> None:
    spec = {"model": "A-1.5", "chip": "cpu"}
    assert CLUSTER.refusal(a_row(RELEASE, "a-1.5-cpu", spec)) is None


def test_kubectl_shows_what_tells_rows_apart() -> None:
    CLUSTER.apply(a_row(CHIP, "shown", {"resourceName": "a.b/c"}))
    header = run("kubectl", "get", "foc", "shown").splitlines()[0].split()
    assert header == ["NAME", "RESOURCE", "DEVICES/RESOURCE", "MEMORY", "AGE"]
    run("kubectl", "delete", "foc", "shown")


@pytest.fixture
def rows(account: Path, no_other_operator: None) -> Iterator[Path]:
    """An operator that has applied its rows; they go with the test."""
    with an_operator(account) as log:
        eventually(_all_are_there, within=60, what="all rows are there")
        yield account
    assert "not applied" not in log.read_text()
    for kind in KINDS:
        run("kubectl", "delete", kind.plural, "--all")


def _all_are_there() -> bool:
    found = {kind.plural: names(kind) for kind in KINDS}
    return CHIPS.keys() <= found[CHIP.plural] and RELEASES.keys() <= found[RELEASE.plural]


def names(kind: Definition) -> set[str]:
    return CLUSTER.names(kind.plural)


def versions() -> dict[str, str]:
    """Of all rows: what moves with any write."""
    return {
        f"{each['kind']}/{each['metadata']['name']}": each["metadata"]["resourceVersion"]
        for each in CLUSTER.list(",".join(kind.plural for kind in KINDS))
    }


def test_a_row_is_there_as_it_was_shipped(rows: Path) -> None:
    assert get(CHIP, "metax")["spec"] == CHIPS["metax"]
    assert get(RELEASE, "minicpm-o-4.5-nvidia")["spec"] == RELEASES["minicpm-o-4.5-nvidia"]


def outdated(kind: Definition, name: str, **changed: object) -> None:
    """As an operator with another row has left it."""
    spec = {**dict(SPECS[kind.plural][name]), **changed}
    body = a_row(kind, name, spec)
    body["metadata"]["annotations"] = {MARK: "older"}
    words = ("--server-side", "--force-conflicts", f"--field-manager={MANAGER}", "-f", "-")
    run("kubectl", "apply", *words, stdin=json.dumps(body))


def is_current(kind: Definition, name: str) -> bool:
    return bool(get(kind, name)["metadata"]["annotations"][MARK] != "older")


def test_another_start_writes_only_what_is_outdated(rows: Path) -> None:
    last = list(RELEASES)[-1]
    outdated(RELEASE, last)
    before = versions()
    with an_operator(rows, port=OTHER_PORT):
        eventually(lambda: is_current(RELEASE, last), within=30, what="the last row is current")
    changed = dict(versions().items() ^ before.items())
    assert changed.keys() == {f"FlagOSRelease/{last}"}


def test_a_deleted_row_comes_back(rows: Path) -> None:
    run("kubectl", "delete", CHIP.plural, "metax")
    eventually(lambda: "metax" in names(CHIP), within=30, what="the row is back")


def test_a_list_of_operators_of_somebodys_stays_beside_the_rest_of_the_row(rows: Path) -> None:
    """Of deny and denyMore one is allowed: a row with theirs and ours would be refused."""
    outdated(CHIP, "iluvatar", flagos={"mode": "FlagOS"}, sharedMemory="1Gi")
    patch(CHIP, "iluvatar", {"flagos": {"operators": {"deny": ["add"]}}})
    with an_operator(rows, port=OTHER_PORT):
        eventually(lambda: is_current(CHIP, "iluvatar"), within=30, what="the row is current")
    spec = get(CHIP, "iluvatar")["spec"]
    assert spec["flagos"] == {"mode": "FlagOS", "operators": {"deny": ["add"]}}
    assert spec["sharedMemory"] == CHIPS["iluvatar"]["sharedMemory"]


def test_an_upgrade_leaves_what_others_have_set(rows: Path) -> None:
    """The operator that comes next has another row than the one that was applied."""
    name = "minicpm5-2b-metax"
    server = {**RELEASES[name]["server"], "maxModelLen": 7}
    outdated(CHIP, "hygon")
    outdated(RELEASE, name, image="old:1", devices=4)
    patch(RELEASE, name, {"image": "mine:1", "server": server})
    patch(CHIP, "hygon", {"env": [{"name": "GEMS_VENDOR", "value": "mine"}]})
    with an_operator(rows, port=OTHER_PORT):
        eventually(lambda: is_current(RELEASE, name), within=30, what="the row is current")
    spec = get(RELEASE, name)["spec"]
    assert spec["image"] == "mine:1"
    assert "devices" not in spec
    assert spec["server"]["maxModelLen"] == 7
    assert spec["server"]["command"] == ["/opt/conda/bin/vllm", "serve"]
    env = {item["name"]: item["value"] for item in get(CHIP, "hygon")["spec"]["env"]}
    assert env["GEMS_VENDOR"] == "mine"
