"""Many fetchers, one volume: one of them downloads, nobody waits for a dead one."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from tests.fetch.lab import REPO, SIZE, contents, until

if TYPE_CHECKING:
    import subprocess

    from tests.fetch.lab import Lab


def a_holder(lab: Lab, *more: str) -> subprocess.Popen[str]:
    """A fetch that has the lock and half of the weights, and gets no more for now."""
    lab.stall()
    process = lab.start(*more)
    until(lambda: lab.sent() >= SIZE // 2 and (lab.flagos / "lock").exists())
    return process


def line_with(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout
    for line in process.stdout:
        if words in line:
            return line
    pytest.fail(f"ended without saying {words!r}")


def test_four_at_once_download_once(lab: Lab):
    """Dynamo #3643: each replica asked the hub, and the hub refused them."""
    first = a_holder(lab)
    others = [lab.start() for _ in range(3)]
    for other in others:
        assert REPO in line_with(other, "waiting:"), "it says who holds the volume, and for what"
    lab.break_with()
    assert lab.finish(first).said["how"] == "fetched"
    assert {lab.finish(other).said["how"] for other in others} == {"waited"}
    assert lab.asked() == 1


def test_two_models_on_one_volume_take_turns(one_lab: Lab):
    first = a_holder(one_lab)
    other = one_lab.start("--destination", str(one_lab.volume / "other"))
    line_with(other, "waiting:")
    one_lab.break_with()
    assert one_lab.finish(first).said["how"] == "fetched"
    assert one_lab.finish(other).said["how"] == "fetched"


def test_a_killed_holder_is_replaced_at_once(one_lab: Lab):
    a_holder(one_lab).kill()
    one_lab.running[0].wait()
    one_lab.break_with()
    result = one_lab.fetch()
    assert result.code == 0
    assert "taking over" in result.log


def test_a_holder_that_hangs_is_replaced_and_does_no_harm(lab: Lab):
    hung = a_holder(lab, "--lock-stale", "0.5")
    hung.send_signal(signal.SIGSTOP)
    lab.break_with()
    assert lab.fetch("--lock-stale", "0.5").code == 0
    hung.send_signal(signal.SIGCONT)
    result = lab.finish(hung)
    assert result.code == 18, result.log
    assert contents(lab.place) == contents(lab.repos / REPO)
    assert lab.fetch("--verify", "Always").said["how"] == "present"


def test_a_lock_left_by_another_node_is_taken_over(one_lab: Lab):
    one_lab.flagos.mkdir()
    words = ("name", "pod", "boot", "pids", "nonce", "what")
    holder = dict.fromkeys(words, "elsewhere") | {"pid": 1}
    (one_lab.flagos / "lock").write_text(json.dumps(holder))
    result = one_lab.fetch("--lock-stale", "0.2")
    assert result.code == 0
    assert "taking over the volume from elsewhere" in result.log


@pytest.mark.parametrize("words", ["", "{", "[]"])
def test_a_lock_that_makes_no_sense_is_taken_over(one_lab: Lab, words):
    one_lab.flagos.mkdir()
    (one_lab.flagos / "lock").write_text(words)
    assert one_lab.fetch("--lock-stale", "0.2").code == 0


def test_nobody_waits_for_ever(one_lab: Lab):
    a_holder(one_lab)
    result = one_lab.fetch("--lock-wait", "0.1")
    assert (result.reason, result.code) == ("LockHeld", 18)
    assert REPO in result.message
