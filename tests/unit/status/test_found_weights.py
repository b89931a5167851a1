"""Weights that are on the volume from before: nothing is told of a download that there is not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from flagos_operator.status.summary import Summary, summarize
from tests.unit.status.build import (
    DONE,
    NOW,
    a_plan,
    a_pod,
    a_view,
    ended,
    fetched,
    fetching,
    starting,
    unscheduled,
    waiting,
)
from tests.unit.status.read import condition, kinds, ready, written
from tests.unit.status.test_weights import HERE, key

if TYPE_CHECKING:
    from flagos_operator.observed.facts import PodFacts
    from flagos_operator.status.view import View

CLAIM = {"persistentVolumeClaim": {"claimName": "w"}}
PRESENT = DONE.replace("{", '{"how":"present",', 1)
OLD = a_pod(template="t0", name="old", uid="p9")
SERVED = a_view(a_pod(), plan=a_plan(weights=CLAIM))


def after(*pods: PodFacts, plan: Any = None, **change: Any) -> View:
    """The next pass over a model that has served from its claim."""
    before = written(SERVED, summarize(SERVED))
    return replace(before, pods=pods, plan=plan or SERVED.plan, **change)


def new(*containers: Any, **change: Any) -> PodFacts:
    return a_pod(*containers, **({"name": "new", "uid": "p1"} | change))


def fetches(**change: Any) -> PodFacts:
    return new(fetching(**change), waiting("PodInitializing"))


def complete(message: str = PRESENT) -> PodFacts:
    return new(fetched(message), starting())


def weights(summary: Summary) -> tuple[str, str]:
    told = condition(summary, "WeightsReady")
    return told["status"], told["reason"]


class TestAnEdit:
    @pytest.mark.parametrize(
        "pod",
        [unscheduled(), new(waiting("ContainerCreating")), fetches(), complete()],
        ids=["no node", "no image", "looks", "has found them"],
    )
    def test_weights_stay_ready_while_an_older_pod_has_them(self, pod: PodFacts):
        summary = summarize(after(pod, OLD))
        assert weights(summary) == ("True", "Complete")
        assert not {"Downloading", "Complete"} & {event.reason for event in summary.events}

    def test_a_look_at_them_is_no_download(self):
        summary = summarize(after(fetches(), OLD))
        assert summary.status["phase"] == "Verifying"
        assert summary.status["progress"] == "looking at the weights that are there"
        assert ready(summary)["message"] == "looking at the weights that are there"

    def test_a_pod_that_says_that_it_downloads_takes_them_away(self):
        pod = fetches()
        looks = after(pod, OLD)
        view = replace(written(looks, summarize(looks)), heard={key(pod): HERE})
        summary = summarize(view)
        assert weights(summary) == ("False", "Downloading")
        assert kinds(summary.events) == [("Normal", "Downloading")]
        assert summary.status["phase"] == "Downloading"

    def test_a_volume_of_the_pod_alone_is_empty(self):
        summary = summarize(after(fetches(), OLD, plan=a_plan()))
        assert weights(summary) == ("False", "Downloading")

    @pytest.mark.parametrize("change", [{"source": "modelscope:a/c"}, {"revision": "v2"}])
    def test_other_weights_are_downloaded(self, change: Any):
        other = a_plan(weights=CLAIM, **change)
        assert weights(summarize(after(unscheduled(), OLD, plan=other))) == ("False", "Pending")
        summary = summarize(after(fetches(), OLD, plan=other))
        assert weights(summary) == ("False", "Downloading")
        assert summary.status["phase"] == "Downloading"

    def test_a_download_that_failed_is_not_taken_for_a_look(self):
        again = fetches(restarts=1, last=ended(10, message='{"reason":"SourceUnreachable"}'))
        assert weights(summarize(after(again, OLD))) == ("False", "Downloading")


class TestWithoutAnOlderPod:
    """A model that was stopped, or whose pod was lost."""

    def test_a_look_at_them_is_no_download(self):
        summary = summarize(after(fetches()))
        assert weights(summary) == ("False", "Pending")
        assert summary.status["phase"] == "Verifying"
        assert summary.events == ()

    def test_what_is_found_there_is_no_news(self):
        looks = after(fetches())
        found = replace(written(looks, summarize(looks)), pods=(complete(),), now=NOW)
        assert weights(summarize(found)) == ("True", "Complete")
        assert kinds(summarize(found).events) == [("Normal", "Starting")]

    def test_what_was_downloaded_after_all_is(self):
        looks = after(fetches())
        found = replace(written(looks, summarize(looks)), pods=(complete(DONE),), now=NOW)
        assert ("Normal", "Complete") in kinds(summarize(found).events)


def test_the_first_download_of_a_model_is_told_as_ever() -> None:
    view = a_view(fetches(), plan=a_plan(weights=CLAIM))
    assert kinds(summarize(view).events) == [("Normal", "Downloading")]
    assert summarize(view).status["phase"] == "Downloading"
