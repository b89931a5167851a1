"""The shipped releases: each is a whole model, or is refused for a reason that is known."""

from __future__ import annotations

from typing import Any

import pytest

from flagos_operator.api.outcome import Invalid
from flagos_operator.api.spec import FlagOSModelSpec, parse
from flagos_operator.catalog.catalogue import (
    Catalogue,
    Release,
    builtin,
    chip_row_of,
    release_of,
    shipped_releases,
)
from flagos_operator.decisions import Supplier, planned
from flagos_operator.desired.given import Defaults, Meta
from flagos_operator.desired.plan import Plan
from flagos_operator.desired.render import render

NAMES = sorted(shipped_releases())
EACH = pytest.mark.parametrize("name", NAMES)
# What cannot be served yet, or not by the row alone.
REFUSED = {
    "hy4-preview-int8-hygon": "MultiNodeUnsupported",
    "deepseek-r1-int8-kunlunxin": "ImageRequired",
}
VENDORS = {
    *("nvidia", "ascend", "metax", "mthreads", "iluvatar", "hygon", "kunlunxin"),
    *("cambricon", "tsingmicro", "enflame", "zhenwu", "sunrise", "arm"),
}
DEFAULTS = Defaults(fetch_image="localhost/flagos-operator:dev", registry_rewrite={}, fetch_env={})


def catalogue() -> Catalogue:
    found = builtin()
    assert isinstance(found, Catalogue)
    return found


def release(name: str) -> Release:
    return catalogue().releases[name]


def outcome(name: str, **own: Any) -> Plan | Invalid:
    body = {
        "apiVersion": "flagos.io/v1alpha1",
        "kind": "FlagOSModel",
        "metadata": {"name": "m"},
        "spec": {"release": name, **own},
    }
    spec = parse(body)
    assert isinstance(spec, FlagOSModelSpec), spec
    supply = Supplier().supply(catalogue(), spec, name)
    meta = Meta(namespace="default", name="m", uid="u", generation=1)
    return planned(body, spec, supply, meta=meta, defaults=DEFAULTS)


def plan(name: str, **own: Any) -> Plan:
    found = outcome(name, **own)
    assert isinstance(found, Plan), found
    return found


def server(name: str) -> dict[str, Any]:
    deployment = next(body for body in render(plan(name)) if body["kind"] == "Deployment")
    found: dict[str, Any] = deployment["spec"]["template"]["spec"]["containers"][0]
    return found


def line(name: str) -> list[str]:
    container = server(name)
    return [*container.get("command", ()), *container.get("args", ())]


def env(name: str) -> dict[str, str]:
    return {item["name"]: item.get("value", "") for item in server(name)["env"]}


def test_nothing_that_is_shipped_is_faulty() -> None:
    assert not catalogue().faulty_chips
    assert not catalogue().faulty_releases


def test_every_vendor_has_a_chip() -> None:
    assert catalogue().chips.keys() >= VENDORS


@EACH
def test_a_row_names_a_chip_that_is_shipped_and_says_so_in_its_name(name: str) -> None:
    row = release(name).spec
    assert row.chip in catalogue().chips
    assert name == f"{row.model.lower()}-{row.chip}"


@EACH
def test_a_row_says_where_it_was_published(name: str) -> None:
    assert (release(name).spec.published.url or "").startswith("https://")


@EACH
def test_a_row_under_an_empty_model_is_a_whole_one_or_refused_as_documented(name: str) -> None:
    found = outcome(name)
    assert (found.reason if isinstance(found, Invalid) else None) == REFUSED.get(name)


@EACH
def test_no_row_says_which_devices_a_program_sees(name: str) -> None:
    said = release(name).spec.server.env
    assert not [item["name"] for item in said if item["name"].endswith("_VISIBLE_DEVICES")]


def test_an_image_of_ones_own_takes_the_place_of_one_that_is_not_public() -> None:
    found = outcome("deepseek-r1-int8-kunlunxin", image="registry.example/xmlir:1")
    assert isinstance(found, Invalid)
    assert found.reason == "MultiNodeUnsupported"


def test_the_first_card_is_what_its_name_stands_for() -> None:
    words = line("minicpm-o-4.5-nvidia")
    assert words[:3] == ["vllm", "serve", "/share/MiniCPMO45"]
    assert "--trust-remote-code" in words
    assert words[words.index("--served-model-name") + 1] == "m"
    assert env("minicpm-o-4.5-nvidia")["FLAGCX_PATH"] == "/workspace/FlagCX"
    assert env("minicpm-o-4.5-nvidia")["USE_FLAGGEMS"] == "1"


