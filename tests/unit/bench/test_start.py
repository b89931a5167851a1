"""What the bench of starts replays, and when it says that a step began or a server ended."""

from __future__ import annotations

import subprocess
import sys

import pytest

from flagos_operator.status.explain import explain
from tests.bench_start import scripts
from tests.bench_start.models import REPLAY
from tests.bench_start.stage import begun_in, first_end, has_reached, ready


def replayed(script: str, tmp_path, *words: str) -> subprocess.CompletedProcess[bytes]:
    file = tmp_path / "script"
    file.write_text(script)
    command = [sys.executable, str(REPLAY), "--script", str(file), *words]
    return subprocess.run(command, capture_output=True, timeout=30, check=False)


@pytest.mark.parametrize("name", scripts.starts())
def test_a_start_is_over_in_less_than_half_a_minute_and_ends_when_the_server_is_up(name: str):
    told = scripts.moments(scripts.starts()[name])
    assert [seconds for seconds, _ in told] == sorted(seconds for seconds, _ in told)
    assert told[-1][0] < 30
    assert scripts.READY in told[-1][1]


def test_pauses_are_shortened_and_none_is_long():
    told = scripts.hastened([(5.0, "a"), (10.0, "b"), (300.0, "c")])
    assert told == [(0.5, "a"), (1.0, "b"), (1.0 + scripts.LONGEST_PAUSE, "c")]


@pytest.mark.parametrize("text", scripts.failures().values(), ids=scripts.failures())
def test_a_failure_means_the_same_behind_a_long_log(text: str):
    long = scripts.of_200_lines(text, before="INFO nothing\nINFO at all")
    assert len(long.splitlines()) == 200
    assert explain(long, exit_code=1).reason == explain(text, exit_code=1).reason


def test_a_replay_writes_what_was_recorded_and_ends_as_it_is_told(tmp_path):
    done = replayed("0.0 one\n0.1 a bar\\ra fuller bar\n", tmp_path, "--exit-code", "3")
    assert (done.returncode, done.stdout) == (3, b"one\na bar\ra fuller bar\n")


def test_flags_of_a_real_server_and_noise_do_not_change_what_was_recorded(tmp_path):
    flags = ("--noise", "100", "--exit-code", "0", "/model", "--served-model-name", "m")
    said = replayed("0.0 one\n0.2 two\n", tmp_path, *flags).stdout.decode().splitlines()
    assert [line for line in said if "DEBUG" not in line] == ["one", "two"]
    assert len(said) > 10


def test_a_step_begins_with_its_line_and_a_probe_tells_of_the_last():
    log = (
        "2026-01-01T00:00:00.250000000Z nothing\n"
        "2026-01-01T00:00:01.500000000Z Starting to load model x...\n"
        "2026-01-01T00:00:09.000000000Z INFO:     Application startup complete.\n"
    )
    assert begun_in(log) == {"Loading": pytest.approx(1767225601.5)}


@pytest.mark.parametrize(
    ("phase", "so"), [("Starting", False), ("Loading", True), ("Capturing", True), ("", False)]
)
def test_a_step_that_was_passed_over_is_told_by_the_one_after_it(phase: str, so: bool):  # noqa: FBT001
    assert has_reached("Loading", {"status": {"startup": {"phase": phase}}}) is so


def a_pod(**states: object):
    return {"status": {"containerStatuses": [{"name": "server", **states}]}}


def test_of_two_ends_the_first_counts():
    first = {"terminated": {"finishedAt": "2026-01-01T00:00:01Z"}}
    second = {"terminated": {"finishedAt": "2026-01-01T00:00:09Z"}}
    assert first_end(a_pod(state=second, lastState=first)) == 1767225601
    assert first_end(a_pod(state={"running": {}}, lastState=first)) == 1767225601
    assert first_end(a_pod(state={"running": {}}, lastState={})) is None
    assert first_end(a_pod(state={"terminated": {"finishedAt": None}})) is None


def test_a_model_without_a_status_has_no_condition():
    assert ready({}) == {}
