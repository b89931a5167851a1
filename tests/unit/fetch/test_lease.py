"""The lock of a volume, and whose it is when somebody falls silent."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import asdict, dataclass, replace

import pytest

from flagos_operator.fetch.cli import _pod_uid
from flagos_operator.fetch.lease import Holder, Lock, Seen, provably_dead
from flagos_operator.fetch.reasons import FetchError, Reason
from flagos_operator.fetch.waiting import Queue, Turn

ME = Holder(name="me", pod="uid-1", boot="boot", pids="pid:[1]", pid=7, nonce="mine")
OTHER = replace(ME, name="other", pod="uid-2", pids="pid:[2]", nonce="theirs", what="acme/tiny")


@pytest.mark.parametrize(
    ("other", "alive", "dead"),
    [
        (OTHER, True, False),  # another pod: cannot know
        (OTHER, False, False),  # its pid means nothing here
        (replace(OTHER, boot="older"), False, False),  # another node, or this one restarted
        (replace(OTHER, pod=ME.pod), True, True),  # an earlier container of this pod
        (replace(ME, nonce="theirs", pid=8), False, True),  # a process that is gone
        (replace(ME, nonce="theirs", pid=8), True, False),  # one that lives
        (replace(ME, nonce="theirs"), True, True),  # our own pid, so not that process
        (ME, True, False),  # ourselves
        (None, False, False),  # nobody knows who
    ],
)
def test_who_cannot_come_back(other, alive, dead):
    assert provably_dead(other, me=ME, alive=lambda _: alive) is dead


def test_by_hand_there_is_no_pod_to_compare():
    nobody = replace(OTHER, pod="")
    assert not provably_dead(nobody, me=replace(ME, pod=""), alive=lambda _: False)


def test_a_pod_knows_its_uid_by_its_termination_log():
    uid = "0b5c0a3e-98a1-4a6c-b0a5-0d4a2ed1c1d7"
    mount = f"1 2 8:1 /var/lib/kubelet/pods/{uid}/containers/fetch/1 /dev/termination-log rw"
    assert _pod_uid(f"1 2 8:1 / / rw\n{mount}\n") == uid
    assert _pod_uid("1 2 8:1 / / rw\n") == ""


@pytest.fixture
def mine(tmp_path):
    return Lock(path=tmp_path / "lock", me=ME)


@pytest.fixture
def theirs(tmp_path):
    return Lock(path=tmp_path / "lock", me=OTHER)


def test_one_takes_it_and_the_other_does_not(mine, theirs):
    assert mine.take()
    assert not theirs.take()
    assert theirs.look().holder == ME
    assert (mine.ours(), theirs.ours()) == (True, False)


def test_nothing_else_is_left_lying_about(mine, theirs):
    mine.take()
    theirs.take()
    mine.release()
    assert list(mine.path.parent.iterdir()) == []


def test_it_is_released_only_by_its_holder(mine, theirs):
    mine.take()
    theirs.release()
    assert mine.ours()
    mine.release()
    assert theirs.take()


def test_a_sign_of_life_is_seen(mine, theirs):
    mine.take()
    os.utime(mine.path, ns=(1, 1))
    before = theirs.look().beat
    assert mine.beat()
    assert theirs.look().beat != before


def test_a_holder_learns_that_it_was_replaced(mine, theirs):
    mine.take()
    theirs.clear(theirs.look())
    assert theirs.take()
    assert not mine.beat()


def test_a_lock_that_is_not_the_dead_ones_is_put_back(mine, theirs):
    mine.take()
    stale = Seen(holder=replace(ME, nonce="older"), beat=(0, 0))
    theirs.clear(stale)
    assert mine.ours()


def test_a_volume_without_hard_links_will_do(mine, theirs, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    assert mine.take()
    assert not theirs.take()
    assert mine.ours()


@dataclass
class World:
    """A clock that only sleeping moves, and what happens meanwhile."""

    lock: Lock
    now: float = 0.0
    beating: bool = True
    served_at: float | None = None

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.beating:
            os.utime(self.lock.path, ns=(0, int(self.now * 1e9)))

    def served(self) -> bool:
        return self.served_at is not None and self.now >= self.served_at

    def queue(self, lines: list[str]) -> Queue:
        return Queue(
            lock=self.lock,
            stale_after=60,
            longest=600,
            clock=lambda: self.now,
            sleep=self.sleep,
            say=lines.append,
        )


@pytest.fixture
def held(mine, theirs):
    theirs.take()
    return World(lock=mine)


def test_a_free_lock_is_taken_without_a_word(mine):
    lines: list[str] = []
    turn = World(lock=mine).queue(lines).wait(served=lambda: False)
    assert (turn, lines) == (Turn(after_silence=False), [])


def test_whoever_waits_ends_when_the_weights_are_there(held):
    held.served_at = 45
    lines: list[str] = []
    assert held.queue(lines).wait(served=held.served) is None
    assert lines == ["waiting: other (acme/tiny) is writing to this volume"] * 2


def test_a_silent_holder_is_replaced_after_a_minute(held):
    held.beating = False
    turn = held.queue([]).wait(served=held.served)
    assert turn == Turn(after_silence=True)
    assert 60 <= held.now < 63
    assert held.lock.ours()


def test_a_living_holder_is_not_replaced_but_not_waited_for_for_ever(held):
    with pytest.raises(FetchError, match=r"other \(acme/tiny\)") as tired:
        held.queue([]).wait(served=held.served)
    assert tired.value.reason is Reason.LOCK_HELD
    assert 600 <= held.now < 603


def test_a_dead_holder_is_replaced_at_once(held):
    held.lock.path.write_text(json.dumps(asdict(replace(OTHER, pod=ME.pod))))
    assert held.queue([]).wait(served=held.served) == Turn(after_silence=False)
    assert held.now == 0
