"""What is kept of rows can be read back as it was, whoever spells it anew."""

from __future__ import annotations

import json

from kubernetes import client

from flagos_operator.catalog.rows import Row, Rows, chip_row, row
from flagos_operator.desired.given import Meta
from flagos_operator.desired.manifest import Manifest
from flagos_operator.desired.pin import Pin, manifest
from flagos_operator.observed.parse import pin_facts
from tests.unit.desired.build import chips

META = Meta(namespace="team", name="qwen", uid="u-1", generation=1)
CHIP = chip_row("nvidia", chips()["nvidia"])
RELEASE = row("qwen-nvidia", {"chip": "nvidia", "server": {"gpuMemoryUtilization": 0.9}})


def kept(
    *, release: Row | None = RELEASE, meta: Meta = META, restarted: str = "", proven: bool = True
) -> Manifest:
    rows = Rows(chip=CHIP, release=release)
    pin = Pin(meta=meta, rows=rows, revision=3, restarted=restarted, proven=proven)
    return manifest(pin)


def test_kubernetes_knows_every_field() -> None:
    assert client.V1ControllerRevision.model_validate(kept()).revision == 3


def test_rows_come_back_as_they_were_though_the_api_orders_keys_anew() -> None:
    for release in (RELEASE, None):
        stored = json.loads(json.dumps(kept(release=release, restarted="now"), sort_keys=True))
        found = pin_facts(stored)
        assert (found.chip, found.release, found.restarted) == (CHIP, release, "now")
        assert (found.revision, found.owner_uid, found.model) == (3, "u-1", "qwen")


def test_whether_pods_of_it_were_ready_comes_back_too() -> None:
    assert [pin_facts(kept(proven=each)).proven for each in (True, False)] == [True, False]


def test_equal_texts_are_kept_once() -> None:
    stored = json.loads(json.dumps(kept()))
    assert pin_facts(stored).chip.text is CHIP.text


def test_a_name_is_of_what_it_holds_and_of_whose_it_is() -> None:
    other = Meta(namespace="team", name="qwen", uid="u-2", generation=1)
    same = (kept(), kept(restarted="x"), kept(proven=False))
    names = [each["metadata"]["name"] for each in same]
    assert len({*names}) == 1
    more = [kept(release=None), kept(meta=other)]
    assert len({names[0], *(each["metadata"]["name"] for each in more)}) == 3


def test_a_chip_without_its_sources_is_the_same_row() -> None:
    own = {"nvidia": {"source": {"resourceName": "elsewhere"}}}
    assert chip_row("nvidia", chips(own)["nvidia"]) == CHIP


def test_what_is_no_pin_is_read_all_the_same() -> None:
    found = pin_facts({"metadata": {"name": "x", "namespace": "team"}, "data": ["odd"]})
    assert (found.chip, found.release) == (row("", {}), None)
