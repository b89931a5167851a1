"""Whatever happens in whatever order: once it has settled, all is as a fresh operator has it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from flagos_operator.api.outcome import Invalid
from flagos_operator.api.spec import parse
from flagos_operator.desired.plan import Meta, Plan, decide
from flagos_operator.operands import chips, defaults
from flagos_operator.settings import Settings
from tests.loop.fakekube import FakeKube
from tests.loop.scripts import (
    CHILDREN,
    NAMES,
    Ask,
    Bend,
    Lose,
    Pod,
    Remove,
    Restart,
    Settle,
    Stage,
    Step,
    children,
    count,
    played,
)

CHIPS, DEFAULTS = chips(Settings()), defaults(Settings())
HUB = {"modelscope": {"repo": "a/b"}}
CLAIM = {"volumeClaimTemplate": {"size": "1Gi"}}
PLACES: list[dict[str, Any]] = [
    {},
    {"source": HUB},
    {"source": HUB, "weights": CLAIM | {"reclaimPolicy": "Retain"}},
    {"source": HUB, "weights": CLAIM | {"reclaimPolicy": "Delete"}},
]
REST = some.fixed_dictionaries(
    {},
    optional={
        "replicas": some.integers(0, 3),
        "suspend": some.booleans(),
        "chip": some.sampled_from(["cpu", "nvidia"]),
        "service": some.fixed_dictionaries({"port": some.sampled_from([8001, 8002])}),
        "server": some.fixed_dictionaries({"maxModelLen": some.sampled_from([1024, 2048])}),
    },
)
WRONG = some.sampled_from([{"chip": "unheard-of"}, {"replicas": "many"}, {"weights": CLAIM}])
RIGHT = some.builds(dict[str, Any].__or__, some.sampled_from(PLACES), REST)
SPECS = some.one_of(RIGHT, RIGHT, RIGHT, WRONG)
NAME = some.sampled_from(NAMES)
ASK = some.builds(Ask, NAME, SPECS)
STEPS: some.SearchStrategy[Step] = some.one_of(
    some.just(Settle()),
    ASK,
    ASK,
    some.builds(Pod, NAME, some.integers(0, 1), some.booleans()),
    some.builds(Lose, NAME, some.sampled_from([*CHILDREN, "Pod"])),
    some.builds(Bend, NAME, some.integers(0, 7)),
    some.builds(Remove, NAME),
    some.just(Restart()),
)
# A long script costs little more than a short one: most of the time goes into two operators.
SCRIPTS = some.lists(STEPS, min_size=10, max_size=24)


@pytest.mark.timeout(600)  # only a failure takes long: the script is then made shorter
@settings(max_examples=10, derandomize=True, database=None, deadline=None)
@example([Ask("a", {}), Settle(), Remove("a"), Restart()])  # gone before the watch begins
@example([Ask("a", {"source": HUB}), Settle(), Ask("a", {})])  # a child is wanted no more
@given(SCRIPTS)
def test_after_any_script_all_is_as_a_fresh_operator_would_have_it(script):
    asyncio.run(_judge(script))


async def _judge(script: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with FakeKube().serving() as kube:
            stage = Stage(kube=kube, folder=Path(folder))
            await played(script, stage=stage)
            assert not _tasks_of_the_operator()
            _nothing_leaked_or_stuck(kube)
            _no_pods_changed_for_nothing(stage)
            await _a_fresh_operator_writes_nothing(stage)


async def _a_fresh_operator_writes_nothing(stage: Stage) -> None:
    before = stage.kube.storage.version
    models = len(stage.kube.all("FlagOSModel"))
    async with stage.operator() as app:
        await stage.settled()
        assert count(app, "Done") >= models
    written = [f"{each.method} {each.path}" for each in stage.kube.writes()[-5:]]
    assert stage.kube.storage.version == before, f"a fresh operator wrote: {written}"


def _nothing_leaked_or_stuck(kube: FakeKube) -> None:
    for model in kube.all("FlagOSModel"):
        meta, plan = model["metadata"], _plan(model)
        assert model["status"]["observedGeneration"] == meta["generation"]
        assert all(each["reason"] for each in model["status"]["conditions"])
        if isinstance(plan, Plan):
            wanted = {(each.kind, each.name) for each in plan.owns}
            assert _owned(kube, meta["uid"]) <= wanted <= _labelled(kube, meta["name"])
    stuck = [b for b in kube.storage.objects.values() if b["metadata"].get("deletionTimestamp")]
    assert not stuck


def _no_pods_changed_for_nothing(stage: Stage) -> None:
    """The templates that a Deployment had are those that its model asked for, in that order."""
    for name, asked in stage.asked.items():
        plans = [_plan(model) for model in asked]
        wanted = _without_repeats(plan.template for plan in plans if isinstance(plan, Plan))
        had = _without_repeats(
            change.body["spec"]["template"]["metadata"]["annotations"]["flagos.io/template"]
            for change in stage.kube.storage.history
            if change.id.plural == "deployments" and change.id.name == name
        )
        left: Iterator[str] = iter(wanted)
        assert all(each in left for each in had), f"{name}: had {had}, was asked for {wanted}"


def _plan(model: dict[str, Any]) -> Plan | Invalid:
    spec, meta = parse(model), model["metadata"]
    if isinstance(spec, Invalid):
        return spec
    named = Meta(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"], generation=1)
    return decide(spec, meta=named, defaults=DEFAULTS, chips=CHIPS)


def _owned(kube: FakeKube, uid: str) -> set[tuple[str, str]]:
    return {
        (body["kind"], body["metadata"]["name"])
        for body in kube.storage.objects.values()
        for owner in body["metadata"].get("ownerReferences") or ()
        if owner["uid"] == uid
    }


def _labelled(kube: FakeKube, name: str) -> set[tuple[str, str]]:
    return {
        (kind, each["metadata"]["name"])
        for kind in CHILDREN
        for each in children(kube, kind, of=name)
    }


def _tasks_of_the_operator() -> list[str]:
    """The fake API lives in the same loop and has tasks of its own."""
    found = (task.get_coro() for task in asyncio.all_tasks())
    files = [coro.cr_code.co_filename for coro in found if hasattr(coro, "cr_code")]
    return [each for each in files if "flagos_operator" in each]


def _without_repeats(items: Iterable[str]) -> list[str]:
    return [each for each, _ in groupby(items)]
