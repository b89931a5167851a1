"""Every example gives exactly the objects that were reviewed, in fields that Kubernetes knows."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from kubernetes import client

from flagos_operator.decisions import without_lists
from tests.golden.examples import (
    DEFAULTS,
    EXAMPLES,
    EXPECTED,
    ROOT,
    chips,
    objects,
    plan,
    pod_spec,
    server,
    text,
)
from tests.golden.restricted import violations

JUDGES = {
    "ConfigMap": client.V1ConfigMap,
    "PersistentVolumeClaim": client.V1PersistentVolumeClaim,
    "Service": client.V1Service,
    "Job": client.V1Job,
    "Deployment": client.V1Deployment,
}
# Chips that nobody has seen work with less than the card's privileges.
NEEDS_MORE = {
    "ascend",
    "mthreads",
    "hygon",
    "kunlunxin",
    "cambricon",
    "enflame",
    "sunrise",
    "tsingmicro",
}

# Of examples that say no budget and get more than they got: digest of the pods and budget before
# budgets were computed. An example that is edited goes from here.
OLDER = {
    "ascend-glm-4-32b": ("b398753dfb00482b", 3600),
    "cambricon-qwen3-4b": ("1e82919150030067", 3600),
    "hygon-qwen3.8-27b": ("0ee9f3b0dae35632", 3600),
    "iluvatar-minicpm5-2b": ("af1a6900a097fc8f", 7200),
    "kunlunxin-qwen3-8b": ("6accd555347846ae", 3600),
    "metax-qwen3-30b-a3b": ("af2c57db6b5c2d01", 3600),
    "mthreads-minicpm5-2b-sglang": ("8cb9e23c2261bf1a", 3600),
    "served-in-place": ("8904a4ca4177e12f", 1800),
    "zhenwu-minicpm5-2b": ("f2c778239a03fb70", 3600),
}

each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)


@each_example
def test_an_example_renders_what_was_reviewed(example: Path) -> None:
    expected = EXPECTED / example.name
    assert text(example) == expected.read_text(), "if it is meant: make golden, review the diff"


@pytest.mark.parametrize("name", OLDER)
def test_under_an_older_operators_budget_its_pods_are_what_they_were(name: str) -> None:
    """Their digest as that operator wrote it: an upgrade finds it again, and rolls nothing.

    Its chips had no lists of operators yet.
    """
    digest, seconds = OLDER[name]
    live = replace(DEFAULTS, live_budget=seconds)
    path = ROOT / "examples" / f"{name}.yaml"
    kept = plan(path, defaults=live, supplied=lambda newest: without_lists(newest) or newest)
    assert (kept.template, kept.budget_seconds) == (digest, seconds)
    assert kept.template != plan(path).template


def test_nothing_is_expected_of_an_example_that_is_gone() -> None:
    assert {path.name for path in EXPECTED.glob("*.yaml")} == {path.name for path in EXAMPLES}


def test_there_is_an_example_for_each_chip() -> None:
    assert {plan(example).chip for example in EXAMPLES} == set(chips())


@each_example
def test_kubernetes_knows_every_field(example: Path) -> None:
    for manifest in objects(example):
        JUDGES[manifest["kind"]].model_validate(manifest)


@each_example
def test_rendering_twice_gives_equal_bytes_and_separate_objects(example: Path) -> None:
    first, second = objects(example), objects(example)
    assert yaml.safe_dump_all(first) == yaml.safe_dump_all(second)
    first[-1]["spec"]["template"]["spec"]["containers"].clear()
    assert second[-1]["spec"]["template"]["spec"]["containers"]


def test_another_process_gives_equal_bytes() -> None:
    """KServe made a new key at each pass, so that no two passes gave the same objects."""
    first, second = (rendered_elsewhere(seed) for seed in ("1", "2"))
    assert first.count("kind: Deployment") == len(EXAMPLES)
    assert first == second


def rendered_elsewhere(seed: str) -> str:
    """By a process of its own, in which sets and hashes have another order."""
    words = [sys.executable, "-m", "flagos_operator", "render", "-f", str(ROOT / "examples")]
    path = str(ROOT / "operator")
    done = subprocess.run(
        words,
        env={"PYTHONPATH": path, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@each_example
def test_all_that_a_plan_owns_is_rendered_and_nothing_else(example: Path) -> None:
    rendered = {(m["kind"], m["metadata"]["name"]) for m in objects(example)}
    assert rendered == {(owned.kind, owned.name) for owned in plan(example).owns}


@each_example
def test_names_and_labels_fit(example: Path) -> None:
    for manifest in objects(example):
        labels = manifest["metadata"]["labels"]
        assert all(len(word) <= 63 for word in (manifest["metadata"]["name"], *labels.values()))


@each_example
def test_pods_pass_pod_security_restricted_where_the_chip_allows(example: Path) -> None:
    found = violations(pod_spec(example))
    if plan(example).chip in NEEDS_MORE:
        assert found, "this chip could be removed from NEEDS_MORE"
    elif example.stem == "minicpmo":
        # As the card: /share of the node, which belongs to root.
        assert found == ["volume weights", "fetch: root", "fetch: capabilities kept"]
    else:
        assert found == []


@each_example
def test_only_a_privileged_chip_makes_a_privileged_pod(example: Path) -> None:
    chip = chips()[plan(example).chip]
    wanted = bool((chip.security_context or {}).get("privileged"))
    assert bool(server(example)["securityContext"].get("privileged")) is wanted


@each_example
def test_a_device_variable_is_set_only_where_no_plugin_allocates(example: Path) -> None:
    names = [variable["name"] for variable in server(example)["env"]]
    found = [name for name in names if name.endswith("_VISIBLE_DEVICES")]
    chip = chips()[plan(example).chip]
    told = [] if chip.resource_name else [chip.visible_devices_env]
    assert found == [name for name in told if name]


@each_example
def test_no_device_node_is_mounted(example: Path) -> None:
    paths = [v["hostPath"]["path"] for v in pod_spec(example)["volumes"] if "hostPath" in v]
    assert not [path for path in paths if path.startswith("/dev")]


@each_example
def test_flagos_is_said_in_words_that_every_plugin_reads_alike(example: Path) -> None:
    variables = {item["name"]: item.get("value") for item in server(example)["env"]}
    assert variables.get("FLAGCX_PATH") != ""
    assert variables.get("USE_FLAGGEMS") in {"0", "1"} or plan(example).mode is None
