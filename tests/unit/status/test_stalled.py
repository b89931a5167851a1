"""When somebody must act, and when it may pass by itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from flagos_operator.api.outcome import Invalid
from flagos_operator.status.summary import summarize
from flagos_operator.status.view import Objection, View
from tests.unit.status.build import (
    a_model,
    a_plan,
    a_pod,
    a_view,
    crashed,
    ended,
    starting,
    unscheduled,
    waiting,
)
from tests.unit.status.read import condition
from tests.unit.status.test_ready import INSUFFICIENT, fetch_failing

if TYPE_CHECKING:
    from flagos_operator.observed.facts import ContainerFacts


LATE = "TimeoutError: Timed out waiting for engine core processes to start."
BUSY = "RuntimeError: CUDA error: all CUDA-capable devices are busy or unavailable"


def worn_out(reason: str, restarts: int = 3) -> ContainerFacts:
    said = json.dumps({"reason": reason, "message": "x"})
    return crashed(ended(10, message=said), name="fetch", init=True, restarts=restarts)


class TestStalled:
    """Present only when somebody must act: tools give up waiting when they see it."""

    @pytest.mark.parametrize(
        "view",
        [
            a_view(plan=Invalid(reason="Whatever", message="x")),
            a_view(refused=Objection(reason="NameTaken", message="x")),
            a_view(a_pod(waiting("ErrImagePull", "manifest unknown"))),
            a_view(a_pod(waiting("CreateContainerConfigError", 'secret "x" not found'))),
            a_view(a_pod(crashed(ended(2, message="vllm: error: unrecognized arguments: -x")))),
            a_view(a_pod(crashed(ended(1), restarts=3))),
            a_view(a_pod(fetch_failing())),
            a_view(a_pod(crashed(ended(137, reason="OOMKilled"), restarts=3))),
            a_view(a_pod(crashed(ended(128, reason="StartError"), restarts=3))),
            a_view(a_pod(crashed(ended(1, message="Killed"), restarts=3))),
            # A run that lasts as long as its budget comes seldom, and never ends otherwise.
            a_view(a_pod(crashed(ended(137, ran=640), restarts=3))),
            a_view(a_pod(crashed(ended(1, ran=3600, message=LATE), restarts=3))),
            a_view(a_pod(crashed(ended(1, message=BUSY), restarts=10))),
            a_view(a_pod(worn_out("ChecksumMismatch"))),
            a_view(a_pod(worn_out("InternalError"))),
        ],
    )
    def test_what_does_not_mend_itself_is_stalled(self, view: View):
        assert condition(summarize(view), "Stalled")["status"] == "True"

    @pytest.mark.parametrize(
        "view",
        [
            a_view(a_pod()),
            a_view(a_pod(starting())),
            a_view(unscheduled(INSUFFICIENT)),
            a_view(a_pod(waiting("ErrImagePull", "i/o timeout"))),
            a_view(a_pod(crashed(ended(1)))),
            a_view(a_pod(crashed(ended(1, ran=90_000), restarts=9))),
            a_view(
                a_pod(crashed(ended(1, message="OSError: Address already in use"), restarts=5))
            ),
            a_view(a_pod(fetch_failing('{"reason":"SourceUnreachable","message":"x"}'))),
            a_view(plan=a_plan(suspended=True, replicas=0)),
            a_view(a_pod(crashed(ended(137, reason="OOMKilled"), restarts=2))),
            a_view(a_pod(crashed(ended(137, reason="OOMKilled", ran=90_000), restarts=9))),
            a_view(a_pod(worn_out("SourceUnreachable", 30))),
            a_view(a_pod(worn_out("RateLimited", 30))),
            a_view(plan=Invalid(reason="Choosing", message="x")),
            a_view(plan=Invalid(reason="NoReleaseFits", message="x", needs_user=False)),
            a_view(plan=Invalid(reason="InvalidSpec", message="x"), model=a_model(deleting=True)),
        ],
    )
    def test_what_may_pass_is_not(self, view: View):
        assert condition(summarize(view), "Stalled") == {}
