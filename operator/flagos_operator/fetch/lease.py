"""One downloader per volume at a time, across pods and nodes.

flock is not trusted: on some network volumes it answers yes to everyone. The lock is a file that
exists or not, made by link(2), and kept alive by touching it. Whoever waits watches the touch on
its own clock, so clocks of different nodes need not agree. A holder that finds its lock gone ends
at once: it was taken for dead.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


SOON = 10
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EACCES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds the lock; `pod` is the pod's uid where there is one."""

    name: str
    pod: str
    boot: str
    pids: str  # the pid namespace: only inside it does a pid mean anything
    pid: int
    nonce: str
    what: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One look at somebody's lock; `beat` changes with each sign of life."""

    holder: Holder | None
    beat: tuple[int, int]


def provably_dead(other: Holder | None, *, me: Holder, alive: Callable[[int], bool]) -> bool:
    """True only if the holder cannot come back.

    - the same pid namespace and boot: its process is gone;
    - the same pod, another pid namespace: an earlier container of this pod, and the kubelet
      starts an init container again only after the last one has ended.
    """
    if other is None:
        return False
    same_pids = bool(me.pids) and (other.pids, other.boot) == (me.pids, me.boot)
    if same_pids:
        return other.nonce != me.nonce and (other.pid == me.pid or not alive(other.pid))
    return bool(me.pod) and other.pod == me.pod


def process_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    path: Path
    me: Holder

    def take(self) -> bool:
        """True if the lock is ours now."""
        draft = self.path.with_name(f"{self.path.name}.{self.me.nonce}")
        try:
            draft.write_text(json.dumps(asdict(self.me)))
            os.link(draft, self.path)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            return self._take_without_links()
        finally:
            draft.unlink(missing_ok=True)
        return True

    def _take_without_links(self) -> bool:
        # Some FUSE and SMB volumes know no hard links; O_EXCL is atomic there.
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return False
        with os.fdopen(handle, "w") as file:
            file.write(json.dumps(asdict(self.me)))
        return True

    def look(self) -> Seen | None:
        """None when nobody holds it."""
        try:
            with self.path.open(encoding="utf-8") as file:
                stat = os.fstat(file.fileno())
                return Seen(holder=_parse(file.read()), beat=(stat.st_ino, stat.st_mtime_ns))
        except FileNotFoundError:
            return None

    def ours(self) -> bool:
        seen = self.look()
        return seen is not None and seen.holder is not None and seen.holder.nonce == self.me.nonce

    def beat(self) -> bool:
        """A sign of life; False if the lock is no longer ours."""
        if not self.ours():
            return False
        with contextlib.suppress(FileNotFoundError):
            os.utime(self.path)
        return True

    def release(self) -> None:
        with contextlib.suppress(OSError):
            if self.ours():
                self.path.unlink()

    def clear(self, stale: Seen) -> None:
        """Takes a dead holder's lock away, and puts it back if it was not that one."""
        aside = self.path.with_name(f"{self.path.name}.stale.{self.me.nonce}")
        try:
            self.path.rename(aside)
        except FileNotFoundError:
            return
        if _parse(aside.read_text()) != stale.holder:
            with contextlib.suppress(OSError):
                os.link(aside, self.path)
        aside.unlink(missing_ok=True)


def _parse(text: str) -> Holder | None:
    try:
        holder = Holder(**json.loads(text))
    except (ValueError, TypeError):
        return None
    return holder if isinstance(holder.pid, int) else None


class Heart(threading.Thread):
    """Beats for a held lock until stopped, and says so when the lock was lost."""

    def __init__(self, lock: Lock, *, on_loss: Callable[[], None], every: float) -> None:
        super().__init__(name="lock-heartbeat", daemon=True)
        self._lock = lock
        self._on_loss = on_loss
        self._every = every
        self._ended = threading.Event()

    def run(self) -> None:
        misses = 0
        # A holder that has slept goes on writing until it looks: the second look comes soon.
        while not self._ended.wait(self._every / (SOON if misses else 1)):
            try:
                alive = self._lock.beat()
            except OSError:
                continue  # a volume that stutters; whoever waits gives us a while
            misses = 0 if alive else misses + 1
            # One who clears a stale lock holds it aside for a moment: look twice.
            if misses > 1:
                self._on_loss()
                return

    def stop(self) -> None:
        self._ended.set()
        self.join()
