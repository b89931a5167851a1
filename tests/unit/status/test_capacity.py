"""What a server will need of its devices, by the files that its pod has fetched."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest

from flagos_operator.catalog.memory.estimate import GIB
from flagos_operator.catalog.memory.shape import shape_of
from flagos_operator.desired.fleet import Fleet
from flagos_operator.desired.room import Room
from flagos_operator.desired.stock import Hardware
from flagos_operator.status.capacity import held
from flagos_operator.status.summary import summarize
from tests.unit.catalog.configs import MODELS
from tests.unit.status.build import DONE, a_plan, a_pod, a_view, fetched, starting
from tests.unit.status.read import condition, kinds

if TYPE_CHECKING:
    from flagos_operator.status.view import View

WEIGHTS = 16_381_470_720  # of Qwen3-8B, by the index of its shards
HELD = {"loadedBytes": WEIGHTS, "shape": asdict(shape_of(MODELS["qwen3-8b"]["config"]))}
FITS = ("Current", "")
LONG = {"server": {"maxModelLen": 65536}}


def told(view: View) -> tuple[str, str]:
    found = condition(summarize(view), "UpToDate")
    return (found["reason"], found["message"]) if found["reason"] != "Current" else FITS


def loading(*, device: int = 24, devices: int = 1, report: Any = None, **plan: Any) -> View:
    """The download is complete and its server starts, on devices of so many GiB."""
    said = json.dumps({**json.loads(DONE), **(HELD if report is None else report)})
    room = Room(resources=devices, each=device * GIB)
    return a_view(
        a_pod(fetched(said), starting(), ready=False),
        plan=a_plan(room=room, said={"devices": devices} | plan),
    )


def test_a_length_for_which_there_is_no_room_is_told_while_the_server_loads() -> None:
    view = loading(**LONG)
    reason, message = told(view)
    assert reason == "InsufficientDeviceMemory"
    assert message == (
        "by an estimate the server needs 15.3 GiB weights / 1 device + 9.0 GiB KV for 65536 "
        "tokens + 2.6 GiB overhead = 26.9 of 21.6 GiB usable; at most 27143 tokens fit; it fits "
        "on 2 devices; a device has 24.0 GiB by the chip's profile: lower "
        "spec.server.maxModelLen or raise spec.devices"
    )
    assert ("Warning", "InsufficientDeviceMemory") in kinds(summarize(view).events)


def test_a_length_that_fits_is_no_doubt_and_neither_is_one_that_nearly_does() -> None:
    assert told(loading(server={"maxModelLen": 27000})) == FITS
    assert told(loading(server={"maxModelLen": 31000})) == FITS  # half a GiB too long
    assert told(loading(devices=2, **LONG)) == FITS


def test_without_a_length_it_is_the_models_own() -> None:
    """Of which vLLM wants one sequence to fit: 40960 tokens."""
    reason, message = told(loading(device=22))
    assert reason == "InsufficientDeviceMemory"
    assert "KV for 40960 tokens" in message


def test_weights_that_do_not_fit_have_another_cure() -> None:
    reason, message = told(loading(device=16, server={"maxModelLen": 512}))
    assert reason == "InsufficientDeviceMemory"
    assert message.endswith(
        "it fits on 2 devices; a device has 16.0 GiB by the chip's profile: raise spec.devices"
    )


def test_nodes_labels_know_better_than_the_profile() -> None:
    sort = Hardware(memory_mib=48 * 1024)
    labelled = replace(loading(**LONG), fleet=Fleet(most=8, sorts=frozenset({sort})))
    assert told(labelled) == FITS


def test_a_repository_that_holds_its_weights_twice_is_judged_by_those_that_are_loaded() -> None:
    """The sum of all files, 8.4 GiB, would be too much for such a device."""
    small = {"loadedBytes": 2**30, "shape": HELD["shape"]}
    assert told(loading(device=8, report=small, server={"maxModelLen": 512})) == FITS
    reason, message = told(loading(device=8, report={}, server={"maxModelLen": 512}))
    assert reason == "InsufficientDeviceMemory"
    assert message.startswith("the download has 8.4 GiB, more than 1 device of 8.0 GiB")


@pytest.mark.parametrize(
    "change",
    [
        {"server": {"args": ["--cpu-offload-gb=20"]}},
        {"server": {"engine": "SGLang"}},
        {"server": {"args": ["--kv-cache-dtype=fp8"], "maxModelLen": 60000}},
    ],
    ids=["offloaded", "another engine", "half a cache"],
)
def test_what_is_held_otherwise_is_not_doubted(change: dict[str, Any]) -> None:
    assert told(loading(**change)) == FITS


def test_a_server_that_serves_has_proved_it_wrong() -> None:
    view = loading(**LONG)
    assert told(replace(view, pods=(a_pod(),))) == FITS


@pytest.mark.parametrize(
    "report",
    [
        {"loadedBytes": "many"},
        {"shape": {}},
        {"shape": None},
        {"shape": {**HELD["shape"], "cache": None}},
        {"shape": {**HELD["shape"], "cache": {**HELD["shape"]["cache"], "heads": 0}}},
        {"shape": {**HELD["shape"], "hidden": 10**400}},
        {"shape": {**HELD["shape"], "value_bytes": float("inf")}},
        {"shape": {**HELD["shape"], "layers": -1}},
    ],
)
def test_a_report_of_another_kind_tells_nothing(report: dict[str, Any]) -> None:
    """Of an older or a newer operator, or of whoever wrote it: nothing breaks, nothing is told."""
    assert held({**HELD, **report}) is None
    assert held(HELD) is not None
