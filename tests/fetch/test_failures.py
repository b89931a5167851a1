"""Each way to fail has a reason, an exit code and words that help; the volume stays clean."""

from __future__ import annotations

import os
import resource
import subprocess
from typing import TYPE_CHECKING

import pytest

from flagos_operator.fetch.volume import volume_of
from testbed.hub.faults import Rule
from tests.fetch.lab import CHUNK, REPO, SIZE, WEIGHTS, contents, make_repo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fetch.lab import Lab, Result


def assert_failed(lab: Lab, result: Result, reason: str, code: int) -> None:
    assert (result.reason, result.code) == (reason, code), result.log
    assert reason in result.log
    assert "Traceback" not in result.log
    assert not lab.place.exists()


def test_a_repo_that_is_not_there(lab: Lab):
    result = lab.fetch(repo="acme/none")
    assert_failed(lab, result, "SourceNotFound", 10)
    assert "acme/none" in result.message
    assert f"check spec.source.{lab.source}.repo, or give a token" in result.message


def test_a_revision_that_is_not_there(lab: Lab):
    make_repo(lab.repos, repo=f"{REPO}@v1")
    result = lab.fetch("--revision", "v9")
    assert_failed(lab, result, "RevisionNotFound", 12)
    if lab.source == "modelscope":
        assert "it has: master, v1" in result.message
    assert f"check spec.source.{lab.source}.revision" in result.message


@pytest.mark.parametrize("token", ["", "wrong"])
def test_a_token_is_missing_or_wrong(lab: Lab, token):
    lab.require_token("right")
    result = lab.fetch(FLAGOS_FETCH_TOKEN=token)
    assert_failed(lab, result, "Unauthorized", 11)
    assert ("refuses the token" if token else "wants a token") in result.message
    assert f"source.{lab.source}.tokenSecretRef" in result.message


def test_the_right_token_opens(lab: Lab):
    lab.require_token(right := "right")
    assert lab.fetch(FLAGOS_FETCH_TOKEN=f"{right}\n").code == 0


def test_nobody_answers(lab: Lab):
    result = lab.fetch("--endpoint", "http://127.0.0.1:9", "--attempts", "2")
    assert_failed(lab, result, "SourceUnreachable", 13)
    assert result.message.startswith(
        "cannot reach 127.0.0.1:9 (it refuses the connection): check the endpoint"
    )


def test_a_store_that_the_hub_leads_to_does_not_answer(lab: Lab):
    """The message names the host that was asked, and no layer of the client that asked it."""
    lab.break_with(Rule(kind="redirect", path=WEIGHTS, to="http://127.0.0.1:9"))
    result = lab.fetch("--attempts", "2")
    assert_failed(lab, result, "SourceUnreachable", 13)
    assert result.message.startswith("cannot reach 127.0.0.1:9 (it refuses the connection)")


def test_the_name_of_the_hub_is_unknown(lab: Lab):
    result = lab.fetch("--endpoint", "http://hub.invalid", "--attempts", "2")
    assert_failed(lab, result, "SourceUnreachable", 13)
    assert "cannot reach hub.invalid (its name cannot be resolved)" in result.message


def test_the_hub_does_not_speak_tls(lab: Lab):
    url = lab.hub.url.replace("http:", "https:")
    result = lab.fetch("--endpoint", url, "--attempts", "2")
    assert_failed(lab, result, "SourceUnreachable", 13)
    assert "(TLS fails, " in result.message


def test_the_proxy_is_away(lab: Lab):
    proxy = {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""}
    result = lab.fetch("--endpoint", "http://hub.example", "--attempts", "2", **proxy)
    assert_failed(lab, result, "SourceUnreachable", 13)
    assert "it refuses the connection" in result.message
    assert "check the endpoint, DNS, proxy" in result.message


@pytest.mark.parametrize(("route", "status"), [("list", 503), ("file", 504)])
def test_a_burst_of_a_busy_hubs_errors_passes(lab: Lab, route, status):
    """Dynamo #3643: many replicas were answered 504 and did not start."""
    lab.break_with(Rule(kind="status", route=route, status=status, times=3))
    result = lab.fetch()
    assert result.code == 0, result.log
    assert f"answers {status}" in result.log


def test_a_hub_that_stays_broken(lab: Lab):
    lab.break_with(Rule(kind="status", route="any", status=502))
    assert_failed(lab, lab.fetch(), "SourceUnreachable", 13)


def test_a_busy_hub_is_asked_again_when_it_said(lab: Lab):
    """Dynamo #3643: many replicas were answered 429 and did not start."""
    lab.break_with(Rule(kind="status", status=429, retry_after="1", times=1, path=WEIGHTS))
    result = lab.fetch()
    assert result.code == 0
    assert "trying again in 1." in result.log
    assert lab.asked() == 2


