"""Events as kubectl reads them: dated, counted, under one name, and never worth a pass."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from flagos_operator.cluster.recorder import Recorder
from flagos_operator.errors import Conflict, Unreachable
from flagos_operator.status.summary import Event
from tests.unit.status.build import a_model

if TYPE_CHECKING:
    from flagos_operator.cluster.client import Client

NOW = datetime(2026, 11, 25, 12, 0, 0, 250_000, tzinfo=UTC)
CRASH = Event(type="Warning", reason="CrashLoop", message="container server ended")


@dataclass(slots=True)
class Api:
    fault: Exception | None = None
    written: list[dict[str, Any]] = field(default_factory=list)

    async def create_event(self, event: dict[str, Any]) -> None:
        if self.fault:
            raise self.fault
        self.written.append(event)


def recorded(*events: Event, api: Api | None = None, **change: Any) -> list[dict[str, Any]]:
    api = api or Api()
    recorder = Recorder(client=cast("Client", api), instance="operator-1", now=lambda: NOW)
    for place, event in enumerate(events):
        told = recorder.record(event, model=a_model(**change), place=place)
        asyncio.run(told)
    return api.written


def test_an_event_has_what_kubectl_sorts_by_and_shows() -> None:
    (event,) = recorded(CRASH)
    assert (event["apiVersion"], event["kind"]) == ("v1", "Event")
    assert event["firstTimestamp"] == event["lastTimestamp"] == "2026-11-25T12:00:00Z"
    assert event["count"] == 1
    assert event["source"] == {"component": "flagos-operator"}
    assert event["reportingComponent"] == "flagos-operator"
    assert event["reportingInstance"] == "operator-1"
    shown = (event["type"], event["reason"], event["message"])
    assert shown == ("Warning", "CrashLoop", "container server ended")


def test_it_is_about_the_model_and_lies_beside_it() -> None:
    (event,) = recorded(CRASH)
    assert event["metadata"]["namespace"] == "prod"
    assert event["involvedObject"] == {
        "apiVersion": "flagos.io/v1alpha1",
        "kind": "FlagOSModel",
        "namespace": "prod",
        "name": "qwen",
        "uid": "m1",
        "resourceVersion": "7",
    }


def test_one_transition_has_one_name_and_another_has_another() -> None:
    names = [event["metadata"]["name"] for _ in "ab" for event in recorded(CRASH)]
    (later,) = recorded(CRASH, resource_version="8")
    assert names[0] == names[1] != later["metadata"]["name"]


def test_names_are_in_the_order_in_which_it_happened() -> None:
    """With kubectl describe one saw the start of a server before the end of its download."""
    events = [Event(type="Normal", reason=f"R{each}", message="x") for each in range(5)]
    told = [*recorded(*events, resource_version="99"), *recorded(CRASH, resource_version="100")]
    names = [event["metadata"]["name"] for event in told]
    assert names == sorted(names)


def test_a_lost_event_fails_nothing() -> None:
    for fault in (Conflict("there", status=409), Unreachable("gone")):
        assert recorded(CRASH, api=Api(fault=fault)) == []


def test_a_long_message_is_bounded_in_bytes() -> None:
    long = Event(type="Warning", reason="InvalidPod", message="\u4e2d" * 2000)
    assert len(recorded(long)[0]["message"].encode()) <= 1024
