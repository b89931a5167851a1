"""The line that each example renders is one that the real vLLM of its image accepts.

Parsers of three vLLMs run without a GPU; for an image with a version in between, the next newer
one that is here is asked.
"""

from __future__ import annotations

import pytest

from flagos_operator.catalog.images import hints
from flagos_operator.catalog.versions import numbers
from testbed.vllm.parsers import VERSIONS, Verdict, parse_check
from tests.golden.examples import EXAMPLES, plan, server

pytestmark = pytest.mark.timeout(600)  # the first time, each parser is installed
OLDEST_FIRST = sorted(VERSIONS, key=lambda version: numbers(version) or ())


def nearest(version: str) -> str:
    asked = numbers(version) or ()
    newer = (known for known in OLDEST_FIRST if (numbers(known) or ()) >= asked)
    return next(newer, OLDEST_FIRST[-1])


def lines() -> dict[str, dict[str, list[str]]]:
    """What follows `serve` in each vLLM example, by the parser that is to judge it."""
    found: dict[str, dict[str, list[str]]] = {version: {} for version in VERSIONS}
    for example in EXAMPLES:
        version = hints(plan(example).image).vllm
        words = [*server(example).get("command", []), *server(example).get("args", [])]
        if version and "serve" in words:
            found[nearest(version)][example.stem] = words[words.index("serve") + 1 :]
    return found


def judged(version: str, argvs: list[list[str]]) -> list[Verdict]:
    return parse_check(version, argvs)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_real_parser_accepts_what_the_examples_render(version: str) -> None:
    asked = lines()[version]
    assert asked, f"no example serves with vLLM {version}"
    verdicts = dict(zip(asked, judged(version, list(asked.values())), strict=True))
    assert {
        name: verdict.message for name, verdict in verdicts.items() if not verdict.accepted
    } == {}


def test_the_parsers_can_say_no() -> None:
    (verdict,) = judged("0.13.0", [["/models/x", "--shutdown-timeout", "30"]])
    assert not verdict.accepted
    assert "--shutdown-timeout" in verdict.message
