"""What is doubtful before a pod exists: told as a warning, in nobody's way, until a pod serves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from flagos_operator.api.outcome import Invalid
from flagos_operator.catalog.memory.estimate import GIB
from flagos_operator.desired import fits
from flagos_operator.desired.fits import Doubt, Misfit
from flagos_operator.desired.fleet import UNKNOWN, UNREAD, Fleet
from flagos_operator.desired.plan import Plan, with_release
from flagos_operator.desired.room import Room
from flagos_operator.desired.stock import Hardware
from flagos_operator.desired.wish import Selection
from flagos_operator.status.prechecks import looks
from flagos_operator.status.reasons import Reason
from flagos_operator.status.summary import Summary, summarize
from flagos_operator.status.view import Objection, View
from tests.unit.status.build import (
    a_plan,
    a_pod,
    a_view,
    crashed,
    ended,
    fetched,
    starting,
    unscheduled,
)
from tests.unit.status.read import condition, kinds, ready, written

if TYPE_CHECKING:
    from flagos_operator.observed.facts import PodFacts

IMAGE = fits.image("registry.example/x-metax001:1", chip="nvidia")
SMALL = Room(resources=2, per_resource=1, each=4 * GIB)  # DONE is 8.4 GiB
FAILED = Objection(reason=Reason.RELEASE_FAILED, message="release x has failed")


def doubting(*doubts: Doubt | None, **change: Any) -> Plan:
    return a_plan(doubts=tuple(each for each in doubts if each), **change)


def told(summary: Summary) -> tuple[str, str]:
    found = condition(summary, "UpToDate")
    return found["status"], found["reason"]


def test_an_image_for_another_chip_is_told_while_its_pod_cannot_run() -> None:
    summary = summarize(a_view(plan=doubting(IMAGE)))
    assert told(summary) == ("True", "ImageForAnotherChip")
    assert condition(summary, "UpToDate")["message"] == (
        "the image is for metax by its name, not for nvidia: registry.example/x-metax001:1; use "
        "an image for this chip, or say in spec.versions.chip which one it is for"
    )
    assert ready(summary)["reason"] == "Pending"
    assert condition(summary, "Stalled") == {}
    assert summary.status["phase"] == "Pending"
    assert kinds(summary.events) == [("Warning", "ImageForAnotherChip")]


CLAUSE = "the image is for metax by its name, not for nvidia"


@pytest.mark.parametrize(
    ("view", "reason", "progress"),
    [
        (
            a_view(unscheduled("0/3 nodes are available: 3 Insufficient nvidia.com/gpu.")),
            "Unschedulable",
            f"no usable node has 1 nvidia.com/gpu free, or none offers it, {CLAUSE}",
        ),
        (
            a_view(a_pod(fetched(), crashed(ended(1, message="Failed to infer device type")))),
            "DeviceNotFound",
            f"no device in the container, {CLAUSE}, restarted once",
        ),
    ],
)
def test_a_model_that_waits_or_fails_says_in_a_clause_that_its_image_may_be_why(
    view: View, reason: str, progress: str
) -> None:
    summary = summarize(replace(view, plan=doubting(IMAGE)))
    assert ready(summary)["reason"] == reason
    assert ready(summary)["message"].endswith(f"; {CLAUSE}")
    assert summary.status["progress"] == progress
    without = ready(summarize(replace(view, plan=a_plan())))["message"]
    assert ready(summary)["message"] == f"{without}; {CLAUSE}"


@pytest.mark.parametrize(
    "pod", [a_pod(fetched(), starting(), ready=False), a_pod()], ids=["starts", "serves"]
)
def test_what_goes_on_or_serves_is_not_doubted_beside(pod: PodFacts) -> None:
    summary = summarize(a_view(pod, plan=doubting(IMAGE)))
    assert CLAUSE not in ready(summary)["message"] + summary.status["progress"]


def test_a_long_message_leaves_room_for_the_clause() -> None:
    view = a_view(unscheduled("0/3 nodes are available: " + "words " * 300))
    told = ready(summarize(replace(view, plan=doubting(IMAGE))))["message"]
    assert told.endswith(f"; {CLAUSE}")
    assert "words...; free or add nodes" in told
    assert len(told.encode()) <= 1024


def test_it_is_told_once() -> None:
    view = a_view(plan=doubting(IMAGE))
    again = summarize(written(view, summarize(view)))
    assert told(again) == ("True", "ImageForAnotherChip")
    assert again.events == ()


def test_a_pod_that_serves_has_proved_it_wrong() -> None:
    view = a_view(a_pod(), plan=doubting(IMAGE, room=SMALL), warning=FAILED)
    assert told(summarize(view)) == ("True", "ReleaseFailed")
    assert told(summarize(replace(view, warning=None))) == ("True", "Current")


def test_the_first_doubt_speaks_and_a_failed_release_after_it() -> None:
    both = doubting(IMAGE, fits.weights(9 * GIB, SMALL, told=fits.PUBLISHED))
    assert told(summarize(a_view(plan=both, warning=FAILED))) == ("True", "ImageForAnotherChip")
    assert told(summarize(a_view(plan=a_plan(), warning=FAILED))) == ("True", "ReleaseFailed")


def test_a_release_that_is_too_large_for_its_devices_says_so_before_the_download() -> None:
    plan = with_release(a_plan(room=SMALL), "big-metax", weights=40 * GIB)
    summary = summarize(a_view(plan=plan))
    assert condition(summary, "UpToDate")["message"] == (
        "the weights alone, 40.0 GiB by published.size, exceed 2 devices x 4.0 GiB = 8.0 GiB "
        "by the chip's profile; it takes spec.devices 10 at least"
    )
    assert told(summary) == ("True", "InsufficientDeviceMemory")
    assert kinds(summary.events) == [("Warning", "InsufficientDeviceMemory")]


@pytest.mark.parametrize("weights", [None, 8 * GIB])
def test_a_release_that_fits_or_says_nothing_is_no_doubt(weights: int | None) -> None:
    plan = with_release(a_plan(room=SMALL), "r", weights=weights)
    assert told(summarize(a_view(plan=plan))) == ("True", "Current")


def of_what_was_fetched(**change: Any) -> View:
    """The download is complete, and its server starts."""
    return a_view(a_pod(fetched(), starting(), ready=False), plan=a_plan(**change))


def test_what_was_downloaded_is_compared_until_the_server_serves() -> None:
    summary = summarize(of_what_was_fetched(room=SMALL))
    assert ready(summary)["reason"] == "Starting"
    assert told(summary) == ("True", "InsufficientDeviceMemory")
    assert (
        "the download has 8.4 GiB, more than 2 devices x 4.0 GiB = 8.0 GiB by the chip's profile"
        in (condition(summary, "UpToDate")["message"])
    )


@pytest.mark.parametrize("room", [None, replace(SMALL, resources=3)])
def test_what_has_room_or_nobody_knows_is_current(room: Room | None) -> None:
    assert told(summarize(of_what_was_fetched(room=room))) == ("True", "Current")


LARGE = doubting(devices=16)
EIGHT, SIXTEEN = Fleet(most=8), Fleet(most=16)
UNPLACED = unscheduled("0/3 nodes are available: 3 Insufficient nvidia.com/gpu.")
SMALL_NODES = "no node has 16 nvidia.com/gpu; the largest has 8"


def test_a_node_that_is_too_small_is_told_first_and_where_the_pod_waits() -> None:
    view = a_view(UNPLACED, plan=doubting(IMAGE, devices=16), fleet=EIGHT)
    summary = summarize(view)
    assert told(summary) == ("True", "NodeTooSmall")
    assert condition(summary, "UpToDate")["message"] == SMALL_NODES
    assert ready(summary)["reason"] == "Unschedulable"
    assert ready(summary)["message"].startswith(f"{SMALL_NODES}: 0/3 nodes are available")
    assert ("Warning", "NodeTooSmall") in kinds(summary.events)
    larger = written(replace(view, fleet=SIXTEEN), summary)
    assert told(summarize(larger)) == ("True", "ImageForAnotherChip")
    assert SMALL_NODES not in ready(summarize(larger))["message"]


def test_until_nodes_are_listed_what_was_said_of_them_stays() -> None:
    view = a_view(UNPLACED, plan=LARGE, fleet=EIGHT)
    before = summarize(view)
    unread = written(replace(view, fleet=UNREAD), before)
    assert summarize(unread).status == before.status
    assert summarize(unread).events == ()
    edited = replace(unread, model=replace(unread.model, generation=2))
    assert told(summarize(edited)) == ("True", "Current")
    assert told(summarize(replace(unread, fleet=UNKNOWN))) == ("True", "Current")


def test_other_words_are_not_kept_though_nodes_are_unread() -> None:
    view = a_view(plan=doubting(IMAGE))
    unread = written(replace(view, plan=a_plan(), fleet=UNREAD), summarize(view))
    assert told(summarize(unread)) == ("True", "Current")


def test_what_was_downloaded_is_compared_with_what_labels_say() -> None:
    """The chip's profile has no memory: boards of this vendor differ."""
    small = Fleet(most=8, sorts=frozenset({Hardware(memory_mib=4096)}))
    summary = summarize(replace(of_what_was_fetched(), fleet=small))
    assert told(summary) == ("True", "InsufficientDeviceMemory")
    assert (
        "the download has 8.4 GiB, more than 1 device of 4.0 GiB by node labels"
        in (condition(summary, "UpToDate")["message"])
    )


@pytest.mark.parametrize(
    ("view", "resource"),
    [
        (a_view(), "nvidia.com/gpu"),
        (a_view(a_pod()), ""),
        (a_view(a_pod(), plan=doubting(replicas=2)), "nvidia.com/gpu"),
        (a_view(plan=doubting(replicas=0)), ""),
        (a_view(plan=doubting(resource_name=None)), ""),
        (a_view(plan=Invalid(reason="InvalidSpec", message="")), ""),
        (a_view(selection=Selection(wish="x on any chip")), ""),
    ],
    ids=["new", "serves", "one more", "at rest", "no device", "invalid", "chosen by stock"],
)
def test_nodes_are_of_interest_until_all_pods_serve(view: View, resource: str) -> None:
    assert looks(view) == resource


def test_each_doubt_of_a_model_has_a_reason_of_the_status() -> None:
    assert {each.value for each in Misfit} <= {each.value for each in Reason}
