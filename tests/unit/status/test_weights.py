"""How far a download is: what is listened to, and what the status then says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flagos_operator.desired.room import Room
from flagos_operator.observed.facts import PodFacts
from flagos_operator.status.summary import Summary, summarize
from flagos_operator.status.view import View
from flagos_operator.status.weights import MOST_LIVE_LOGS, live_logs
from tests.unit.status.build import (
    DONE,
    NOW,
    a_container,
    a_model,
    a_plan,
    a_pod,
    a_view,
    ago,
    ended,
    fetched,
    fetching,
    waiting,
)
from tests.unit.status.read import condition, kinds, ready, written

TOTAL = 20615843020
RATE = "84.1 MiB/s, 2 min 52 s left"
HERE = f"downloading: 5.0 GiB of 19.2 GiB (26%), {RATE} [5368709120/{TOTAL}]"
TROUBLE = "cannot reach hub.example.com: connection refused; trying again in 8.0 s"
HOLDER = "waiting: qwen-7 (FlagRelease/X at master) is writing to this volume"


def downloading(name: str = "qwen-0", **change: Any) -> PodFacts:
    inside = (fetching(), waiting("PodInitializing"))
    return a_pod(*inside, name=name, uid=f"u-{name}", **change)


def key(pod: PodFacts, run: int = 0) -> tuple[str, str, int]:
    return pod.uid, "fetch", run


def heard(*lines: str, **change: Any) -> View:
    pod = downloading()
    return a_view(pod, heard={key(pod): "\n".join(lines)}, **change)


def weights(summary: Summary) -> dict[str, Any]:
    return dict(summary.status["weights"])


class TestWhatIsListenedTo:
    def test_the_download_that_runs(self):
        (wanted,) = live_logs(a_view(downloading()))
        assert (wanted.namespace, wanted.pod, wanted.node) == ("prod", "qwen-0", "node1")
        assert (wanted.container, wanted.key) == ("fetch", ("u-qwen-0", "fetch", 0))

    @pytest.mark.parametrize(
        "pod",
        [
            a_pod(),
            a_pod(fetched(), waiting("PodInitializing")),
            a_pod(waiting("PodInitializing", name="fetch", init=True)),
            a_pod(a_container()),
            downloading(deleting=True),
            downloading(template="t0"),
        ],
        ids=["ready", "complete", "not begun", "no download", "ending", "of an older spec"],
    )
    def test_nothing_where_nothing_is_downloaded(self, pod: PodFacts):
        assert live_logs(a_view(pod)) == ()

    def test_nothing_more_once_one_pod_has_all(self):
        """The others are then told as replicas that are not ready yet."""
        done = a_pod(fetched(), waiting("PodInitializing"))
        assert live_logs(a_view(done, downloading("qwen-1"))) == ()

    def test_a_few_of_many(self):
        pods = [downloading(f"qwen-{i}") for i in range(20)]
        assert len(live_logs(a_view(*pods))) == MOST_LIVE_LOGS

    def test_the_one_that_works_is_found_among_those_that_wait(self):
        pods = [downloading(f"qwen-{i}") for i in range(10)]
        view = a_view(*pods, heard={key(pod): HOLDER for pod in pods[:3]})
        assert live_logs(view)[0].pod == "qwen-7"
        found = replace(view, heard={**view.heard, key(pods[7]): HERE})
        assert live_logs(found)[0].pod == "qwen-7"

    def test_the_one_that_works_is_listened_to_all_the_time(self):
        pods = [downloading(f"qwen-{i}") for i in range(10)]
        assert live_logs(a_view(*pods, heard={key(pods[9]): HERE}))[0].pod == "qwen-9"

    def test_all_are_asked_in_turn_while_none_works(self):
        pods = [downloading(f"qwen-{i}") for i in range(7)]
        view, asked = a_view(*pods), set[str]()
        for _ in range(3):
            wanted = live_logs(view)
            asked |= {each.pod for each in wanted}
            told = {each.key: "waiting: elsewhere is writing to this volume" for each in wanted}
            view = replace(view, heard={**view.heard, **told})
        assert asked == {pod.name for pod in pods}


class TestWhatIsTold:
    def test_bytes_percent_rate_and_time_are_in_the_status(self):
        assert weights(summarize(heard(HERE))) == {
            "source": "modelscope:FlagRelease/X",
            "phase": "Downloading",
            "pod": "qwen-0",
            "since": "2026-11-25T11:59:00Z",
            "downloadedBytes": 5368709120,
            "totalBytes": TOTAL,
            "percent": 26,
            "bytesPerSecond": 88185241,
            "etaSeconds": 172,
        }

    @pytest.mark.parametrize(
        ("lines", "phase", "shown"),
        [
            ((), "Downloading", "downloading weights"),
            (("listing: a/b",), "Downloading", "listing files"),
            ((HERE,), "Downloading", f"downloading 26%, 5.0 of 19.2 GiB, {RATE}"),
            (
                ("downloading: 900.0 MiB of 19.2 GiB (4%) [943718400/20615843020]",),
                "Downloading",
                "downloading 4%, 900.0 MiB of 19.2 GiB",
            ),
            (
                ("downloading: 5.0 GiB of 19.2 GiB (26%)",),
                "Downloading",
                "downloading 26%",
            ),
            (("verifying: 5 B of 9 B (57%) [57/100]",), "Verifying", "verifying 57%"),
            (("verifying: what lies here",), "Verifying", "verifying"),
            ((HOLDER,), "Downloading", "waiting for another pod's download"),
            (
                (TROUBLE,),
                "Downloading",
                "cannot reach hub.example.com: connection refused; trying again in 8 s",
            ),
            (
                (HERE, TROUBLE),
                "Downloading",
                f"downloading 26%, 5.0 of 19.2 GiB; {TROUBLE.replace('8.0', '8')}",
            ),
        ],
    )
    def test_a_person_sees_it_in_a_column(self, lines: tuple[str, ...], phase: str, shown: str):
        summary = summarize(heard(*lines))
        assert (summary.status["phase"], summary.status["progress"]) == (phase, shown)

    def test_what_goes_wrong_is_in_the_conditions_while_it_is_tried_again(self):
        summary = summarize(heard(HERE, TROUBLE))
        for kind in ("WeightsReady", "Ready", "Progressing"):
            told = condition(summary, kind)
            assert told["reason"] == "Downloading"
            assert told["message"] == (
                "downloading the weights: cannot reach hub.example.com: connection refused; "
                "trying again in 8 s"
            )
        assert condition(summary, "Progressing")["status"] == "True"
        assert condition(summary, "Stalled") == {}
        assert weights(summary)["message"].startswith("cannot reach hub.example.com")

    @pytest.mark.parametrize(("gib", "told"), [(None, False), (64, False), (16, True)])
    def test_weights_beyond_the_devices_are_cautioned_about_before_a_server_starts(
        self,
        gib: int | None,
        told: bool,  # noqa: FBT001 - a column
    ):
        room = Room(resources=1, each=gib * 2**30) if gib else None
        summary = summarize(heard(HERE, plan=a_plan(room=room)))
        message = ready(summary)["message"]
        assert message.startswith("downloading the weights")
        caution = (
            "the download has 19.2 GiB, more than 1 device of 16.0 GiB "
            "by the chip's profile: unless it holds its weights twice, it takes spec.devices "
            "2 at least"
        )
        assert message.endswith(f"; {caution}") is told
        said = condition(summary, "UpToDate")
        assert said["status"] == "True"
        assert (said["reason"] == "InsufficientDeviceMemory", caution in said["message"]) == (
            told,
            told,
        )
        assert (("Warning", "InsufficientDeviceMemory") in kinds(summary.events)) is told

    def test_whom_it_waits_for_is_named(self):
        summary = summarize(heard(HOLDER))
        assert condition(summary, "WeightsReady")["reason"] == ready(summary)["reason"]
        assert ready(summary)["reason"] == "LockHeld"
        assert ready(summary)["message"].startswith("qwen-7 (FlagRelease/X at master) is writing")

    def test_conditions_do_not_change_with_every_byte(self):
        later = HERE.replace("26%", "27%").replace("5368709120", "5566277615")
        one, other = summarize(heard(HERE)).status, summarize(heard(later)).status
        assert one["conditions"] == other["conditions"]
        assert one["weights"] != other["weights"]

    def test_of_several_pods_the_furthest_speaks(self):
        first, second, third = (downloading(f"qwen-{i}") for i in range(3))
        lines = {key(first): HERE, key(second): HERE.replace("[5", "[9"), key(third): HOLDER}
        assert weights(summarize(a_view(first, second, third, heard=lines)))["pod"] == "qwen-1"

    def test_an_event_tells_each_turn_and_none_tells_bytes(self):
        view = heard(HERE)
        summary = summarize(view)
        assert kinds(summary.events) == [("Normal", "Downloading")]
        (pod,) = view.pods
        for lines in (HERE.replace("[53", "[63"), f"{HERE}\n{TROUBLE}", "verifying: all"):
            view = replace(written(view, summary), heard={key(pod): lines})
            summary = summarize(view)
            assert summary.events == ()


class TestWhatIsLeft:
    def test_after_the_download_only_what_lies_there(self):
        view = heard(HERE)
        done = replace(
            written(view, summarize(view)),
            pods=(a_pod(fetched(DONE), waiting("PodInitializing"), uid="u-qwen-0"),),
        )
        assert weights(summarize(done)) == {
            "source": "modelscope:FlagRelease/X",
            "revision": "master",
            "totalBytes": 9000000000,
            "digest": "sha256:c0ffee",
        }

    def test_a_log_that_cannot_be_read_takes_back_what_is_no_longer_known(self):
        view = heard(HERE)
        (pod,) = view.pods
        silent = replace(written(view, summarize(view)), heard={key(pod): ""})
        summary = summarize(silent)
        assert summary.status["progress"] == "downloading weights"
        assert weights(summary) == {"source": "modelscope:FlagRelease/X", "totalBytes": TOTAL}

    @pytest.mark.parametrize(
        "lines", [(HERE,), (HERE, TROUBLE), (HOLDER,), ("listing: a",), ("verifying: 1 B (5%)",)]
    )
    def test_an_operator_that_starts_anew_writes_nothing_before_it_has_listened(self, lines):
        view = heard(*lines)
        before = summarize(view)
        again = summarize(replace(written(view, before), heard={}))
        assert again.status == before.status
        assert again.events == ()

    def test_another_run_of_the_container_begins_with_nothing(self):
        view = heard(HERE)
        restarted = a_pod(
            fetching(restarts=1, since=ago(2)),
            waiting("PodInitializing"),
            name="qwen-0",
            uid="u-qwen-0",
        )
        again = replace(written(view, summarize(view)), pods=(restarted,))
        assert "percent" not in weights(summarize(again))
        low = {key(restarted, 1): HERE.replace("[5368709120", "[1368709120")}
        assert weights(summarize(replace(again, heard=low)))["percent"] == 6

    def test_within_one_run_it_never_goes_backwards(self):
        view = heard(HERE)
        (pod,) = view.pods
        back = {key(pod): HERE.replace("[5368709120", "[4368709120")}
        found = weights(summarize(replace(written(view, summarize(view)), heard=back)))
        assert (found["percent"], found["downloadedBytes"]) == (26, 5368709120)

    def test_a_status_of_others_making_is_not_believed(self):
        pod = downloading()
        for lie in (
            {"phase": "Sideways"},
            {"phase": "Downloading"},
            {"phase": "Verifying", "percent": "all", "etaSeconds": []},
            {"phase": ["Waiting"], "message": 7},
        ):
            told = {"pod": "qwen-0", "since": "2026-11-25T11:59:00Z", **lie}
            summary = summarize(a_view(pod, model=a_model(status={"weights": told})))
            assert summary.status["phase"] in ("Downloading", "Verifying")

    def test_a_status_that_was_written_asks_for_no_other_write(self):
        """LLMKube, at rest: a field that says "now" wakes itself for ever."""
        for lines in ((HERE,), (HERE, TROUBLE), (HOLDER,), ("verifying: all",), ("listing: a",)):
            view = heard(*lines)
            first = summarize(view)
            for seconds in range(1, 100, 7):
                later = replace(written(view, first), now=NOW + timedelta(seconds=seconds))
                assert summarize(later).status == first.status
                assert summarize(later).events == ()
                assert summarize(later).requeue_after is None


LISTING = "listing: a/b"


class TestARunAfterAFailure:
    """The kubelet tries again within the second: nobody would ever read what went wrong."""

    @staticmethod
    def again(*lines: str, reason: str = "SourceUnreachable", **run: Any) -> View:
        said = json.dumps({"reason": reason, "message": "cannot reach hub.example.com"})
        last = ended(10, message=said, at=run.pop("since", 5), ran=run.pop("ran", 86))
        fetch = fetching(restarts=1, last=last, since=last.finished)
        pod = a_pod(fetch, waiting("PodInitializing"), uid="u")
        return a_view(pod, heard={("u", "fetch", 1): "\n".join(lines)} if lines else {})

    @pytest.mark.parametrize("lines", [(), (LISTING,), (LISTING, TROUBLE)])
    @pytest.mark.parametrize("failure", ["SourceUnreachable", "RateLimited", "Unauthorized"])
    def test_its_reason_stays_while_the_hub_is_only_asked(self, lines, failure: str):
        summary = summarize(self.again(*lines, reason=failure))
        assert ready(summary)["reason"] == condition(summary, "WeightsReady")["reason"] == failure

    @pytest.mark.parametrize("line", [HERE, HOLDER, "verifying: 1 B of 2 B (50%) [1/2]"])
    def test_it_goes_once_the_run_gets_on(self, line: str):
        summary = summarize(self.again(LISTING, line))
        assert ready(summary)["reason"] in {"Downloading", "LockHeld"}
        assert condition(summary, "Stalled") == {}

    def test_the_column_says_what_the_run_does(self):
        told = summarize(self.again(LISTING, TROUBLE)).status["progress"]
        assert told == (
            "cannot reach hub.example.com: connection refused; trying again in 8 s, restarted once"
        )

    @pytest.mark.parametrize(("ran", "until"), [(20, 30), (86, 96), (900, 130)])
    def test_where_no_log_is_read_time_tells(self, ran: int, until: int):
        before, after = (self.again(ran=ran, since=until + by) for by in (-1, 1))
        assert ready(summarize(before))["reason"] == "SourceUnreachable"
        assert summarize(before).requeue_after == 1
        assert ready(summarize(after))["reason"] == "Downloading"

    def test_that_an_attempt_has_begun_says_less_than_why_the_last_one_failed(self):
        """It would come and go with each attempt."""
        told = summarize(self.again(LISTING, reason="SourceUnreachable")).status["progress"]
        assert told == "the hub does not answer, restarted once"