def test_a_shell_line_comes_before_the_server_on_hygon() -> None:
    words = line("qwen3.8-27b-hygon")
    assert words[:2] == ["bash", "-c"]
    assert "source /opt/dtk/env.sh" in words[2]
    assert words[4:6] == ["vllm", "serve"]


def test_another_place_of_the_program_is_said_by_the_row() -> None:
    assert line("minicpm5-2b-metax")[:2] == ["/opt/conda/bin/vllm", "serve"]


def test_an_sglang_row_has_its_own_port_and_flags() -> None:
    words = line("minicpm5-2b-ascend")
    assert words[:3] == ["python3", "-m", "sglang.launch_server"]
    assert words[words.index("--port") + 1] == "31000"
    assert words[-2:] == ["--device", "npu"]


def test_boards_are_counted_once_and_devices_twice_on_iluvatar() -> None:
    name = "qwen3.8-flash-next-iluvatar"
    assert server(name)["resources"]["limits"] == {"iluvatar.com/gpu": "8"}
    words = line(name)
    assert words[words.index("--tensor-parallel-size") + 1] == "8"
    assert words[words.index("--pipeline-parallel-size") + 1] == "2"


def test_a_chip_without_a_device_plugin_is_privileged_and_told_its_devices() -> None:
    container = server("minicpm5-2b-sunrise")
    assert container["securityContext"]["privileged"] is True
    assert env("minicpm5-2b-sunrise")["TANG_VISIBLE_DEVICES"] == "0,1,2,3"
    assert {"name": "tangrt", "mountPath": "/usr/local/tangrt", "readOnly": True} in container[
        "volumeMounts"
    ]


def test_a_line_of_its_own_stays_in_the_foreground() -> None:
    words = line("qwen3-8b-nvidia")
    assert words[:2] == ["bash", "-c"]
    assert "exec tail" in words[2]


GOOD = {"model": "Tiny", "chip": "cpu", "image": "registry.example/a:1"}


def test_a_line_that_is_no_program_and_an_images_own_entrypoint_can_be_said() -> None:
    script = {**GOOD, "server": {"engine": "Custom", "command": ["bash", "server.sh"]}}
    assert isinstance(release_of("tiny-cpu", script), Release)
    entry = {**GOOD, "server": {"engine": "Custom", "port": 18040, "healthPath": "/ready"}}
    assert isinstance(release_of("tiny-cpu", entry), Release)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": None}, "FlagOSRelease x: spec.model: Required value: set it"),
        ({"chip": "NVIDIA"}, "spec.chip: write the name of a chip in lower case"),
        ({"verdict": "ok"}, "spec.verdict: supported values: 'Passed' or 'Failed'"),
        ({"imag": "a"}, "spec.imag: unknown field: did you mean image?"),
        (
            {"server": {"servedModelNames": ["a"]}},
            "spec.server.servedModelNames: a row serves many models",
        ),
        (
            {"server": {"env": [{"name": "USE_FLAGGEMS", "value": "1"}]}},
            "USE_FLAGGEMS: this variable has a field: spec.flagos.mode",
        ),
        ({"server": {"args": ["--port", "1"]}}, "--port has a field: spec.server.port"),
        ({"weights": {"mountPath": "/tmp"}}, "choose another mountPath"),  # noqa: S108
        ({"nodes": 0}, "spec.nodes: should be greater than or equal to 1"),
    ],
)
def test_a_row_that_is_said_wrongly_is_named_with_its_cure(
    fields: dict[str, Any], words: str
) -> None:
    found = release_of("x", GOOD | fields)
    assert isinstance(found, Invalid)
    assert found.reason == "InvalidRelease"
    assert words in found.message


def test_what_is_no_object_or_has_no_bottom_is_a_value_too() -> None:
    deep: dict[str, Any] = {}
    for _ in range(20_000):
        deep = {"a": deep}
    for spec in (None, 7, deep):
        found = release_of("x", spec)
        assert isinstance(found, Invalid)
        chip = chip_row_of("x", spec, own={})
        assert isinstance(chip, Invalid)


def test_a_chip_of_the_cluster_is_named_as_one() -> None:
    found = chip_row_of("abacus", {"beads": 10}, own={})
    assert isinstance(found, Invalid)
    assert found.message.startswith("FlagOSChip abacus: spec.beads: unknown field")


def test_the_charts_value_lies_over_a_chip_of_the_cluster() -> None:
    found = chip_row_of("x", {"resourceName": "a.b/c"}, own={"devicesPerResource": 2})
    assert not isinstance(found, Invalid)
    assert (found.resource_name, found.devices_per_resource) == ("a.b/c", 2)
