"""A release's row under a model's spec: one row of a table for each rule of how they are laid."""

from __future__ import annotations

from typing import Any

import pytest

from flagos_operator.api.outcome import Invalid
from flagos_operator.api.spec import CompleteSpec, FlagOSModelSpec, parse
from flagos_operator.catalog.catalogue import Catalogue, release_of
from flagos_operator.catalog.rows import row
from flagos_operator.decisions import Supplier, planned
from flagos_operator.desired.given import Defaults, Meta
from flagos_operator.desired.plan import Plan
from flagos_operator.desired.render import render
from flagos_operator.desired.resolution import resolve, taken, unknown
from tests.unit.desired.build import DEFAULTS, IMAGE, Body, chips

ROW: Body = {
    "model": "Qwen",
    "chip": "nvidia",
    "devices": 1,
    "image": IMAGE,
    "source": {"modelscope": {"repo": "FlagRelease/Qwen"}},
}


def model(**own: Any) -> Body:
    return {
        "apiVersion": "flagos.io/v1alpha1",
        "kind": "FlagOSModel",
        "metadata": {"name": "qwen"},
        "spec": {"release": "qwen-nvidia", **own},
    }


def outcome(row_says: Body, own: Body) -> CompleteSpec | Invalid:
    body = model(**own)
    spec = parse(body)
    assert isinstance(spec, FlagOSModelSpec), spec
    release = row("qwen-nvidia", taken({**ROW, **row_says}))
    return resolve(body, spec, release=release, chips=chips())


def said(spec: CompleteSpec) -> Body:
    return spec.model_dump(mode="json", by_alias=True, exclude_unset=True)


def resolved(row_says: Body, own: Body) -> Body:
    spec = outcome(row_says, own)
    assert isinstance(spec, CompleteSpec), spec
    return said(spec)


def refusal(row_says: Body, own: Body) -> Invalid:
    found = outcome(row_says, own)
    assert isinstance(found, Invalid), "it was taken"
    return found


def env(*names: str, value: str = "row") -> list[Body]:
    return [{"name": name, "value": value} for name in names]


