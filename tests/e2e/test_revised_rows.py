"""An upgrade that brings other rows of a chip and of a release, under models that serve from them.

Real are the chart, both operators' images, the kubelet, and what a person does with kubectl: an
edit of each row before the upgrade, a restart and an edit of a model after it. The newer operator
is today's with two rows revised (testbed/images/revised.py). The servers are Python's, on a node
without that chip: the user's own edit of the release says `devices: 0`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from testbed.images import revised
from tests.e2e.conftest import (
    RELEASE,
    ROOT,
    SYSTEM,
    bring_image,
    image_values,
    install_operator,
)
from tests.e2e.model import Model, light
from tests.e2e.snapshot import Snapshot, at_rest
from tests.kube import Body, Kube, eventually, run

pytestmark = [pytest.mark.alone, pytest.mark.timeout(300)]

CHIP, ROW = "metax", "minicpm5-2b-metax"
EDITS = (("flagoschip", CHIP, {"sharedMemory": "1Gi"}), ("flagosrelease", ROW, {"devices": 0}))
STALE = {"by-chip": "ChipChanged", "by-release": "ReleaseChanged"}
CLUSTER = Kube("default")  # rows have no namespace; kubectl does not mind this one


def by_chip() -> Body:
    return light("by-chip", chip=CHIP, devices=0)


def by_release() -> Body:
    """Image and weights are its own: those of the row are not to be had here."""
    body = light("by-release", release=ROW)
    del body["spec"]["chip"]
    return body


def row(kind: str, name: str) -> Body:
    spec: Body = CLUSTER.get(kind, name)["spec"]
    return spec


def variables(model: Model) -> dict[str, str]:
    (pod,) = model.pods()
    return {each["name"]: each.get("value", "") for each in pod["spec"]["containers"][0]["env"]}


def mounted_at(model: Model) -> set[str]:
    (pod,) = model.pods()
    return {each["mountPath"] for each in pod["spec"]["containers"][0]["volumeMounts"]}


@pytest.fixture(scope="module")
def models(shared_space: Kube) -> Iterator[Kube]:
    """Two that serve from rows which a user has edited; in the end the rows are as shipped."""
    for kind, name, spec in EDITS:
        CLUSTER.patch(kind, name, {"spec": spec})
    try:
        shared_space.apply(by_chip(), by_release())
        for name in STALE:
            Model(shared_space, name).wait_ready()
        yield shared_space
    finally:
        for kind, name, _ in EDITS:
            CLUSTER.delete(kind, name)  # what is missing is brought again


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    before: Snapshot
    after: Snapshot


def wait_for_an_answer(model: Model, *, to: Snapshot) -> None:
    """What the operator makes of the new row: a word, which is right, or pods, which is not."""
    old = {pod["metadata"]["uid"] for pod in to.pods.values()}
    eventually(
        lambda: model.condition("UpToDate")["status"] == "False" or model.pod_uids() - old,
        within=60,
        what=f"the operator has seen the new row of {model.name}",
    )


@pytest.fixture(scope="module")
def upgrade(models: Kube) -> Iterator[Upgrade]:
    bring_image(revised.NAME)
    before = at_rest(models)
    try:
        run(
            *("helm", "upgrade", RELEASE, str(ROOT / "charts" / "flagos-operator")),
            *("-n", SYSTEM.namespace, "--reset-then-reuse-values", "--wait", "--timeout", "120s"),
            *image_values(revised.NAME),
            timeout=150,
        )
        for name in STALE:
            wait_for_an_answer(Model(models, name), to=before)
        yield Upgrade(before=before, after=at_rest(models))
    finally:
        install_operator()


def test_the_rows_in_the_cluster_are_those_of_the_new_operator(upgrade: Upgrade) -> None:
    assert {"name": "REVISED", "value": "yes"} in row("flagoschip", CHIP)["env"]
    assert row("flagosrelease", ROW)["weights"] == {"mountPath": "/models/revised"}


@pytest.mark.parametrize(("kind", "name", "edited"), EDITS)
def test_what_a_user_has_set_in_them_stays(
    upgrade: Upgrade, kind: str, name: str, edited: Body
) -> None:
    """The new operator says something else of these very fields."""
    assert row(kind, name).items() >= edited.items()


def test_no_pod_is_replaced_and_no_container_starts_again(upgrade: Upgrade) -> None:
    assert upgrade.after.runs() == upgrade.before.runs() != {}


def test_no_child_is_written(upgrade: Upgrade) -> None:
    assert upgrade.after.writes(but={}) == upgrade.before.writes(but={}) != {}


@pytest.mark.parametrize("name", STALE)
def test_the_model_says_so_and_serves_on(upgrade: Upgrade, name: str) -> None:
    before, after = (each.status(name)["conditions"] for each in (upgrade.before, upgrade.after))
    assert before["UpToDate"]["status"] == "True"
    assert (after["UpToDate"]["status"], after["UpToDate"]["reason"]) == ("False", STALE[name])
    assert after["Ready"] == before["Ready"]
    assert upgrade.after.ready_pods(name) == 1


def roll(model: Model, *words: str) -> None:
    """Do it, and wait for the one new pod to serve."""
    old = model.pod_uids()
    model.kube.kubectl(*words)

    def served() -> bool:
        current = model.condition("UpToDate")["reason"] == "Current"
        ready = model.condition("Ready")["status"] == "True"
        return current and ready and len(model.pods()) == 1 and not model.pod_uids() & old

    eventually(served, within=90, what=f"a new pod of {model.name} serves, and is up to date")


def test_a_restart_takes_the_new_rows(models: Kube, upgrade: Upgrade) -> None:
    model = Model(models, "by-release")
    assert "/models/revised" not in mounted_at(model)
    roll(model, "rollout", "restart", f"deployment/{model.name}")
    assert "/models/revised" in mounted_at(model)
    assert variables(model)["REVISED"] == "yes"


def test_an_edit_of_the_model_takes_the_new_row(models: Kube, upgrade: Upgrade) -> None:
    model = Model(models, "by-chip")
    assert "REVISED" not in variables(model)
    edit = '{"spec":{"server":{"env":[{"name":"EDITED","value":"yes"}]}}}'
    roll(model, "patch", "flagosmodel", model.name, "--type=merge", "-p", edit)
    assert {"REVISED": "yes", "EDITED": "yes"}.items() <= variables(model).items()
