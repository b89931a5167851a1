"""Which piece a stream takes, which answers it believes, and when it waits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flagos_operator.fetch.board import ALL, Board, take
from flagos_operator.fetch.listing import RemoteFile
from flagos_operator.fetch.pace import Floor, Gate, Pace, Stopped
from flagos_operator.fetch.patience import Patience, Persistence, Trouble
from flagos_operator.fetch.pieces import cut
from flagos_operator.fetch.reasons import FetchError, Reason
from flagos_operator.fetch.transfer import NoRanges, Wanted, starts_at


def a_file(path: str, size: int) -> RemoteFile:
    return RemoteFile(path=path, size=size, algorithm="sha256", checksum="x")


def turns(board: Board, count: int) -> list[tuple[str, int]]:
    """The file and the start of the piece for each of so many streams that come."""
    taken = []
    while len(taken) < count and (row := board.next_row()) is not None:
        if row.pieces is None:
            row.pieces = list(cut(row.file.size, piece=4))
        else:
            taken.append((row.file.path, take(row).start))
    return taken


def test_streams_spread_over_files_and_then_share_the_largest():
    board = Board.of([a_file("s", 4), a_file("l", 16), a_file("m", 8)])
    assert turns(board, 6) == [("l", 0), ("m", 0), ("s", 0), ("l", 4), ("m", 4), ("l", 8)]


def test_a_file_that_is_here_soon_is_not_shared():
    board = Board.of([a_file("l", 16)])
    assert turns(board, 1) == [("l", 0)]
    assert board.next_row(takes_long=lambda _: False) is None
    assert board.next_row(takes_long=lambda _: True) is board.opened[0]


def test_what_is_begun_goes_before_what_is_not():
    board = Board.of([a_file("a", 8), a_file("b", 8)])
    assert turns(board, 1) == [("a", 0)]
    board.opened[0].streams -= 1
    assert turns(board, 1) == [("a", 4)]


def test_what_an_earlier_run_has_left_is_opened_first():
    large, small = a_file("l", 8), a_file("s", 4)
    board = Board.of([large, small])
    assert [row.file for row in board.reopen({small.key})] == [small]
    assert [row.file for row in board.unopened] == [large]


def test_a_hub_without_ranges_gets_one_stream_a_file():
    board = Board.of([a_file("l", 16)])
    assert turns(board, 1) == [("l", 0)]
    (row,) = board.opened
    row.ranges = False
    assert board.next_row() is None
    row.streams -= 1
    assert board.next_row() is row
    assert take(row) == replace(take(row), index=ALL, start=0, stop=16)


FILE = a_file("w", 10)
RANGE = Wanted(file=FILE, at=4, stop=8, whole=False)
ALL_OF_IT = Wanted(file=FILE, at=0, stop=10, whole=True)


def test_a_file_that_is_one_piece_is_asked_for_without_a_range():
    assert "Range" not in ALL_OF_IT.headers()
    assert RANGE.headers()["Range"] == "bytes=4-7"
    assert replace(RANGE, etag='"v"').headers()["If-Range"] == '"v"'


@pytest.mark.parametrize(
    ("wanted", "status", "headers", "at"),
    [
        (RANGE, 206, {"Content-Range": "bytes 4-7/10"}, 4),
        (RANGE, 206, {"Content-Range": "bytes 4-5/*"}, 4),
        (ALL_OF_IT, 200, {"Content-Length": "10"}, 0),
        (ALL_OF_IT, 200, {}, 0),
        (replace(ALL_OF_IT, at=4), 200, {"Content-Length": "10"}, 0),
    ],
)
def test_where_an_answer_begins(wanted, status, headers, at):
    assert starts_at(wanted, status=status, headers=headers, host="hub") == at


@pytest.mark.parametrize(
    ("wanted", "status", "headers", "words"),
    [
        (RANGE, 206, {"Content-Range": "bytes 4-7/11"}, "11 bytes or more where the hub lists 10"),
        (RANGE, 206, {"Content-Range": "bytes 0-7/10"}, "other bytes of w"),
        (RANGE, 206, {}, "other bytes of w"),
        (ALL_OF_IT, 200, {"Content-Length": "9"}, "9 bytes or more where the hub lists 10"),
        (ALL_OF_IT, 200, {"Content-Encoding": "gzip"}, "encoding"),
    ],
)
def test_answers_that_cannot_be_of_this_file(wanted, status, headers, words):
    with pytest.raises(Trouble, match=words) as wrong:
        starts_at(wanted, status=status, headers=headers, host="hub")
    assert wrong.value.reason is Reason.CHECKSUM_MISMATCH


def test_a_hub_that_ignores_a_range_is_noticed_before_its_bytes_are_read():
    with pytest.raises(NoRanges):
        starts_at(RANGE, status=200, headers={"Content-Length": "10"}, host="hub")


def test_a_crawl_is_noticed_and_a_slow_line_is_not():
    pace = Pace(Floor(bytes_per_second=10, over=60), since=0.0, host="hub")
    pace.note(1, now=59.0)
    pace.note(700, now=60.0)
    with pytest.raises(Trouble, match="hub sent 599 bytes in 60 s: it crawls"):
        pace.note(599, now=120.0)


def test_bytes_that_crawl_do_not_restore_patience():
    have = [0]

    def attempt() -> None:
        have[0] += 1
        raise Trouble(Reason.SOURCE_UNREACHABLE, "it crawls", crawls=True)

    patience = Patience(attempts=3)
    persistence = Persistence(
        patience=patience, sleep=lambda _: None, random=lambda: 0.0, say=lambda _: None
    )
    with pytest.raises(FetchError, match="tried 3 times"):
        persistence.insist(attempt, progress=lambda: have[0])


def test_a_host_that_asked_to_be_left_alone_is_left_alone_by_all():
    now = [0.0]
    gate = Gate(clock=lambda: now[0])
    waited = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    gate.sleep = sleep  # type: ignore[method-assign]
    gate.hold("hub", 3.0)
    gate.hold("hub", 1.0)
    gate.enter("other")
    assert waited == []
    gate.enter("hub")
    assert waited == [3.0]


def test_who_waits_at_the_gate_leaves_when_all_is_lost():
    gate = Gate(clock=lambda: 0.0)
    gate.hold("hub", 1000.0)
    gate.stopped.set()
    with pytest.raises(Stopped):
        gate.enter("hub")
