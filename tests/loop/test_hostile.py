"""Models that nobody should have let in end in a reason, and those beside them are served.

What each of them ends in is for tests/unit/status/test_hostile.py to say; here it is one running
operator that meets them.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some

from flagos_operator import main
from tests.loop.fakekube import FakeKube
from tests.loop.running import (
    a_downloaded_model,
    a_model,
    a_pod,
    condition,
    eventually,
    reason,
    status,
    template,
)
from tests.loop.scripts import Stage, count
from tests.loop.valid import SPECS

LONGEST_NAME = "n" * 253  # of an object; a Service may have 63
SCALARS = some.one_of(
    some.none(),
    some.booleans(),
    some.integers(),
    some.floats(allow_nan=False, allow_infinity=False),
    some.text(max_size=20),
    some.sampled_from(["é" * 5000, "\x00", "\u202e\u200b", "{0.__class__}", "%s", "$(X)", ".."]),
)
WORDS = some.one_of(some.text(max_size=8), some.sampled_from(["name", "type", "reason", "time"]))
ANYTHING = some.recursive(
    SCALARS,
    lambda inner: some.one_of(
        some.lists(inner, max_size=3), some.dictionaries(WORDS, inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = ("chip", "image", "replicas", "source", "server", "pod", "weights", "unheardOf")
# As an older definition, or none, could hold it: anything; or a good model, wrong somewhere.
RAW = some.one_of(
    ANYTHING,
    some.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, ANYTHING)).map(
        lambda wrong: a_downloaded_model()["spec"] | wrong
    ),
)
# Not the conditions: the fake API merges them by their key, as the real one does.
TOLD = ("weights", "resolved", "lastFailure", "stack", "phase", "flagos", "startup")
STATUSES = some.fixed_dictionaries({}, optional=dict.fromkeys(TOLD, ANYTHING))
HOSTILE = some.fixed_dictionaries({"spec": some.one_of(RAW, SPECS), "status": STATUSES})


@pytest.mark.timeout(600)  # only a failure takes long: it is then made smaller
@settings(
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
@given(some.lists(HOSTILE, min_size=2, max_size=8))
def test_hostile_models_end_in_a_reason_and_the_good_ones_beside_them_are_served(hostile):
    asyncio.run(_met({f"broken-{number}": each for number, each in enumerate(hostile)}))


def test_a_name_as_long_as_can_be_ends_in_a_reason():
    asyncio.run(_met({LONGEST_NAME: {}, "1-begins-with-a-digit": {}, "with.dots": {}}))


@pytest.fixture
def deep_objects_can_be_read():
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(main.RECURSION)  # as the process does at its start
    yield
    sys.setrecursionlimit(before)


def test_an_object_nested_as_deep_as_can_be_does_not_hide_the_others(deep_objects_can_be_read):
    deep = json.loads('{"a":' * 9_000 + "{}" + "}" * 9_000)
    asyncio.run(_met({"deep": {"spec": a_model()["spec"] | {"pod": {"affinity": deep}}}}))


async def _met(hostile):
    """Some are there when the operator starts, the others come while it runs."""
    with tempfile.TemporaryDirectory() as folder:
        async with FakeKube().serving() as kube:
            stage = Stage(kube=kube, folder=Path(folder), judge=lambda _: None)
            early, late = list(hostile)[::2], list(hostile)[1::2]
            _create(kube, hostile, early)
            async with stage.operator():
                await _is_served(kube, "good")
                _create(kube, hostile, late)
                await _is_served(kube, "good-too")
                await stage.settled()
            _each_has_a_reason(kube, hostile)
            await _a_fresh_operator_agrees(stage)


def _create(kube, hostile, names):
    for name in names:
        kube.create(a_model(name) | hostile[name])


def _each_has_a_reason(kube, names):
    for name in names:
        assert reason(kube, name).isalnum(), f"{name}: {status(kube, name)}"
        assert condition(kube, "Ready", name)["message"]
        assert status(kube, name)["observedGeneration"] == 1


async def _a_fresh_operator_agrees(stage):
    before = stage.kube.storage.version
    async with stage.operator() as app:
        await stage.settled()
        assert count(app, "Done") >= len(stage.kube.all("FlagOSModel"))
    assert stage.kube.storage.version == before


async def _is_served(kube, name):
    kube.create(a_model(name))
    await eventually(lambda: kube.find("Deployment", name))
    kube.put(a_pod(f"{name}-1", model=name, template=template(kube, name)))
    await eventually(lambda: condition(kube, "Ready", name).get("status") == "True")
