"""The operator brings rows of chips and releases, and minds what others say in them."""

from __future__ import annotations

from typing import Any

import pytest

from flagos_operator.api.outcome import Invalid
from flagos_operator.catalog.catalogue import shipped_releases
from flagos_operator.catalog.chips import shipped
from flagos_operator.cluster.kinds import KINDS, ROWS
from tests.loop.fakekube import Fault
from tests.loop.fakekube.kinds import BY_KIND
from tests.loop.fakekube.storage import Id
from tests.loop.running import a_model, eventually, quiet, reason, served

Body = dict[str, Any]
ALL = len(shipped()) + len(shipped_releases())
WATCHED = len(KINDS) + len(ROWS)
RELEASE = "minicpm5-2b-metax"


@pytest.fixture
def rows(kube, operator):
    """An operator where the definitions of rows are installed; entered once it has shipped."""
    kube.defines_rows = True

    def start(**settings: Any):
        return operator(watched=WATCHED, **settings)

    return start


def row(kube, name: str, kind: str = "FlagOSChip") -> Body | None:
    return kube.find(kind, name, namespace="")


async def shipped_all(kube) -> None:
    await eventually(lambda: len(kube.all("FlagOSChip") + kube.all("FlagOSRelease")) >= ALL)
    await quiet(kube)


def edit(kube, name: str, kind: str = "FlagOSChip", **spec: Any) -> None:
    kube.patch(kind, name, {"spec": spec}, namespace="")


def a_row(kind: str, name: str, **spec: Any) -> Body:
    version = "flagos.io/v1alpha1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


async def test_all_shipped_rows_are_there_after_the_start(kube, rows):
    async with rows():
        await shipped_all(kube)
        assert {each["metadata"]["name"] for each in kube.all("FlagOSChip")} == shipped().keys()
        names = {each["metadata"]["name"] for each in kube.all("FlagOSRelease")}
        assert names == shipped_releases().keys()
        assert row(kube, "metax")["spec"] == shipped()["metax"]


async def test_a_start_with_all_rows_in_place_writes_nothing(kube, rows):
    async with rows():
        await shipped_all(kube)
    since = len(kube.requests)
    async with rows() as app:
        await quiet(kube)
        app.resync.soon()
        await quiet(kube)
    assert not [each for each in kube.requests[since:] if each.is_write]


async def test_a_users_edit_stays_and_is_what_counts(kube, rows):
    async with rows() as app:
        await shipped_all(kube)
        edit(kube, "metax", sharedMemory="8Gi")
        await eventually(lambda: app.rows.catalogue.chips["metax"].shared_memory == "8Gi")
        await quiet(kube)
        assert row(kube, "metax")["spec"]["sharedMemory"] == "8Gi"
    async with rows() as app:
        await quiet(kube)
        assert row(kube, "metax")["spec"]["sharedMemory"] == "8Gi"
        assert app.rows.catalogue.chips["metax"].shared_memory == "8Gi"


def as_of_an_older_operator(kube, name: str, **spec: Any) -> None:
    """What the operator left there, when it shipped another row."""
    kind = BY_KIND["FlagOSRelease"]
    body = a_row("FlagOSRelease", name, **{**shipped_releases()[name], **spec})
    body["metadata"]["annotations"] = {"flagos.io/shipped": "older"}
    of = Id(kind.plural, "", name)
    kube.storage.apply(kind, of, body, manager="flagos-operator-catalog")


async def test_an_upgrade_changes_what_nobody_else_has_set(kube, rows):
    as_of_an_older_operator(kube, RELEASE, image="old:1", devices=4)
    edit(kube, RELEASE, "FlagOSRelease", devices=2)
    async with rows():
        await shipped_all(kube)
    spec = row(kube, RELEASE, "FlagOSRelease")["spec"]
    assert spec["image"] == shipped_releases()[RELEASE]["image"]
    assert spec["devices"] == 2


async def test_where_a_user_has_set_what_is_shipped_that_field_stays(kube, rows):
    as_of_an_older_operator(kube, RELEASE, image="old:1")
    edit(kube, RELEASE, "FlagOSRelease", image="mine:1", server={"maxModelLen": 7})
    async with rows() as app:
        await shipped_all(kube)
        found = app.rows.catalogue.releases[RELEASE].spec
    assert found.image == "mine:1"
    assert found.server.max_model_len == 7
    assert found.server.command == ("/opt/conda/bin/vllm", "serve")


async def test_a_list_of_operators_of_a_users_stays_and_the_rest_of_the_row_is_applied(kube, rows):
    """Theirs is `deny`, ours `denyMore`: the API server takes no row with both."""
    body = a_row("FlagOSChip", "metax", flagos={"operators": {"deny": ["add"]}})
    kube.defines_rows = True
    kube.create(body)
    both = "set at most one of allow, deny and denyMore"
    kube.faults.append(
        Fault(method="PATCH", path="/flagoschips/metax", status=422, message=both, times=1)
    )
    async with rows() as app:
        await shipped_all(kube)
        found = app.rows.catalogue.chips["metax"]
    assert found.resource_name == "metax-tech.com/gpu"
    assert (found.flagos.mode, found.flagos.operators.deny) == ("FlagOS", ("add",))
    assert found.flagos.operators.deny_more is None