CLAIM = {"persistentVolumeClaim": {"claimName": "mine"}}
MIRRORED = {"modelscope": {"repo": "a/b"}, "mirrors": [{"huggingface": {}}]}
PLUGIN = {"mode": "FlagOS", "operators": {"deny": ["mm"]}, "flagcxPath": "/cx"}
# What the row says, what the model says, and what comes out, in the field that both are about.
MERGES: dict[str, tuple[Body, Body, Body]] = {
    "a scalar of the model wins": ({"devices": 4}, {"devices": 2}, {"devices": 2}),
    "a scalar of the row stays": ({"devices": 4}, {}, {"devices": 4}),
    "none is a number too": ({"devices": 4}, {"devices": 0}, {"devices": 0}),
    "false is a word": (
        {"server": {"trustRemoteCode": True}},
        {"server": {"trustRemoteCode": False}},
        {"server": {"trustRemoteCode": False}},
    ),
    "the row's word for code of the weights counts": (
        {"server": {"trustRemoteCode": True}},
        {},
        {"server": {"trustRemoteCode": True}},
    ),
    "env goes by name": (
        {"server": {"env": env("A", "B")}},
        {"server": {"env": env("B", "C", value="own")}},
        {"server": {"env": [*env("A"), *env("B", "C", value="own")]}},
    ),
    "maps go by key": (
        {"pod": {"nodeSelector": {"a": "1", "b": "1"}}},
        {"pod": {"nodeSelector": {"b": "2"}}},
        {"pod": {"nodeSelector": {"a": "1", "b": "2"}}},
    ),
    "limits go by key": (
        {"server": {"resources": {"limits": {"cpu": "8"}}}},
        {"server": {"resources": {"limits": {"memory": "64Gi"}}}},
        {"server": {"resources": {"limits": {"cpu": "8", "memory": "64Gi"}}}},
    ),
    "a security context goes by key": (
        {"server": {"securityContext": {"runAsUser": 0, "capabilities": {"add": ["A"]}}}},
        {"server": {"securityContext": {"capabilities": {"add": ["B"]}}}},
        {"server": {"securityContext": {"runAsUser": 0, "capabilities": {"add": ["B"]}}}},
    ),
    "arguments are appended": (
        {"server": {"args": ["--dtype", "float16"]}},
        {"server": {"args": ["--dtype", "bfloat16"]}},
        {"server": {"args": ["--dtype", "float16", "--dtype", "bfloat16"]}},
    ),
    "tolerations are appended": (
        {"pod": {"tolerations": [{"key": "a"}]}},
        {"pod": {"tolerations": [{"key": "b"}]}},
        {"pod": {"tolerations": [{"key": "a"}, {"key": "b"}]}},
    ),
    "mounts go by path": (
        {"server": {"volumeMounts": [{"name": "a", "mountPath": "/a"}]}},
        {"server": {"volumeMounts": [{"name": "b", "mountPath": "/a"}]}},
        {"server": {"volumeMounts": [{"name": "b", "mountPath": "/a"}]}},
    ),
    "volumes go by name": (
        {"pod": {"volumes": [{"name": "a", "emptyDir": {}}]}},
        {"pod": {"volumes": [{"name": "a", "configMap": {"name": "c"}}]}},
        {"pod": {"volumes": [{"name": "a", "configMap": {"name": "c"}}]}},
    ),
    "a command is replaced whole": (
        {"server": {"command": ["/opt/conda/bin/vllm", "serve"]}},
        {"server": {"command": ["vllm"]}},
        {"server": {"command": ["vllm"]}},
    ),
    "operators are replaced whole": (
        {"flagos": {"operators": {"deny": ["mm", "bmm"]}}},
        {"flagos": {"operators": {"allow": ["rms_norm"]}}},
        {"flagos": {"operators": {"allow": ["rms_norm"]}}},
    ),
    "but denyMore adds to what the row denies": (
        {"flagos": {"operators": {"deny": ["mm", "bmm"]}}},
        {"flagos": {"operators": {"denyMore": ["sort", "mm"]}}},
        {"flagos": {"operators": {"deny": ["mm", "bmm", "sort"]}}},
    ),
    "and takes from what the row allows": (
        {"flagos": {"operators": {"allow": ["mm", "rms_norm"]}}},
        {"flagos": {"operators": {"denyMore": ["mm"]}}},
        {"flagos": {"operators": {"allow": ["rms_norm"]}}},
    ),
    "a source is replaced whole": (
        {"source": MIRRORED},
        {"source": {"huggingface": {"repo": "c/d"}}},
        {"source": {"huggingface": {"repo": "c/d"}}},
    ),
    "a volume of the model joins what the row says of its mount": (
        {"weights": {"mountPath": "/share/qwen"}},
        {"weights": CLAIM},
        {"weights": {"mountPath": "/share/qwen", **CLAIM}},
    ),
    "a volume is replaced whole": (
        {"weights": {"hostPath": {"path": "/share"}}},
        {"weights": CLAIM},
        {"weights": CLAIM},
    ),
    "another image has versions of its own": (
        {"versions": {"vllm": "0.13.0"}},
        {"image": "registry.example/mine:1"},
        {"image": "registry.example/mine:1", "versions": None},
    ),
    "versions said with another image are all that is known of it": (
        {"versions": {"vllm": "0.13.0", "flagGems": "4.2"}},
        {"image": "registry.example/mine:1", "versions": {"vllm": "0.20.0"}},
        {"versions": {"vllm": "0.20.0"}},
    ),
    "versions of the row's image go by key": (
        {"versions": {"vllm": "0.13.0", "flagGems": "4.2"}},
        {"versions": {"vllm": "0.20.0"}},
        {"versions": {"vllm": "0.20.0", "flagGems": "4.2"}},
    ),
    "no plugin, nothing for it": (
        {"flagos": PLUGIN},
        {"flagos": {"mode": "Native"}},
        {"flagos": {"mode": "Native"}},
    ),
    "no operators, no list of them": (
        {"flagos": PLUGIN},
        {"flagos": {"mode": "PluginOnly"}},
        {"flagos": {"mode": "PluginOnly", "flagcxPath": "/cx"}},
    ),
    "another engine has a line of its own": (
        {"server": {"command": ["a"], "args": ["--b"], "maxModelLen": 9}},
        {"server": {"engine": "SGLang", "args": ["--c"]}},
        {"server": {"engine": "SGLang", "args": ["--c"], "maxModelLen": 9}},
    ),
    "a line of the user's own has no flags": (
        {"server": {"trustRemoteCode": True, "maxModelLen": 9, "port": 9000}},
        {"server": {"engine": "Custom", "command": ["serve"]}},
        {"server": {"engine": "Custom", "command": ["serve"], "port": 9000}},
    ),
    "served in place, nothing is downloaded": (
        {"weights": {"mountPath": "/share/qwen", "directory": "qwen"}},
        {"source": {"hostPath": {"path": "/share/qwen"}}},
        {"weights": {"mountPath": "/share/qwen"}},
    ),
    "another repository lies in a directory of its own": (
        {"weights": {"directory": "qwen", "mountPath": "/m"}},
        {"source": {"modelscope": {"repo": "c/d"}}},
        {"weights": {"mountPath": "/m"}},
    ),
    "names for clients are never a row's": (
        {"server": {"servedModelNames": ["theirs"], "port": 9000}},
        {},
        {"server": {"port": 9000}},
    ),
    "a device variable is the plugin's": (
        {"server": {"env": env("CUDA_VISIBLE_DEVICES", "A")}},
        {},
        {"server": {"env": env("A")}},
    ),
    "unless the model says it": (
        {"server": {"env": env("CUDA_VISIBLE_DEVICES")}},
        {"server": {"env": env("CUDA_VISIBLE_DEVICES", value="own")}},
        {"server": {"env": env("CUDA_VISIBLE_DEVICES", value="own")}},
    ),
}


