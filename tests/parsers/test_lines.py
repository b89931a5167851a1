"""The real vLLM accepts what is rendered, and takes it for what the fields of the model said.

Parsers of three vLLMs run without a GPU. For an image with a version in between, the next newer
one that is here is asked.
"""

from __future__ import annotations

import pytest

from testbed.vllm.parsers import VERSIONS
from tests.golden.examples import EXAMPLES
from tests.parsers.questions import verdicts
from tests.unit.catalog.document import proof
from tests.unit.catalog.published import catalogue

pytestmark = pytest.mark.timeout(600)  # the first time, each parser is installed

each_version = pytest.mark.parametrize("version", VERSIONS)
MEANT = {
    "model_tag": "/share/Model",
    "host": "0.0.0.0",  # noqa: S104 - the pod's address
    "port": 9000,
    "served_model_name": ["one", "two"],
    "trust_remote_code": True,
    "max_model_len": 4096,
    "gpu_memory_utilization": 0.85,
    "tensor_parallel_size": 4,
    "pipeline_parallel_size": 2,
    "dtype": "bfloat16",
}


@each_version
def test_every_example_and_published_model_is_started_by_a_line_that_is_accepted(
    version: str,
) -> None:
    asked = {
        name: verdict
        for name, verdict in verdicts(version).items()
        if name.startswith(("example ", "published ", "shipped "))
    }
    assert asked, f"nothing serves with vLLM {version}"
    assert {name: said.message for name, said in asked.items() if not said.accepted} == {}


def test_no_example_that_serves_with_vllm_goes_unasked() -> None:
    asked = {name for version in VERSIONS for name in verdicts(version)}
    unasked = {each.stem for each in EXAMPLES if f"example {each.stem}" not in asked}
    # Lines of their own, and SGLang.
    own = {"arm-custom", "cambricon-qwen3-4b", "tsingmicro-custom"}
    assert unasked == own | {"mthreads-minicpm5-2b-sglang"}


def test_every_shipped_row_that_the_docs_call_parsed_is_asked() -> None:
    asked = {name for version in VERSIONS for name in verdicts(version)}
    rows = catalogue().releases.values()
    parsed = {f"shipped {each.name}" for each in rows if proof(each).startswith("parsed")}
    assert parsed
    assert parsed <= asked


@each_version
def test_every_field_arrives(version: str) -> None:
    said = verdicts(version)["fields"]
    assert said.accepted, said.message
    assert {name: said.values[name] for name in MEANT} == MEANT


@pytest.mark.parametrize("version", ["0.24.0", "0.32.0"])
def test_a_server_that_can_drain_is_told_how_long(version: str) -> None:
    assert verdicts(version)["fields"].values["shutdown_timeout"] == 60


def test_a_server_that_cannot_drain_would_have_refused_the_flag() -> None:
    said = verdicts("0.13.0")["--shutdown-timeout 30"]
    assert not said.accepted
    assert "--shutdown-timeout" in said.message


@each_version
def test_a_prefix_is_taken_for_the_flag_which_is_why_it_is_refused(version: str) -> None:
    said = verdicts(version)
    assert said["--tensor_par=4"].values["tensor_parallel_size"] == 4
    assert said["--served-model x"].values["served_model_name"] == ["x"]
    assert not said["-tp4"].accepted