async def test_a_deleted_row_of_ours_comes_back_and_was_never_missing(kube, rows):
    async with rows() as app:
        await shipped_all(kube)
        kube.delete("FlagOSChip", "metax", namespace="")
        await eventually(lambda: row(kube, "metax"))
        assert "metax" in app.rows.catalogue.chips


async def test_a_row_of_ones_own_serves_a_model_and_needs_no_code(kube, rows):
    async with rows():
        await shipped_all(kube)
        kube.create(a_model(chip="abacus", devices=3))
        await eventually(lambda: reason(kube) == "UnknownChip")
        kube.create(a_row("FlagOSChip", "abacus", resourceName="beads.example/row"))
        await served(kube)
        server = kube.find("Deployment", "m")["spec"]["template"]["spec"]["containers"][0]
        assert server["resources"]["limits"] == {"beads.example/row": "3"}


async def test_a_row_that_cannot_be_read_harms_no_other_and_is_named(kube, rows):
    kube.defines_rows = True
    kube.create(a_row("FlagOSChip", "abacus", beads=10))
    kube.create(a_row("FlagOSRelease", "tiny-cpu", model="Tiny"))
    async with rows() as app:
        await shipped_all(kube)
        kube.create(a_model(chip="abacus"))
        await eventually(lambda: reason(kube) == "InvalidChip")
        catalogue = app.rows.catalogue
        assert isinstance(catalogue.faulty_releases["tiny-cpu"], Invalid)
        assert "nvidia" in catalogue.chips
        kube.put(a_row("FlagOSChip", "abacus", resourceName="beads.example/row"))
        await served(kube)
        assert reason(kube) != "InvalidChip"


async def test_without_the_definitions_the_built_in_rows_serve(kube, operator):
    async with operator() as app:
        kube.create(a_model())
        await served(kube)
        assert app.rows.catalogue.chips.keys() == shipped().keys()
        assert not kube.asked("PATCH", "flagoschips")


async def test_without_the_right_to_read_rows_the_built_in_ones_serve_and_it_is_said_once(
    kube, operator, caplog
):
    kube.defines_rows = True
    for plural in ("flagoschips", "flagosreleases"):
        message = f'{plural} is forbidden: User "operator" cannot list'
        kube.faults.append(Fault(path=f"/{plural}", status=403, message=message))
    async with operator() as app:
        kube.create(a_model())
        await served(kube)
        app.resync.soon()
        await quiet(kube)
    said = [each.getMessage() for each in caplog.records if "built-in" in each.getMessage()]
    assert len(said) == 2, said


async def test_without_the_right_to_write_rows_it_is_said_once_and_models_are_served(
    kube, rows, caplog
):
    message = 'flagoschips is forbidden: User "operator" cannot patch'
    kube.faults.append(Fault(method="PATCH", path="/flagoschips", status=403, message=message))
    async with rows() as app:
        kube.create(a_model())
        await served(kube)
        app.resync.soon()
        await quiet(kube)
    said = [each.getMessage() for each in caplog.records if "not applied" in each.getMessage()]
    assert len(said) == 1, said


async def test_an_operator_of_some_namespaces_asks_for_no_rows(kube, operator):
    kube.defines_rows = True
    async with operator(watch_namespaces=("default",)) as app:
        kube.create(a_model())
        await served(kube)
        assert app.rows.catalogue.chips.keys() == shipped().keys()
    assert not [each for each in kube.requests if "flagoschips" in each.path]


async def test_a_change_of_a_row_wakes_whom_it_concerns_and_nobody_else(kube, rows):
    async with rows():
        await shipped_all(kube)
        for name in ("m", "other"):
            kube.create(a_model(name, chip="cpu" if name == "m" else "metax"))
            await served(kube, name)
        before = kube.find("Deployment", "other")
        edit(kube, "cpu", env=[{"name": "OF_CHIP", "value": "new"}])
        await eventually(lambda: "OF_CHIP" in str(kube.find("Deployment", "m")))
        await quiet(kube)
        assert kube.find("Deployment", "other") == before


async def test_only_the_leader_ships(kube, rows):
    lease = {"lease": "flagos-operator", "pod_namespace": "default"}
    async with rows(**lease, pod_name="first"):
        await shipped_all(kube)
        async with rows(**lease, pod_name="second"):
            before = len(kube.asked("PATCH", "/flagoschips"))
            kube.delete("FlagOSChip", "metax", namespace="")
            await eventually(lambda: row(kube, "metax"))
            await eventually(lambda: len(kube.asked("PATCH", "/flagoschips")) > before)
            assert len(kube.asked("PATCH", "/flagoschips")) == before + 1