@pytest.mark.parametrize("case", MERGES)
def test_a_row_is_laid_under_a_model(case: str) -> None:
    row_says, own, expected = MERGES[case]
    found = resolved(row_says, own)
    assert {name: found.get(name) for name in expected} == expected


def test_a_device_variable_is_kept_where_nobody_allocates() -> None:
    unallocated = [name for name, chip in chips().items() if not chip.resource_name]
    row_says = {"chip": unallocated[0], "server": {"env": env("PT_VISIBLE_DEVICES")}}
    found = resolved(row_says, {"devices": 0})
    assert found["server"]["env"] == env("PT_VISIBLE_DEVICES")


def test_what_is_about_a_row_stays_in_it() -> None:
    about = {"model": "Qwen", "tier": "V3", "verdict": "Passed", "published": {"url": "x"}}
    assert set(taken({**about, "chip": "nvidia"})) == {"chip"}


def test_nothing_is_left_of_the_release_in_what_comes_out() -> None:
    assert "release" not in resolved({}, {})


REFUSED: dict[str, tuple[Body, Body, str, str]] = {
    "another chip": ({}, {"chip": "metax"}, "InvalidSpec", "release qwen-nvidia is for chip"),
    "no image": ({"image": None}, {}, "ImageRequired", "set the image"),
    "a chip of the row that nobody knows": (
        {"chip": "nvida"},
        {},
        "UnknownChip",
        "spec.release: the chip of qwen-nvidia: nvida is not known; known are nvidia, ",
    ),
    "no source": ({"source": None}, {}, "InvalidSpec", "set the place of the weights"),
    "a managed variable in the row": (
        {"server": {"env": env("USE_FLAGGEMS")}},
        {},
        "InvalidRelease",
        "has a field",
    ),
    "a row that is wrong by itself": (
        {"devices": "many"},
        {},
        "InvalidRelease",
        "qwen-nvidia cannot be served",
    ),
    "two that do not fit together": (
        {"server": {"preStart": "source env.sh"}},
        {"server": {"engine": "Custom"}},
        "InvalidSpec",
        "together with release qwen-nvidia: spec.server.preStart",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_served_is_refused_with_the_cure(case: str) -> None:
    row_says, own, reason, words = REFUSED[case]
    absent = [name for name, value in row_says.items() if value is None]
    kept = {name: value for name, value in {**ROW, **row_says}.items() if name not in absent}
    body = model(**own)
    spec = parse(body)
    assert isinstance(spec, FlagOSModelSpec), spec
    found = resolve(body, spec, release=row("qwen-nvidia", taken(kept)), chips=chips())
    assert isinstance(found, Invalid), "it was taken"
    assert found.reason == reason
    assert words in found.message


def test_an_image_of_the_models_own_serves_a_row_without_one() -> None:
    body = model(image="registry.example/mine:1")
    spec = parse(body)
    assert isinstance(spec, FlagOSModelSpec), spec
    fields = {name: value for name, value in ROW.items() if name != "image"}
    found = resolve(body, spec, release=row("qwen-nvidia", taken(fields)), chips=chips())
    assert isinstance(found, CompleteSpec), found
    assert found.image == "registry.example/mine:1"


def decided(own: Body, releases: dict[str, Body]) -> Plan | Invalid:
    known = {}
    for name, fields in releases.items():
        release = release_of(name, fields)
        assert not isinstance(release, Invalid), release
        known[name] = release
    catalogue = Catalogue(chips=chips(), releases=known)
    body = model(**own)
    spec = parse(body)
    assert isinstance(spec, FlagOSModelSpec), spec
    supply = Supplier().supply(catalogue, spec, spec.release)
    meta = Meta(namespace="team", name="qwen", uid="u-1", generation=1)
    return planned(body, spec, supply, meta=meta, defaults=Defaults(**DEFAULTS))


def test_a_release_gives_what_the_same_words_in_a_model_give() -> None:
    named = decided({}, {"qwen-nvidia": ROW})
    spelled = {name: value for name, value in ROW.items() if name != "model"}
    alone = decided({"release": None, **spelled}, {})
    assert isinstance(named, Plan)
    assert isinstance(alone, Plan)
    assert render(named) == render(alone)
    assert (named.release, alone.release) == ("qwen-nvidia", None)


def test_a_row_over_several_nodes_is_refused() -> None:
    found = decided({}, {"qwen-nvidia": {**ROW, "nodes": 2}})
    assert isinstance(found, Invalid)
    assert found.reason == "MultiNodeUnsupported"
    assert "over 2 nodes" in found.message


def test_a_model_may_say_that_one_node_is_enough() -> None:
    assert isinstance(decided({"nodes": 1}, {"qwen-nvidia": {**ROW, "nodes": 2}}), Plan)


def test_a_release_that_nobody_knows_brings_those_that_sound_alike() -> None:
    found = decided({"release": "qwen-nvidea"}, {"qwen-nvidia": ROW})
    assert isinstance(found, Invalid)
    assert (found.reason, "did you mean qwen-nvidia" in found.message) == ("UnknownRelease", True)


def test_where_nothing_sounds_alike_the_list_is_named() -> None:
    assert unknown("zzz", known=["qwen-nvidia"]).message.endswith("known are qwen-nvidia")
    assert unknown("zzz", known=[]).message.endswith("none is known")
    many = unknown("zzz", known=[f"qwen-{n}-{'x' * 90}" for n in range(9)]).message
    assert len(many) < 1024
    assert many.endswith(
        "and 4 more; `kubectl get flagosreleases` lists all, docs/models.md those that are shipped"
    )