def test_a_hub_that_stays_busy(lab: Lab):
    lab.break_with(Rule(kind="status", status=429, route="any"))
    result = lab.fetch()
    assert_failed(lab, result, "RateLimited", 14)
    assert "tried 4 times" in result.message


def test_a_hub_that_asks_for_too_long_is_not_waited_for(lab: Lab):
    lab.break_with(Rule(kind="status", status=429, route="any", retry_after="9999"))
    result = lab.fetch()
    assert_failed(lab, result, "RateLimited", 14)
    assert "9999 s" in result.message


def test_a_line_that_breaks_again_and_again_loses_nothing(lab: Lab):
    lab.break_with(Rule(kind="cut", path=WEIGHTS, at=SIZE // 4, times=3))
    assert lab.fetch("--attempts", "2").code == 0
    assert contents(lab.place) == contents(lab.repos / REPO)
    assert lab.sent() < SIZE + 3 * CHUNK


@pytest.mark.parametrize("kind", ["corrupt", "short", "long"])
def test_wrong_bytes_are_never_served(lab: Lab, kind):
    lab.break_with(Rule(kind=kind, path=WEIGHTS))
    result = lab.fetch()
    assert_failed(lab, result, "ChecksumMismatch", 16)
    assert WEIGHTS in result.message


def test_wrong_bytes_of_a_small_file_are_noticed_too(lab: Lab):
    """Hugging Face tells no sha256 of those, but git's own."""
    if lab.source == "modelscope":
        return  # one kind of checksum for all files
    lab.break_with(Rule(kind="corrupt", path="config.json"))
    result = lab.fetch()
    assert_failed(lab, result, "ChecksumMismatch", 16)
    assert "config.json" in result.message


def test_wrong_bytes_once_are_fetched_again(lab: Lab):
    lab.break_with(Rule(kind="corrupt", path=WEIGHTS, times=1))
    assert lab.fetch().code == 0
    assert contents(lab.place) == contents(lab.repos / REPO)


def test_a_hostile_list_is_refused_whole(lab: Lab):
    entries = ({"path": "tokenizer/../../evil", "size": 4},)
    lab.break_with(Rule(kind="list", route="list", entries=entries))
    result = lab.fetch()
    assert_failed(lab, result, "InvalidSource", 20)
    assert lab.stats()["files"] == {}
    assert not list(lab.volume.parent.rglob("*evil*"))


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--repo", "tiny"), "<owner>/<name>"),
        (("--repo", "../tiny"), "<owner>/<name>"),
        (("--revision", "../x"), "branch, tag or commit"),
        (("--endpoint", "ftp://hub"), "http(s)://"),
        (("--endpoint", "http://hub:x"), "http(s)://"),
        (("--endpoint", "http://hub:99999"), "http(s)://"),
        (("--endpoint", "http://\uff11\uff16\uff19.254.169.254"), "http(s)://"),
        (("--endpoint", "http://169.254.169.254"), "link-local"),
        (("--endpoint", "http://user:word@hub"), "Secret"),
        (("--volume", "/nowhere"), "does not lie on the volume"),
    ],
)
def test_a_source_that_makes_no_sense(one_lab: Lab, words, hint):
    result = one_lab.fetch(*words)
    assert_failed(one_lab, result, "InvalidSource", 20)
    assert hint in result.message
    assert "word@" not in result.log


def test_patterns_that_leave_nothing(one_lab: Lab):
    result = one_lab.fetch("--include", "*.gguf")
    assert_failed(one_lab, result, "InvalidSource", 20)
    assert "source.include" in result.message


def test_the_volume_fills_up_in_mid_file(lab: Lab):
    """KServe #6137: a full disk read like any other failed download."""

    def small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE // 2, SIZE // 2))

    result = lab.finish(lab.start(before=small_files_only))
    assert_failed(lab, result, "InsufficientStorage", 15)


@pytest.fixture
def mount(one_lab: Lab) -> Iterator[Lab]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    yield one_lab
    subprocess.run(["umount", one_lab.volume], check=True)


def tmpfs(volume: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", volume], check=True)


def test_no_room_is_known_before_the_first_byte(mount: Lab):
    tmpfs(mount.volume, "size=1m")
    result = mount.fetch()
    assert_failed(mount, result, "InsufficientStorage", 15)
    assert mount.stats()["files"] == {}
    needed = sum(map(len, contents(mount.repos / REPO).values()))
    assert f"{needed} bytes are needed and 10" in result.message


def test_a_volume_that_is_read_only(mount: Lab):
    tmpfs(mount.volume, "ro")
    result = mount.fetch()
    assert_failed(mount, result, "VolumeNotWritable", 17)
    assert "Read-only file system" in result.message


def test_by_hand_a_volume_that_is_read_only_is_not_gone_around(mount: Lab):
    tmpfs(mount.volume, "ro")
    found = volume_of(mount.volume / "x" / "y").root
    assert found.is_relative_to(mount.volume), "from elsewhere nothing could be moved there"
