"""Weights arrive whole, once, and are recognised the next time."""

from __future__ import annotations

import json
import shutil
import stat
from typing import TYPE_CHECKING

import pytest

from tests.fetch.lab import REPO, SIZE, WEIGHTS, contents, make_repo, until

if TYPE_CHECKING:
    from tests.fetch.lab import Lab, Result


def test_a_repo_arrives_byte_for_byte(arrived: tuple[Lab, Result]):
    lab, result = arrived
    assert (result.code, result.reason) == (0, "Complete"), result.log
    assert contents(lab.place) == contents(lab.repos / REPO)


def test_the_result_tells_what_is_served(arrived: tuple[Lab, Result]):
    lab, result = arrived
    assert result.said["files"] == 4
    assert result.said["totalBytes"] == sum(map(len, contents(lab.repos / REPO).values()))
    assert result.said["digest"].startswith("sha256:")
    assert (result.said["source"], result.said["repo"]) == (lab.source, REPO)
    assert (result.said["commit"] is None) == (lab.source == "modelscope")


def test_the_result_tells_what_a_server_would_hold(arrived: tuple[Lab, Result]):
    _, result = arrived
    assert result.said["loadedBytes"] == SIZE
    assert result.said["shape"]["cache"] is None  # its config.json says no more than a type


def test_nothing_is_left_behind_on_the_volume(arrived: tuple[Lab, Result]):
    lab, _ = arrived
    assert [path.name for path in lab.flagos.rglob("*")] == ["partial"]


def test_another_user_can_read_the_weights(arrived: tuple[Lab, Result]):
    lab, _ = arrived
    for path in (lab.place.parent, lab.place, lab.place / "tokenizer"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o555 == 0o555
    for path in (lab.place / WEIGHTS, lab.place / ".flagos.json"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o444 == 0o444


def test_both_hubs_give_one_digest_for_one_content(lab: Lab, tmp_path):
    lab.fetch()
    other = {"modelscope": "huggingface", "huggingface": "modelscope"}[lab.source]
    mine = json.loads((lab.place / ".flagos.json").read_text())["digest"]
    lab.source = other
    again = lab.fetch("--destination", str(tmp_path / "volume" / "other"))
    assert again.said["digest"] == mine


def test_a_warm_start_asks_the_hub_nothing(lab: Lab):
    lab.fetch()
    lab.hub.hub.traffic.forget()
    result = lab.fetch()
    assert (result.code, result.said["how"]) == (0, "present")
    assert lab.stats()["requests"] == []


def test_a_warm_start_needs_no_hub_and_no_writable_volume(one_lab: Lab):
    one_lab.fetch()
    before = sorted(str(path) for path in one_lab.volume.rglob("*"))
    result = one_lab.fetch("--endpoint", "http://127.0.0.1:9")
    assert result.code == 0
    assert sorted(str(path) for path in one_lab.volume.rglob("*")) == before


def test_a_moved_branch_is_not_followed_by_a_good_copy(one_lab: Lab):
    """LLMKube #1309: a refresh destroyed the good copy that it was to replace."""
    one_lab.fetch()
    served = contents(one_lab.place)
    (one_lab.repos / REPO / "config.json").write_text('{"model_type": "newer"}')
    result = one_lab.fetch()
    assert result.code == 0
    assert contents(one_lab.place) == served
    assert "not followed" in result.log


def test_a_revision_is_what_is_asked_for(lab: Lab):
    make_repo(lab.repos, repo=f"{REPO}@v1", salt="old")
    result = lab.fetch("--revision", "v1")
    assert result.said["revision"] == "v1"
    assert contents(lab.place) == contents(lab.repos / f"{REPO}@v1")


def test_a_commit_can_be_pinned_on_hugging_face(lab: Lab):
    if lab.source == "modelscope":
        return  # it knows branches and tags only
    commit = lab.fetch("--dry-run", "--json").log.split('"commit": "')[1][:40]
    assert lab.fetch("--revision", commit).said["commit"] == commit


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (("--include", "*.json"), {"config.json", "tokenizer/vocab.json"}),
        (("--exclude", "tokenizer/"), {"config.json", "empty.txt", WEIGHTS}),
        (
            ("--include", "*.json", "--include", "*.txt", "--exclude", "config*"),
            {"empty.txt", "tokenizer/vocab.json"},
        ),
    ],
)
def test_patterns_choose_files(one_lab: Lab, patterns, names):
    assert one_lab.fetch(*patterns).code == 0
    assert set(contents(one_lab.place)) == names


