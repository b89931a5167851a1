"""What lies at the destination is never overwritten, and never taken for what it is not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from testbed.hub.faults import Rule
from tests.fetch.lab import REPO, WEIGHTS, contents, make_repo

if TYPE_CHECKING:
    from tests.fetch.lab import Lab, Result


def assert_conflict(lab: Lab, result: Result, before: dict[str, bytes]) -> None:
    assert (result.reason, result.code) == ("DirectoryConflict", 19), result.log
    assert "weights.directory" in result.message
    assert contents(lab.volume) == before


def test_files_of_unknown_origin(one_lab: Lab):
    one_lab.place.mkdir(parents=True)
    (one_lab.place / "config.json").write_text("mine")
    before = contents(one_lab.volume)
    result = one_lab.fetch()
    assert_conflict(one_lab, result, before)
    assert "unknown origin (config.json)" in result.message


@pytest.mark.parametrize("keep", [0, 100, -2])
def test_half_a_record_is_no_record(one_lab: Lab, keep):
    one_lab.fetch()
    record = one_lab.place / ".flagos.json"
    record.write_bytes(record.read_bytes()[:keep])
    before = contents(one_lab.volume)
    result = one_lab.fetch()
    assert_conflict(one_lab, result, before)
    assert "not whole" in result.message


def test_another_repo(one_lab: Lab):
    make_repo(one_lab.repos, repo="acme/other")
    one_lab.fetch()
    before = contents(one_lab.volume)
    result = one_lab.fetch(repo="acme/other")
    assert_conflict(one_lab, result, before)
    assert f"holds modelscope {REPO} at master" in result.message


def test_another_revision_or_choice_of_files(one_lab: Lab):
    make_repo(one_lab.repos, repo=f"{REPO}@v1")
    one_lab.fetch()
    before = contents(one_lab.volume)
    assert_conflict(one_lab, one_lab.fetch("--revision", "v1"), before)
    assert_conflict(one_lab, one_lab.fetch("--include", "*.json"), before)


def test_a_directory_inside_another_model(one_lab: Lab):
    """OME #449, #284: files went that another model served."""
    one_lab.fetch()
    before = contents(one_lab.volume)
    result = one_lab.fetch("--destination", str(one_lab.place / "inner"))
    assert_conflict(one_lab, result, before)


def test_a_directory_around_another_model(one_lab: Lab):
    one_lab.fetch()
    before = contents(one_lab.volume)
    assert_conflict(one_lab, one_lab.fetch("--destination", str(one_lab.place.parent)), before)


def test_a_file_or_a_link(one_lab: Lab):
    file, link = one_lab.volume / "file", one_lab.volume / "link"
    file.write_text("mine")
    link.symlink_to("/tmp")  # noqa: S108
    before = contents(one_lab.volume)
    for place in (file, link):
        assert_conflict(one_lab, one_lab.fetch("--destination", str(place)), before)


def test_our_own_corner_is_no_destination(one_lab: Lab):
    result = one_lab.fetch("--destination", str(one_lab.flagos / "x"))
    assert result.reason == "InvalidSource"


def test_an_empty_directory_is_filled(one_lab: Lab):
    one_lab.place.mkdir(parents=True)
    assert one_lab.fetch().code == 0


def rot(lab: Lab) -> None:
    """Other bytes under the old size and time, as a failing disk leaves them."""
    path = lab.place / WEIGHTS
    stat = path.stat()
    path.write_bytes(b"x" + path.read_bytes()[1:])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_rot_is_found_on_demand_and_only_the_bad_file_is_fetched_again(lab: Lab):
    lab.fetch()
    rot(lab)
    assert lab.fetch().said["how"] == "present", "stamps alone cannot tell"
    result = lab.fetch(FLAGOS_FETCH_VERIFY="Always")
    assert (result.code, result.said["how"]) == (0, "repaired"), result.log
    assert WEIGHTS in result.log
    assert contents(lab.place) == contents(lab.repos / REPO)
    assert [lab.asked(name) for name in (WEIGHTS, "config.json")] == [2, 1]
    assert lab.fetch("--verify", "Always").said["how"] == "present"


def test_a_missing_or_changed_file_is_noticed_without_being_asked(lab: Lab):
    lab.fetch()
    (lab.place / "tokenizer" / "vocab.json").unlink()
    (lab.place / "config.json").write_text("{}")
    assert lab.fetch().said["how"] == "repaired"
    assert contents(lab.place) == contents(lab.repos / REPO)


def test_rot_is_told_by_name_also_while_the_hub_is_away(lab: Lab):
    lab.fetch()
    rot(lab)
    lab.break_with(Rule(kind="status", status=503, route="any"))
    result = lab.fetch("--verify", "Always", "--attempts", "2")
    assert (result.reason, result.code) == ("SourceUnreachable", 13)
    assert result.message.startswith(f"damaged: {WEIGHTS}; ")


def test_two_choices_of_files_are_told_apart(one_lab: Lab):
    one_lab.fetch()
    message = one_lab.fetch("--exclude", "original/*").message
    assert "(without original/*) is wanted there" in message


def test_rot_that_the_hub_cannot_cure_is_told(one_lab: Lab):
    one_lab.fetch()
    rot(one_lab)
    (one_lab.repos / REPO / WEIGHTS).write_bytes(b"newer")
    result = one_lab.fetch("--verify", "Always")
    assert (result.reason, result.code) == ("ChecksumMismatch", 16)
    assert WEIGHTS in result.message
