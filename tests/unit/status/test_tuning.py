"""Kernels that are tuned: thousands of lines become one, and the status says what matters."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from flagos_operator.status.kernels import timed
from flagos_operator.status.summary import summarize
from flagos_operator.status.tuning import news_until, tuned, tuning
from tests.unit.status.build import NOW, a_container, a_model, a_pod, a_view, fetched
from tests.unit.status.read import ready, written

KEY = ("p0", "server", 0)
BEGIN = NOW - timedelta(seconds=600)


def at(second: float, line: str) -> str:
    """As the kubelet dates a line, `second` after the start began."""
    return f"{(BEGIN + timedelta(seconds=second)).strftime('%Y-%m-%dT%H:%M:%S.%f000Z')} {line}"


def kernel(second: float, took: float, name: str = "mm_kernel", who: str = "EngineCore") -> str:
    said = f"Triton autotuning for function {name} finished after {took:.2f}s; best config"
    return at(second, f"({who} pid=9) {said} selected: BLOCK_M: 64, num_warps: 4;")


def started(second: float) -> str:
    return at(second, "(APIServer pid=1) INFO:     Application startup complete.")


class TestALineIsRead:
    @pytest.mark.parametrize(
        "line",
        [
            "Triton autotuning for function mm_kernel finished after 8.31s; best config selected:",
            # FlagGems' own tuner
            "Triton autotuning for function mm_kernel finished after 8.31s; config key: (1, 2), b",
            "(Worker_TP0 pid=7) Triton autotuning for function mm_kernel finished after 8.31s; b",
            "[2026-11-25 02:36:22] Triton autotuning for function mm_kernel finished after 8.31s;",
        ],
    )
    def test_as_triton_and_its_forks_write_it(self, line: str):
        found = tuning(line)
        assert (found.before, found.seconds, found.last) == (1, 8.31, "mm_kernel")

    def test_a_configuration_that_is_tried_names_the_kernel_and_counts_for_nothing(self):
        found = tuning(at(5, "Autotuning kernel mm_kernel with config BLOCK_M: 32, num_warps: 8"))
        assert (found.before, found.seconds, found.last) == (0, 0.0, "mm_kernel")

    @pytest.mark.parametrize(
        "line", ["", "torch.compile took 33.43 s in total", "autotuning", "x"]
    )
    def test_nothing_else_is(self, line: str):
        assert tuned("", [line]) == ""
        assert tuning(line).last == ""


class TestThousandsOfLinesBecomeOne:
    LINES = (
        *(kernel(10 * n, 9, name=f"k{n}") for n in range(1, 30)),
        started(300),
        *(kernel(300 + 10 * n, 5, name=f"k{n}") for n in range(1, 5)),
    )

    @pytest.mark.parametrize("piece", [1, 3, 7, 1000])
    def test_however_they_come(self, piece: int):
        kept = ""
        for begin in range(0, len(self.LINES), piece):
            kept = tuned(kept, self.LINES[begin : begin + piece])
        assert kept == tuned("", self.LINES)
        found = tuning(kept)
        assert (found.before, found.seconds) == (29, 29 * 9)
        assert (found.after, found.later, found.last) == (4, 20, "k4")

    def test_it_is_dated_and_short(self):
        kept = tuned("", [*self.LINES, kernel(400, 1, name="k" * 200)])
        assert kept.startswith(at(400, "")[:20])
        assert len(kept) <= 300 + 28
        assert tuning(kept).last == "k" * 60

    def test_it_stands_for_what_came_before_it_among_other_lines(self):
        text = "\n".join([self.LINES[0], started(300), tuned("", self.LINES), started(999)])
        assert tuning(text).before == 29
        assert tuning(text).ready == BEGIN + timedelta(seconds=300)

    def test_ranks_that_tune_at_once_take_the_time_of_one(self):
        both = [kernel(10, 9, who=who) for who in ("Worker_TP0", "Worker_TP1")]
        assert tuning("\n".join([*both, kernel(12, 9)])).seconds == 11

    def test_without_times_the_seconds_are_added(self):
        line = "Triton autotuning for function mm finished after 2.50s; best config selected: x"
        assert tuning("\n".join([line] * 4)).seconds == 10

    def test_what_somebody_else_writes_like_it_is_harmless(self):
        for line in ("flagos-operator tuning: 1 kernels", at(1, "flagos-operator tuning: x")):
            assert tuning(line).before == 0


def test_tuning_is_news_for_a_minute():
    text = "\n".join([started(300), kernel(400, 5)])
    assert news_until(tuning(text)) == BEGIN + timedelta(seconds=460)
    assert news_until(tuning("\n".join([kernel(200, 5), started(300)]))) is None
    assert news_until(tuning(started(300))) is None


def a_server(*lines: str, since_last: float = 10):
    """A view of one pod that is ready, some seconds after its last line."""
    text = "\n".join(lines)
    last = datetime.fromisoformat(lines[-1][:19]).replace(tzinfo=UTC)
    pod = a_pod(fetched(), a_container())
    now = last + timedelta(seconds=since_last)
    began = {"phase": "Ready", "pod": pod.name, "timings": {"Loading": 9}}
    return a_view(pod, heard={KEY: text}, now=now, model=a_model(status={"startup": began}))


class TestTheStatusSaysSo:
    START = (kernel(50, 9), kernel(120, 25), started(300))

    def test_what_a_start_spent_on_it_is_a_timing_of_its_own(self):
        summary = summarize(a_server(*self.START))
        assert summary.status["startup"]["timings"]["Tuning"] == 34
        assert summary.status["progress"] == "1/1 replicas ready"

    def test_it_is_remembered_when_the_log_is_not(self):
        view = a_server(*self.START)
        again = summarize(replace(written(view, summarize(view)), heard={}))
        assert again.status["startup"]["timings"]["Tuning"] == 34

    def test_a_ready_model_that_tunes_says_so_and_stays_ready(self):
        summary = summarize(a_server(*self.START, kernel(400, 34), since_last=10))
        assert summary.status["progress"] == (
            "1/1 replicas ready, still tuning kernels (mm_kernel, 34 s)"
        )
        assert ready(summary)["status"] == "True"
        assert summary.requeue_after == pytest.approx(50, abs=1)
        assert summary.status["startup"]["timings"]["Tuning"] == 34

    def test_and_no_more_a_minute_later(self):
        summary = summarize(a_server(*self.START, kernel(400, 34), since_last=61))
        assert summary.status["progress"] == "1/1 replicas ready"

    def test_a_bar_that_is_slow_is_not_called_tuning(self):
        bar = "Capturing CUDA graphs (mixed prefill-decode, PIECEWISE): 51/51 [03:34, 14 s/it]"
        summary = summarize(a_server(at(100, bar), started(300)))
        assert "Tuning" not in summary.status["startup"]["timings"]

    def test_that_of_another_start_is_not_told(self):
        view = a_server(*self.START)
        told = written(view, summarize(view))
        other = replace(told, pods=(a_pod(fetched(), a_container(), name="b", uid="b"),), heard={})
        assert "Tuning" not in timed({"pod": "b"}, other).get("timings", {})