def test_a_dry_run_writes_nothing(lab: Lab):
    result = lab.fetch("--dry-run")
    assert (result.code, result.reason) == (0, "DryRun")
    assert result.said["neededBytes"] == result.said["totalBytes"]
    assert list(lab.volume.iterdir()) == []
    assert WEIGHTS in result.log


def test_a_dry_run_tells_what_is_here_already(one_lab: Lab):
    one_lab.stall()
    process = one_lab.start("--workers", "2")
    until(lambda: one_lab.part_bytes() > 0 and len(one_lab.waiting("tree")) == 3)
    process.kill()
    process.wait()
    one_lab.break_with()
    half = one_lab.fetch("--dry-run", "--json")
    told = json.loads(half.log.splitlines()[-1])
    assert told["neededBytes"] == SIZE - one_lab.part_bytes()
    assert told["hereBytes"] + told["neededBytes"] == told["totalBytes"]
    assert [row["path"] for row in told["fetch"]] == [WEIGHTS]
    assert "config.json  (here)" in half.log
    one_lab.fetch()
    full = one_lab.fetch("--dry-run", "--json")
    assert "already here and complete" in full.log
    assert json.loads(full.log.splitlines()[-1])["fetch"] == []


def test_a_dry_run_of_a_damaged_copy_tells_the_bad_files(one_lab: Lab):
    one_lab.fetch()
    (one_lab.place / "config.json").unlink()
    said = one_lab.fetch("--dry-run").said
    size = (one_lab.repos / REPO / "config.json").stat().st_size
    assert (said["neededBytes"], said["complete"]) == (size, False)


def test_a_dry_run_needs_no_directory(one_lab: Lab):
    place = one_lab.volume / "not" / "made" / "yet"
    words = ("--destination", str(place), "--volume", str(place.parent))
    assert one_lab.fetch("--dry-run", *words).code == 0
    assert not place.parent.exists()


def test_a_failure_is_json_for_a_script_as_well(one_lab: Lab):
    result = one_lab.fetch("--json", repo="acme/none")
    assert json.loads(result.log.splitlines()[-1]) == result.said
    assert result.reason == "SourceNotFound"


def test_the_result_is_json_for_a_script(one_lab: Lab):
    result = one_lab.fetch("--json")
    assert json.loads(result.log.splitlines()[-1]) == result.said


def test_a_log_reader_sees_lines_with_percent(one_lab: Lab):
    one_lab.stall()
    process = one_lab.start("--progress-every", "0.05")
    lines = []
    assert process.stdout
    while not any("(49%)" in line or "(50%)" in line for line in lines):
        lines.append(process.stdout.readline())
    one_lab.break_with()
    assert one_lab.finish(process).code == 0
    assert all("\r" not in line and "\033" not in line for line in lines)


def test_a_log_reader_sees_each_phase(lab: Lab):
    first = lab.fetch().log.splitlines()
    host = lab.hub.url.removeprefix("http://")
    revision = {"modelscope": "master", "huggingface": "main"}[lab.source]
    assert first[0] == f"listing: {REPO} at {revision} from {host}"
    assert first[2].startswith("downloading: 0 B of 2.3 MiB (0%) [0/")


def test_a_log_reader_sees_how_far_a_long_check_is(one_lab: Lab):
    size = 100_000_000
    (one_lab.repos / REPO / WEIGHTS).write_bytes(b"w" * size)
    one_lab.fetch()
    result = one_lab.fetch("--verify", "Always", "--progress-every", "0.002")
    assert result.code == 0
    lines = [line for line in result.log.splitlines() if line.startswith("verifying: ")]
    assert lines
    assert all(line.endswith(f"/{size + 30}]") for line in lines)


def test_a_copy_by_hand_is_hashed_once_and_then_trusted(one_lab: Lab, tmp_path):
    one_lab.fetch()
    copied = tmp_path / "copied"
    shutil.copytree(one_lab.volume, copied, copy_function=shutil.copyfile)
    one_lab.volume = copied
    one_lab.hub.hub.traffic.forget()
    marker = one_lab.place / ".flagos.json"
    before = marker.read_text()
    assert one_lab.fetch().code == 0
    assert marker.read_text() != before, "the new times are noted"
    assert one_lab.stats()["requests"] == []
