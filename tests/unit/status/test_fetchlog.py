"""What the lines of a download say, of this version and of older ones."""

from __future__ import annotations

import pytest

from flagos_operator.fetch import progress
from flagos_operator.status.fetchlog import Told, further, says_something, told

MIB = 1024**2
GIB = 1024**3
HERE = (
    "downloading: 5.0 GiB of 19.2 GiB (26%), 84.1 MiB/s, 2 min 52 s left [5368709120/20615843020]"
)
TROUBLE = "cannot reach hub.example.com: connection refused; trying again in 8.0 s"


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("listing: asking hub.example.com for the files of a/b", Told(phase="Listing")),
        (
            HERE,
            Told(
                phase="Downloading",
                percent=26,
                done=5368709120,
                total=20615843020,
                rate=int(84.1 * MIB),
                left=172,
            ),
        ),
        (
            "downloading: 0 B of 19.2 GiB (0%) [0/20615843020]",
            Told(phase="Downloading", percent=0, done=0, total=20615843020),
        ),
        (
            "downloading: 1.0 GiB of 4.0 TiB (0%), 1.0 MiB/s, 1165 h 05 min left",
            Told(phase="Downloading", percent=0, rate=MIB, left=1165 * 3600 + 300),
        ),
        (
            "downloading: 5.0 GiB of 19.2 GiB (26%), 512 B/s, 12 s left",
            Told(phase="Downloading", percent=26, rate=512, left=12),
        ),
        (
            "verifying: 4.0 GiB of 8.0 GiB (50%), 1.0 GiB/s, 4 s left [4294967296/8589934592]",
            Told(phase="Verifying", percent=50, done=4 * GIB, total=8 * GIB, rate=GIB, left=4),
        ),
        ("verifying: what lies here", Told(phase="Verifying")),
        (
            "waiting: qwen-1 (a/b at master) is writing to this volume",
            Told(phase="Waiting", message="qwen-1 (a/b at master) is writing to this volume"),
        ),
        (
            TROUBLE,
            Told(
                phase="Listing",
                message="cannot reach hub.example.com: connection refused; trying again in 8 s",
            ),
        ),
    ],
    ids=lambda each: each.split(":")[0] if isinstance(each, str) else "",
)
def test_a_line_is_understood(line: str, wanted: Told):
    assert told(line) == wanted


@pytest.mark.parametrize(
    "line",
    [
        "",
        "fetching a/b: 12 files, 19.2 GiB",
        "downloading",
        "downloading: soon",
        "downloading: 1..2 GiB (x%)",
        "unable to retrieve container logs for containerd://abc",
        "Traceback (most recent call last):",
        "\x00\ufffd",
    ],
)
def test_what_is_not_understood_is_passed_over(line: str):
    assert told(line) is None
    assert told(f"{HERE}\n{line}") == told(HERE)
    assert not says_something(line)


def test_the_line_that_fetch_writes_is_the_one_that_is_read():
    """Both ends of the contract: whoever changes one of them is told here."""
    told_by_fetch = progress.Progress(done=5 * GIB, total=20 * GIB, rate=80.0 * MIB)
    found = told(progress.line(told_by_fetch))
    assert found == Told(
        phase="Downloading",
        percent=25,
        done=5 * GIB,
        total=20 * GIB,
        rate=80 * MIB,
        left=192,
    )


def test_the_last_line_counts():
    assert told(f"listing: files\n{HERE}\nverifying: all") == Told(phase="Verifying")


def line(done: int, *, phase: str = "downloading") -> str:
    return f"{phase}: {done} B of 1000 B ({done // 10}%) [{done}/1000]"


def test_trouble_counts_while_nothing_moves_on():
    found = told("\n".join([line(100), TROUBLE, line(100), line(100)]))
    assert found
    assert (found.percent, found.in_trouble) == (10, True)


@pytest.mark.parametrize("after", [line(101), line(100, phase="verifying")])
def test_trouble_is_over_once_something_has_moved(after: str):
    found = told("\n".join([line(100), TROUBLE, line(100), after]))
    assert found
    assert not found.in_trouble


def test_trouble_with_the_list_lasts_until_there_is_a_download():
    still = told(f"listing: a/b\n{TROUBLE}\nlisting: a/b")
    assert still
    assert still.in_trouble
    over = told(f"listing: a/b\n{TROUBLE}\nlisting: a/b\n{line(0)}")
    assert over == Told(phase="Downloading", percent=0, done=0, total=1000)


def test_waiting_for_another_is_no_trouble():
    found = told("waiting: qwen-1 is writing to this volume")
    assert found
    assert not found.in_trouble


def test_a_count_that_falls_is_not_shown():
    """A piece that was damaged on its way is fetched again."""
    found = told(f"{line(500)}\n{line(300)}")
    assert found
    assert (found.done, found.percent) == (500, 50)


def test_another_total_begins_anew():
    before, found = told(line(500)), told("downloading: 1 B of 90 B (1%) [1/90]")
    assert before
    assert found
    assert further(found, before) == found


def test_all_is_there_only_when_all_is_there():
    found = told("downloading: 1.0 GiB of 1.0 GiB (100%) [1073741823/1073741824]")
    assert found
    assert found.percent == 99


def test_words_of_others_are_bounded_and_fit_to_be_printed():
    found = told(f"\x1b[31m{'x' * 5000}; trying again in 1.0 s")
    assert found
    assert len(found.message) < 500
    assert found.message.isprintable()
