"""A model that nobody should have let in ends in a reason, and the one beside it is served."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from flagos_operator import main
from tests.loop.fakekube import FakeKube
from tests.loop.running import a_model, a_pod, condition, eventually, reason, status, template
from tests.loop.scripts import PATIENCE, Stage, count

WORDS = some.one_of(some.text(max_size=8), some.sampled_from(["name", "type", "reason", "time"]))
ANYTHING = some.recursive(
    some.one_of(some.none(), some.booleans(), some.integers(), some.text(max_size=20)),
    lambda inner: some.one_of(
        some.lists(inner, max_size=3), some.dictionaries(WORDS, inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = ("chip", "image", "replicas", "source", "server", "pod", "weights", "unheardOf")
SPECS = some.one_of(
    ANYTHING, some.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, ANYTHING))
)
# Not the conditions: the fake API merges them by their key, as the real one does.
TOLD = ("weights", "resolved", "lastFailure", "stack", "phase")
STATUSES = some.fixed_dictionaries({}, optional=dict.fromkeys(TOLD, ANYTHING))


@pytest.mark.timeout(600)  # only a failure takes long: it is then made smaller
@settings(max_examples=8, derandomize=True, database=None, deadline=None)
@given(some.lists(some.tuples(SPECS, STATUSES), min_size=2, max_size=6))
def test_hostile_models_end_in_a_reason_and_the_good_one_beside_them_is_served(hostile):
    asyncio.run(_served_beside([{"spec": spec, "status": told} for spec, told in hostile]))


@pytest.fixture
def deep_objects_can_be_read():
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(main.RECURSION)  # as the process does at its start
    yield
    sys.setrecursionlimit(before)


def test_an_object_nested_as_deep_as_can_be_does_not_hide_the_others(deep_objects_can_be_read):
    deep = json.loads('{"a":' * 9_000 + "{}" + "}" * 9_000)
    asyncio.run(_served_beside([{"spec": a_model()["spec"] | {"pod": {"affinity": deep}}}]))


async def _served_beside(hostile):
    with tempfile.TemporaryDirectory() as folder:
        async with FakeKube().serving() as kube:
            stage = Stage(kube=kube, folder=Path(folder))
            for number, broken in enumerate(hostile):
                kube.create(a_model(f"broken-{number}") | broken)
            async with stage.operator() as app:
                await _is_served(kube)
                await stage.settled()
                assert count(app, "Done") > len(hostile)
            for number in range(len(hostile)):
                assert reason(kube, f"broken-{number}").isalnum()
                assert status(kube, f"broken-{number}")["observedGeneration"] == 1


async def _is_served(kube):
    kube.create(a_model("good"))
    await eventually(lambda: kube.find("Deployment", "good"), within=PATIENCE)
    kube.put(a_pod("good-1", model="good", template=template(kube, "good")))
    await eventually(
        lambda: condition(kube, "Ready", "good").get("status") == "True", within=PATIENCE
    )
