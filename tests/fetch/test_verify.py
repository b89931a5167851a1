"""Weights that were brought by hand are compared with the record that came with them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.fetch.lab import REPO, ROOT, WEIGHTS, Result, contents

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fetch.lab import Lab


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A directory that was fetched on one machine and copied to another."""

    place: Path
    digest: str

    def verify(self, *words: str, behind: tuple[str, ...] = (), **environ: str) -> Result:
        log = self.place.parent / "termination"
        log.touch()
        command = [sys.executable, "-m", "flagos_operator", "verify", str(self.place), *words]
        done = subprocess.run(
            [*behind, *command],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT / "operator"),
                "FLAGOS_TERMINATION_LOG": str(log),
                **environ,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=30,
            check=False,
        )
        return Result(
            code=done.returncode, said=json.loads(log.read_text() or "{}"), log=done.stdout
        )


@pytest.fixture
def copy(lab: Lab, tmp_path: Path) -> Copy:
    """As `cp -a` makes it."""
    digest = lab.fetch().said["digest"]
    place = tmp_path / "elsewhere" / "tiny"
    shutil.copytree(lab.place, place)
    return Copy(place=place, digest=digest)


def rot(path: Path) -> None:
    """Other bytes under the old size and time."""
    stat = path.stat()
    path.write_bytes(b"x" + path.read_bytes()[1:])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_a_whole_copy_is_told_as_a_download_is(lab: Lab, copy: Copy):
    result = copy.verify()
    assert (result.code, result.reason) == (0, "Complete"), result.log
    assert result.said["digest"] == copy.digest
    assert result.said["totalBytes"] == sum(map(len, contents(copy.place).values()))
    assert (result.said["source"], result.said["repo"]) == (lab.source, REPO)
    assert result.said["how"] == "verified"


def test_nobody_is_asked_and_nothing_is_written(lab: Lab, copy: Copy):
    lab.hub.hub.traffic.forget()
    before = {path: path.stat().st_mtime_ns for path in copy.place.rglob("*")}
    assert copy.verify().code == 0
    assert lab.stats()["requests"] == []
    assert {path: path.stat().st_mtime_ns for path in copy.place.rglob("*")} == before


@pytest.mark.parametrize("how", ["OnChange", "Always"])
def test_a_damaged_and_a_missing_file_are_named(copy: Copy, how: str):
    (copy.place / WEIGHTS).write_bytes(b"half")
    (copy.place / "config.json").unlink()
    result = copy.verify("--verify", how)
    assert (result.reason, result.code) == ("ChecksumMismatch", 16), result.log
    assert (
        f"1 of 4 files are missing: config.json; 1 of 4 files are not as recorded: {WEIGHTS}"
        in (result.message)
    )


def test_rot_is_found_by_hashing_alone(copy: Copy):
    """By hand every file is hashed; a pod that starts trusts times unless it is told not to."""
    rot(copy.place / WEIGHTS)
    assert copy.verify(FLAGOS_FETCH_VERIFY="OnChange").code == 0
    assert copy.verify(FLAGOS_FETCH_VERIFY="Always").reason == "ChecksumMismatch"
    assert copy.verify().reason == "ChecksumMismatch"


def test_times_that_were_lost_cost_a_hash_and_nothing_else(copy: Copy):
    for path in copy.place.rglob("*"):
        os.utime(path)
    assert copy.verify("--verify", "OnChange").code == 0


@pytest.mark.parametrize(
    ("record", "words"),
    [(None, "is missing, so nothing tells"), ("{", "is not whole, so nothing tells")],
)
def test_without_a_record_nothing_can_be_said(copy: Copy, record: str | None, words: str):
    path = copy.place / ".flagos.json"
    path.unlink()
    if record is not None:
        path.write_text(record)
    result = copy.verify()
    assert (result.reason, result.code) == ("RecordMissing", 21), result.log
    assert words in result.message


def test_a_directory_that_is_not_there(copy: Copy):
    shutil.rmtree(copy.place)
    result = copy.verify()
    assert (result.reason, "is no directory" in result.message) == ("RecordMissing", True)


def test_a_file_too_many_is_told_and_does_no_harm(copy: Copy):
    (copy.place / "old-shard.safetensors").write_bytes(b"x")
    result = copy.verify()
    assert result.code == 0
    assert "in no record: old-shard.safetensors" in result.log


def test_a_link_is_no_file_of_the_copy(copy: Copy):
    path = copy.place / "config.json"
    path.rename(copy.place.parent / "config.json")
    path.symlink_to(copy.place.parent / "config.json")
    assert copy.verify().reason == "ChecksumMismatch"


def test_a_file_that_cannot_be_read_is_named(copy: Copy):
    if os.geteuid() != 0:
        pytest.skip("becoming another user needs root")
    for folder in (copy.place, *copy.place.parents):
        if "pytest-of-" in str(folder):  # they are pytest's, and closed to others
            folder.chmod(0o755)
    (copy.place / WEIGHTS).chmod(0o600)
    another = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    result = copy.verify(behind=another)
    assert result.code == 16, result.log
    assert f"ChecksumMismatch: cannot read {copy.place / WEIGHTS}: Permission denied" in result.log


def test_the_result_is_json_for_a_script(copy: Copy):
    result = copy.verify("--json")
    assert json.loads(result.log.splitlines()[-1])["digest"] == copy.digest


def test_a_word_that_is_no_verify_is_refused(copy: Copy):
    assert copy.verify(FLAGOS_FETCH_VERIFY="Sometimes").reason == "InvalidSource"


def test_a_copy_onto_the_volume_of_a_download_is_taken_without_asking_anyone(
    lab: Lab, copy: Copy, tmp_path
):
    """The other way to serve it: the model names the hub, and finds all there."""
    lab.volume = tmp_path / "third"
    lab.place.parent.mkdir(parents=True)
    shutil.copytree(copy.place, lab.place)
    lab.hub.hub.traffic.forget()
    result = lab.fetch("--endpoint", "http://127.0.0.1:9")
    assert (result.code, result.said["how"]) == (0, "present"), result.log
    assert result.said["digest"] == copy.digest
    assert lab.stats()["requests"] == []
