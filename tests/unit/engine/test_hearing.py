"""What is told of the cluster, from kopf's thread to the queue."""

from __future__ import annotations

import asyncio
from typing import Any

import kopf
import pytest

from flagos_operator.app import App, build
from flagos_operator.cluster.kinds import MODEL, POD, Key
from flagos_operator.main import kopf_settings
from flagos_operator.settings import Settings
from tests.loop.running import a_model, a_pod

Body = dict[str, Any]


def versioned(body: Body, version: int, **status: Any) -> Body:
    meta = {"uid": f"u-{body['metadata']['name']}", "generation": 1, **body["metadata"]}
    return {**body, "metadata": {**meta, "resourceVersion": str(version)}, "status": status}


def event(body: Body) -> Body:
    return {"type": "MODIFIED", "object": body}


@pytest.fixture
def app() -> App:
    return build(Settings(), {})


async def test_events_arrive_in_order_and_a_broken_one_stops_no_other(app: App) -> None:
    loop = app.loop = asyncio.get_running_loop()
    faults: list[object] = []
    loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))

    def tell() -> None:
        app.tell(MODEL.name, event(versioned(a_model("first"), 1)))
        app.tell(MODEL.name, {"type": "ADDED", "object": {}})
        app.tell(MODEL.name, event(versioned(a_model("last"), 2)))

    for _ in range(2):  # what is told after a batch calls the loop anew
        await asyncio.to_thread(tell)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert [model.name for model in app.store.models()] == ["first", "last"]
    assert [type(fault) for fault in faults] == [KeyError, KeyError]


def test_a_new_or_edited_model_is_looked_at_before_news_of_others(app: App) -> None:
    app.observe(MODEL.name, event(versioned(a_model("calm"), 1, observedGeneration=1)))
    app.observe(POD.name, event(versioned(a_pod("p", model="served"), 2)))
    app.observe(MODEL.name, event(versioned(a_model("new"), 3)))
    app.observe(MODEL.name, event(versioned(a_model("edited"), 4, observedGeneration=0)))
    taken = [app.queue.pop() for _ in range(4)]
    assert taken == [Key("default", name) for name in ("new", "edited", "calm", "served")]


def test_kopf_is_to_keep_and_compare_nothing_of_an_object() -> None:
    """It copied each object of each event four times, half of all that an event cost."""
    body = kopf.Body({"metadata": {"annotations": {"a": "b"}}, "spec": {"c": "d"}})
    storage = kopf_settings().persistence.diffbase_storage
    assert storage.build(body=body) == {}
    assert storage.fetch(body=body) is None
