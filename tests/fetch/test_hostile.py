"""Hubs that cut, lie, crawl and change their mind, under files that come in pieces."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from testbed.hub.faults import Rule
from testbed.hub.server import running
from tests.fetch.lab import CHUNK, REPO, SIZE, WEIGHTS, contents, until

if TYPE_CHECKING:
    from tests.fetch.lab import Lab, Result

PIECE = 256 << 10
IN_PIECES = ("--alone", "0", "--piece", str(PIECE))
PIECES = -(-SIZE // PIECE)


def assert_whole(lab: Lab, result: Result) -> None:
    assert (result.code, result.reason) == (0, "Complete"), result.log
    assert contents(lab.place) == contents(lab.repos / REPO)


def assert_refused(lab: Lab, result: Result, reason: str) -> None:
    """Nothing is served, and the message names the file."""
    assert result.reason == reason, result.log
    assert WEIGHTS in result.message
    assert "Traceback" not in result.log
    assert not lab.place.exists()


def test_each_byte_of_a_large_file_is_asked_for_once(lab: Lab):
    assert_whole(lab, lab.fetch(*IN_PIECES))
    assert (lab.asked(), lab.sent()) == (PIECES, SIZE)


@pytest.mark.parametrize("at", [0, 1, PIECE - 1])
def test_cut_at_any_byte(lab: Lab, at):
    lab.break_with(Rule(kind="cut", path=WEIGHTS, at=at, times=3))
    assert_whole(lab, lab.fetch(*IN_PIECES))
    assert lab.sent() < SIZE + 3 * CHUNK


@pytest.mark.parametrize("kind", ["corrupt", "short", "long"])
def test_wrong_bytes_or_a_wrong_length_in_one_piece_of_many(lab: Lab, kind):
    lab.break_with(Rule(kind=kind, path=WEIGHTS, after=3, times=1))
    assert_whole(lab, lab.fetch(*IN_PIECES))


@pytest.mark.parametrize("kind", ["corrupt", "short", "long"])
def test_wrong_bytes_or_a_wrong_length_always(lab: Lab, kind):
    lab.break_with(Rule(kind=kind, path=WEIGHTS))
    assert_refused(lab, lab.fetch(*IN_PIECES), "ChecksumMismatch")


def test_a_hub_that_ignores_ranges(lab: Lab):
    """One stream then, and bytes that came before a break are not written twice."""
    cut = Rule(kind="cut", path=WEIGHTS, at=SIZE // 2, times=2)
    lab.break_with(Rule(kind="whole", path=WEIGHTS), cut)
    assert_whole(lab, lab.fetch(*IN_PIECES, "--workers", "1"))


def test_a_hub_that_forgets_ranges_on_the_way(lab: Lab):
    lab.break_with(Rule(kind="whole", path=WEIGHTS, after=4))
    assert_whole(lab, lab.fetch(*IN_PIECES))


def test_an_answer_that_crawls_is_asked_for_anew(lab: Lab):
    lab.break_with(Rule(kind="slow", path=WEIGHTS, bytes_per_second=2000, times=1))
    result = lab.fetch("--slowest", "100000", "--slowest-over", "0.5")
    assert_whole(lab, result)
    assert "it crawls" in result.log
    assert lab.sent() < SIZE + CHUNK


def test_a_hub_that_only_crawls_is_given_up(lab: Lab):
    """Though a byte comes now and then: nobody waits for ever."""
    lab.break_with(Rule(kind="slow", path=WEIGHTS, bytes_per_second=2000))
    result = lab.fetch("--slowest", "100000", "--slowest-over", "0.3", "--attempts", "2")
    assert (result.reason, result.code) == ("SourceUnreachable", 13)
    assert "it crawls (tried 2 times)" in result.message


def test_what_one_stream_is_told_holds_for_all(lab: Lab):
    """Streams that go on asking are what makes a hub close its door."""
    lab.break_with(
        Rule(kind="status", status=429, retry_after="1", path=WEIGHTS, after=3, times=1)
    )
    assert_whole(lab, lab.fetch(*IN_PIECES, "--workers", "2"))
    asked = [each["at"] for each in lab.stats()["requests"] if each["file"].endswith(WEIGHTS)]
    first, last = asked[:4], asked[5:]  # the other stream may have been on its way already
    assert len(last) == PIECES + 1 - 5
    assert min(last) - max(first) >= 1


def test_a_burst_of_errors_hits_every_stream(lab: Lab):
    lab.break_with(Rule(kind="status", status=502, path=WEIGHTS, times=6))
    result = lab.fetch(*IN_PIECES)
    assert_whole(lab, result)
    assert result.log.count("answers 502") == 1, "a log reader is told once"


def test_a_store_on_another_host_is_asked_for_all_pieces_of_a_file(lab: Lab):
    """The hub leads there once for each stream at most, not for each piece."""
    with running(lab.repos, host="127.0.0.2") as store:
        lab.break_with(Rule(kind="redirect", to=store.url, path=WEIGHTS))
        assert_whole(lab, lab.fetch(*IN_PIECES, "--workers", "2"))
        there = store.hub.traffic.report()["files"][f"{REPO}/{WEIGHTS}"]
    assert there == {"requests": PIECES, "bytes": SIZE}
    assert lab.asked() <= 2


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_link_that_expires_in_mid_file(lab: Lab, status):
    with running(lab.repos, host="127.0.0.2") as store:
        lab.break_with(Rule(kind="redirect", to=store.url, path=WEIGHTS))
        store.hub.faults.replace([Rule(kind="status", status=status, after=4, times=1)])
        result = lab.fetch(*IN_PIECES, "--workers", "1")
        there = store.hub.traffic.report()["files"][f"{REPO}/{WEIGHTS}"]
    assert_whole(lab, result)
    assert there["bytes"] == SIZE
    assert lab.asked() == 2, "the hub gave another link"


def test_a_store_that_refuses_every_link(lab: Lab):
    with running(lab.repos, host="127.0.0.2") as store:
        lab.break_with(Rule(kind="redirect", to=store.url, path=WEIGHTS))
        store.hub.faults.replace([Rule(kind="status", status=403, after=2)])
        result = lab.fetch(*IN_PIECES)
    assert (result.reason, result.code) == ("Unauthorized", 11), result.log


def test_a_redirect_to_what_is_no_address(lab: Lab):
    lab.break_with(Rule(kind="redirect", to="http://[", path=WEIGHTS))
    result = lab.fetch()
    assert (result.reason, result.code) == ("SourceUnreachable", 13), result.log
    assert "no address" in result.message


def test_redirects_that_lead_in_a_circle(lab: Lab):
    lab.break_with(Rule(kind="redirect", to=lab.hub.url, path=WEIGHTS))
    result = lab.fetch()
    assert (result.reason, result.code) == ("SourceUnreachable", 13)
    assert "redirects in a circle" in result.message


@pytest.mark.parametrize("size", [SIZE, SIZE - 5000, SIZE + 5000])
def test_a_file_that_changes_between_listing_and_download(lab: Lab, size):
    """The next run takes the new one, and no piece of the old.

    Hugging Face is asked for a commit: what is there now is another one, and that one is gone.
    """
    lab.break_with(Rule(kind="status", status=503, path=WEIGHTS, after=2))
    process = lab.start(*IN_PIECES, "--attempts", "1000", "--workers", "4")
    until(lambda: lab.asked() >= 4 and len(lab.waiting("tree")) == 3)
    (lab.repos / REPO / WEIGHTS).write_bytes(b"n" * size)
    lab.break_with()
    pinned = lab.source == "huggingface"
    reason = "SourceNotFound" if pinned else "ChecksumMismatch"
    assert_refused(lab, lab.finish(process), reason)
    assert_whole(lab, lab.fetch(*IN_PIECES))


def test_a_file_that_is_removed_between_listing_and_download(lab: Lab):
    lab.break_with(Rule(kind="status", status=503, path=WEIGHTS))
    process = lab.start("--attempts", "1000")
    until(lambda: lab.asked() >= 1 and len(lab.waiting("tree")) == 3)
    (lab.repos / REPO / WEIGHTS).unlink()
    lab.break_with()
    assert_refused(lab, lab.finish(process), "SourceNotFound")


OTHER = hashlib.sha256(b"other").hexdigest()


@pytest.mark.parametrize("lie", [{"size": SIZE - 1}, {"size": SIZE + 1}, {"sha256": OTHER}])
def test_a_listing_that_lies(lab: Lab, lie):
    entry = {"path": WEIGHTS, **lie}
    lab.break_with(Rule(kind="list", route="list", entries=(entry,)))
    assert_refused(lab, lab.fetch(*IN_PIECES), "ChecksumMismatch")


def test_a_listing_that_lies_about_a_small_file(lab: Lab):
    entry = {"path": "config.json", "git_oid": "1" * 40, "sha256": OTHER}
    lab.break_with(Rule(kind="list", route="list", entries=(entry,)))
    result = lab.fetch()
    assert result.reason == "ChecksumMismatch"
    assert "config.json" in result.message
    assert not lab.place.exists()
