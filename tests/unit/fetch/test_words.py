"""What a fetch is asked, and what it says."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest

from flagos_operator.fetch import hub, options, report
from flagos_operator.fetch.progress import (
    Meter,
    Point,
    Progress,
    Reporter,
    bar,
    duration,
    line,
    size,
)
from flagos_operator.fetch.reasons import FetchError, Reason, scrub
from flagos_operator.fetch.request import Request

REQUEST = Request(
    source="modelscope", repo="acme/tiny", revision="master", destination=Path("/weights/x")
)


@pytest.mark.parametrize(
    ("done", "rate", "words"),
    [
        (0, 0.0, "0 B of 10.0 GiB (0%)"),
        (5 << 30, 0.0, "5.0 GiB of 10.0 GiB (50%)"),
        (5 << 30, 32 << 20, "5.0 GiB of 10.0 GiB (50%), 32.0 MiB/s, 2 min 40 s left"),
        (10 << 30, 32 << 20, "10.0 GiB of 10.0 GiB (100%), 32.0 MiB/s"),
    ],
)
def test_progress_is_one_line_that_ends_in_exact_counts(done, rate, words):
    told = line(Progress(done=done, total=10 << 30, rate=rate))
    assert told == f"downloading: {words} [{done}/{10 << 30}]"


def test_what_is_done_stands_before_the_words():
    progress = Progress(done=1, total=2, rate=0, phase="verifying")
    assert line(progress) == "verifying: 1 B of 2 B (50%) [1/2]"
    assert bar(progress).startswith("verifying [####")


def test_the_rate_of_one_phase_is_not_that_of_the_next():
    meter = Meter(total=100)
    meter.measure(Point(at=0, done=0))
    meter.measure(Point(at=1, done=100))
    assert meter.measure(Point(at=2, done=10, phase="verifying")).rate == 0
    assert meter.measure(Point(at=3, done=30, phase="verifying")).rate == 20


def told(*, first: float) -> list[Progress]:
    """What is said of something that ends at once."""
    shown: list[Progress] = []
    reporter = Reporter(
        measure=lambda: ("downloading", 1),
        total=2,
        every=1000,
        clock=lambda: 0.0,
        show=shown.append,
        first=first,
    )
    with reporter.running():
        pass
    return shown


def test_a_download_says_its_first_line_at_once_and_a_short_check_says_none():
    assert [progress.done for progress in told(first=0.0)] == [1]
    assert told(first=1000) == []


def test_a_terminal_gets_a_bar():
    assert bar(Progress(done=1, total=3, rate=0)).startswith(
        "[#########.....................] 1 B"
    )


def test_nothing_at_all_is_all_of_it():
    assert Progress(done=0, total=0, rate=0).percent == 100


def test_the_rate_is_of_the_last_points_only():
    meter = Meter(total=1000)
    for second in range(10):
        meter.measure(Point(at=second, done=0))
    for second in range(10, 20):
        last = meter.measure(Point(at=second, done=(second - 9) * 10))
    assert last.rate == 10


def test_a_part_that_is_thrown_away_gives_no_negative_rate():
    meter = Meter(total=10)
    meter.measure(Point(at=0, done=5))
    assert meter.measure(Point(at=1, done=0)).rate == 0


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (5 << 40, "5.0 TiB"),
        (5 << 50, "5120.0 TiB"),
    ],
)
def test_sizes(count, words):
    assert size(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59.6, "1 min 00 s"), (3661, "1 h 01 min")]
)
def test_durations(seconds, words):
    assert duration(seconds) == words


def test_a_token_and_a_signed_link_are_cut_out():
    said = "GET https://store.example/w?Signature=abc&Expires=1 with t0ken failed"
    assert scrub(said, token="t0ken") == "GET https://store.example/w?[...] with [token] failed"  # noqa: S106
    assert scrub("no token at all", token=None) == "no token at all"


def test_the_token_is_not_shown_with_the_request():
    assert "t0ken" not in repr(replace(REQUEST, token="t0ken"))  # noqa: S106


def test_a_termination_message_fits_the_kubelet(tmp_path):
    log = tmp_path / "log"
    log.touch()
    said = report.failure(FetchError(Reason.INVALID_SOURCE, "\u00e9" * 5000))
    report.to_termination_log(said, path=log)
    assert len(log.read_bytes()) <= 4096
    assert json.loads(log.read_text())["reason"] == "InvalidSource"


def test_a_termination_log_is_not_made_where_nobody_reads_it(tmp_path):
    report.to_termination_log({}, path=tmp_path / "log")
    assert not (tmp_path / "log").exists()


def test_parts_are_found_again_for_the_same_place_and_content():
    others = (
        {"repo": "acme/other"},
        {"revision": "v1"},
        {"source": "huggingface"},
        {"destination": Path("/y")},
    )
    keys = {replace(REQUEST, **other).key for other in others} | {REQUEST.key}
    assert len(keys) == len(others) + 1


@pytest.mark.parametrize(
    "edit",
    [
        {"endpoint": "https://mirror.example"},
        {"include": ("*.json",)},
        {"exclude": ("*.json",)},
        {"token": "t"},
    ],
)
def test_an_edit_that_helps_a_download_along_does_not_begin_it_anew(edit):
    assert replace(REQUEST, **edit).key == REQUEST.key


@pytest.mark.parametrize(
    ("endpoint", "url", "may"),
    [
        ("https://hub.example", "https://hub.example/x", True),
        ("https://hub.example", "https://hub.example:443/x", True),
        ("https://hub.example", "https://hub.example:8443/x", False),
        ("https://hub.example", "https://cdn.hub.example/x", False),
        ("https://hub.example", "http://hub.example/x", False),
        ("http://hub.example", "https://hub.example/x", True),
        ("http://hub.example:8000", "https://hub.example/x", False),
    ],
)
def test_who_may_see_the_token(endpoint, url, may):
    assert hub.may_see_token(url, request=replace(REQUEST, endpoint=endpoint)) is may


def asked(*words: str, environ: dict[str, str] | None = None) -> Request:
    parser = argparse.ArgumentParser()
    options.add_arguments(parser)
    fixed = ["--source", "huggingface", "--repo", "acme/tiny", "--destination", "x"]
    return options.request_from(parser.parse_args([*fixed, *words]), environ=environ or {})


def test_the_environment_fills_what_the_command_line_leaves_open():
    environ = {"FLAGOS_FETCH_ENDPOINT": "http://hub/", "FLAGOS_FETCH_VERIFY": "Always"}
    request = asked(environ=environ)
    assert (request.endpoint, request.verify, request.revision) == ("http://hub", "Always", "main")
    assert asked("--endpoint", "http://other", environ=environ).endpoint == "http://other"


def test_the_token_leaves_the_environment():
    environ = {"FLAGOS_FETCH_TOKEN": "t0ken\n"}
    assert asked(environ=environ).token == "t0ken"  # noqa: S105
    assert environ == {}


def test_a_word_that_is_no_verify_is_refused():
    with pytest.raises(FetchError, match="OnChange or Always"):
        asked(environ={"FLAGOS_FETCH_VERIFY": "Sometimes"})


def test_a_token_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FetchError, match="none"):
        asked("--token-file", str(tmp_path / "none"))


def test_the_help_lists_every_exit_code():
    from flagos_operator.fetch.reasons import EXIT_CODES  # noqa: PLC0415

    told = options.EPILOG.replace("\n", " ")
    for reason, code in EXIT_CODES.items():
        assert reason is Reason.INTERNAL_ERROR or f"{code} {reason}" in told


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--workers=0", "write a number from 1 on"),
        ("--piece=-1", "write a number from 1 on"),
        ("--attempts=x", "write a number from 1 on"),
        ("--progress-every=-1", "write a number from 0 on"),
        ("--lock-wait=nan", "write a number from 0 on"),
    ],
)
def test_a_limit_without_sense_is_refused(
    option: str, words: str, capsys: pytest.CaptureFixture[str]
):
    parser = argparse.ArgumentParser()
    options.add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args([option])
    assert words in capsys.readouterr().err
