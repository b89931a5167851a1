"""Events of pods that wait for their volumes: asked for seldom, and harmless where they fail."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from flagos_operator.cluster.complaints import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    LONGEST_READ,
    Complaints,
)
from flagos_operator.cluster.kinds import Key
from flagos_operator.errors import Forbidden, OperatorError, ServerFault, Throttled
from tests.unit.status.build import a_pod

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flagos_operator.cluster.client import Client

MODEL = Key("prod", "qwen")
POD = a_pod()
SAID = {"reason": "FailedMount", "message": "x", "lastTimestamp": "2026-11-26T16:59:40Z"}


@dataclass
class Api:
    says: Sequence[dict[str, Any]] | OperatorError = ()
    asked: list[str] = field(default_factory=list)

    async def warnings(self, namespace: str, *, uid: str, within: float) -> Any:
        assert (namespace, within) == ("prod", LONGEST_READ)
        self.asked.append(uid)
        if isinstance(self.says, OperatorError):
            raise self.says
        return tuple(self.says)


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def complaints(api: Api, clock: Clock) -> Complaints:
    return Complaints(client=cast("Client", api), clock=clock)


async def test_a_pod_is_asked_about_at_growing_pauses():
    api, clock = Api([SAID]), Clock()
    asking = complaints(api, clock)
    for _ in range(3600):
        told = await asking.of(MODEL, [POD])
        assert [each.reason for each in told["p0"]] == ["FailedMount"]
        clock.now += 1
    assert len(api.asked) == 13
    pauses: list[float] = []
    for _ in range(3):
        await asking.of(MODEL, [POD])
        pauses.append(asking.look_again(MODEL) or 0)
        clock.now += pauses[-1]
    assert pauses[-1] == LONGEST_PAUSE


async def test_it_says_when_to_ask_again():
    asking = complaints(Api(), clock := Clock())
    assert asking.look_again(MODEL) is None
    await asking.of(MODEL, [POD])
    assert asking.look_again(MODEL) == FIRST_PAUSE
    clock.now += 100
    assert asking.look_again(MODEL) == 0


@pytest.mark.parametrize(
    "fault", [Forbidden("x", status=403), Throttled("x", status=429), ServerFault("x", status=500)]
)
async def test_what_cannot_be_read_is_asked_for_no_oftener_and_takes_nothing_away(
    fault: OperatorError,
):
    asking = complaints(api := Api(fault), clock := Clock())
    assert await asking.of(MODEL, [POD]) == {"p0": ()}
    assert asking.look_again(MODEL) == FIRST_PAUSE
    api.says, clock.now = [SAID], clock.now + FIRST_PAUSE
    told = await asking.of(MODEL, [POD])
    api.says, clock.now = fault, clock.now + 60
    assert await asking.of(MODEL, [POD]) == told
    assert len(api.asked) == 3


async def test_nothing_is_kept_of_pods_that_wait_no_longer():
    asking = complaints(api := Api([SAID]), Clock())
    await asking.of(MODEL, [POD])
    assert await asking.of(MODEL, []) == {}
    assert asking.look_again(MODEL) is None
    await asking.of(MODEL, [POD])
    assert len(api.asked) == 2
    asking.forget(MODEL)
    assert not asking._asked
