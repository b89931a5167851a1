"""Whatever happens in whatever order: at rest, all is as a fresh operator would have it."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as some

from tests.loop import running
from tests.loop.fakekube import FakeKube
from tests.loop.invariants import judge
from tests.loop.scripts import (
    CHILDREN,
    NAMES,
    Act,
    Ask,
    Bend,
    Lose,
    Meet,
    Pod,
    Remove,
    Restart,
    Settle,
    Stage,
    Step,
    count,
    played,
)

HUB = {"modelscope": {"repo": "a/b"}}
CLAIM = {"volumeClaimTemplate": {"size": "1Gi"}}
PLACES: list[dict[str, Any]] = [
    {},
    {"source": HUB},
    {"source": HUB, "weights": CLAIM | {"reclaimPolicy": "Retain"}},
    {"source": HUB, "weights": CLAIM | {"reclaimPolicy": "Delete"}},
]
SHARED = {"persistentVolumeClaim": {"claimName": "shared"}, "directory": "d"}
PLACES += [
    {"source": HUB, "weights": SHARED},
    {"source": HUB, "weights": SHARED | {"reclaimPolicy": "Delete"}},
    {"source": HUB, "weights": {"persistentVolumeClaim": {"claimName": "a-weights"}}},
]
RETAINED, RECLAIMED, LODGED = PLACES[2], PLACES[5], PLACES[6]
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
NAME = some.sampled_from(["a", "a", *NAMES])  # steps meet only where they are at the same model
ASK = some.builds(Ask, NAME, some.one_of(RIGHT, RIGHT, RIGHT, WRONG))
ACT: some.SearchStrategy[Act] = some.one_of(
    ASK,
    ASK,
    some.builds(Pod, NAME, some.integers(0, 1), some.booleans()),
    some.builds(Lose, NAME, some.sampled_from([*CHILDREN, "Pod"])),
    some.builds(Bend, NAME, some.integers(0, 7)),
    some.builds(Remove, NAME),
)
RESTART = some.builds(Restart, some.lists(ACT, max_size=2).map(tuple))
MEET = some.builds(Meet, some.integers(0, 4))
# Most steps are answered before the next one comes, some run into it.
BEAT: some.SearchStrategy[list[Step]] = some.one_of(
    some.just([]),  # what a beat that does not matter becomes when a script is made shorter
    some.builds(lambda act: [act, Settle()], ACT),
    some.builds(lambda act: [act, Settle()], ACT),
    some.builds(lambda act: [act, Settle()], ACT),
    some.builds(lambda act: [act], ACT),
    some.builds(lambda act, met, then: [act, met, then, Settle()], ACT, MEET, ACT),
    some.builds(lambda restart: [restart, Settle()], RESTART),
)
# A long script costs little more than a short one, and shows more.
SCRIPTS = some.builds(
    lambda spec, beats: [Ask("a", spec), Settle(), *(step for beat in beats for step in beat)],
    RIGHT,
    some.lists(BEAT, min_size=8, max_size=16),
)


@pytest.mark.timeout(900)  # only a failure takes long: the script is then made shorter
@settings(
    max_examples=15,
    derandomize=True,
    database=None,
    deadline=None,
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
@example([Ask("a", {}), Settle(), Remove("a"), Restart()])  # gone before the watch begins
@example([Ask("a", {"source": HUB}), Settle(), Ask("a", {})])  # a child is wanted no more
@example([Ask("a", {}), Settle(), Ask("a", {"replicas": 2}), Meet(0), Lose("a", "Service")])
@example([Ask("a", RETAINED), Settle(), Ask("a", {})])  # what stays is followed no more
@example([Ask("a", RETAINED), Settle(), Lose("a", "PersistentVolumeClaim"), Ask("a", {})])
@example([Ask("a", RECLAIMED), Settle(), Remove("a"), Settle(), Ask("a", RECLAIMED)])
@example([Ask("a", RECLAIMED), Settle(), Restart((Remove("a"), Ask("a", RECLAIMED)))])
@example([Ask("a", RECLAIMED), Settle(), Remove("a"), Meet(0), Ask("b", PLACES[4])])
@example([Ask("a", PLACES[3]), Ask("b", LODGED), Settle(), Remove("a"), Settle(), Ask("b", {})])
@given(SCRIPTS)
def test_after_any_script_all_is_as_a_fresh_operator_would_have_it(script):
    asyncio.run(_judge(script))


async def _judge(script: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with FakeKube().serving() as kube:
            meta = {"name": "shared", "namespace": running.NAMESPACE}
            kube.create({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta})
            stage = Stage(kube=kube, folder=Path(folder), judge=judge)
            await played(script, stage=stage)
            assert not _tasks_of_the_operator()
            await _a_fresh_operator_writes_nothing(stage)


async def _a_fresh_operator_writes_nothing(stage: Stage) -> None:
    before = stage.kube.storage.version
    models = len(stage.kube.all("FlagOSModel"))
    async with stage.operator() as app:
        await stage.settled()
        assert count(app, "Done") >= models
    written = [f"{each.method} {each.path}" for each in stage.kube.writes()[-5:]]
    assert stage.kube.storage.version == before, f"a fresh operator wrote: {written}"


def _tasks_of_the_operator() -> list[str]:
    """The fake API lives in the same loop and has tasks of its own."""
    found = (task.get_coro() for task in asyncio.all_tasks())
    files = [coro.cr_code.co_filename for coro in found if hasattr(coro, "cr_code")]
    return [each for each in files if "flagos_operator" in each]
