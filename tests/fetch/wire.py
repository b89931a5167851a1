"""What is on its way between a hub on this machine and the processes that read from it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def in_kernel(port: int) -> int:
    """Bytes between the hub and its clients: sent, and not read by anyone."""
    total = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues = line.split()[:5]
        unsent, unread = (int(part, 16) for part in queues.split(":"))
        if local.endswith(f":{port:04X}") and not remote.endswith(":0000"):
            total += unsent
        if remote.endswith(f":{port:04X}"):
            total += unread
    return total


def kill(process: subprocess.Popen[str], *, port: int, sent: Callable[[], int]) -> int:
    """Returns the bytes that were sent to it and that it never read.

    SIGSTOP first, so that they can be counted when nothing moves any more; it runs nothing in
    between.
    """
    os.kill(process.pid, signal.SIGSTOP)
    before = (-1, -1)
    while (now := (sent(), in_kernel(port))) != before or state_of(process.pid) != "T":
        before = now
        time.sleep(0.02)
    process.kill()
    process.wait()
    return now[1]
