"""A fetcher on a node of its own, as far as a fetcher can tell.

It has its own pid namespace, host name and boot id, so that nothing that it finds in somebody
else's lock says whether that one lives. The kernel and the volume are the same: what a network
volume does to caches is not shown here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fetch.lab import until

if TYPE_CHECKING:
    import signal
    import subprocess

    from tests.fetch.lab import Lab, Result

BOOT_ID = "/proc/sys/kernel/random/boot_id"
SCRIPT = f"""
mount -t proc proc /proc && mount --bind "$1" {BOOT_ID} && hostname "$2" && shift 2 && exec "$@"
"""


@dataclass(frozen=True, kw_only=True)
class Fetcher:
    """`process` is `unshare`, which ends as its child does; signals go to that child."""

    lab: Lab
    name: str
    process: subprocess.Popen[str]

    def signal(self, number: signal.Signals) -> None:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        until(lambda: bool(path.read_text().split()))
        os.kill(int(path.read_text().split()[0]), number)

    def finish(self) -> Result:
        return self.lab.finish(self.process)


def on_a_node(lab: Lab, *more: str, node: str, name: str) -> Fetcher:
    boot = lab.volume.parent / f"boot-{node}"
    boot.write_text(f"{node}\n")
    before = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--uts")
    words = (*before, "sh", "-c", SCRIPT, "sh", str(boot), name)
    return Fetcher(lab=lab, name=name, process=lab.start(*more, behind=words))
