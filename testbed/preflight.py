"""What a machine must have, said before anything is done to it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from testbed import cgroups
from testbed.shell import TestbedError

if TYPE_CHECKING:
    from testbed.settings import Settings

GIGABYTE = 10**9
COLD_GIGABYTES = 12
WARM_GIGABYTES = 3
# The node has file systems of its own over these and would not see the cache.
HIDDEN_IN_NODE = ("/run", "/opt", "/var/lib", "/var/log", "/proc", "/sys")
# A unix socket's path has 107 characters, and kubelet's plugins add the longest to this.
LONGEST_CACHE_PATH = 50


def check(settings: Settings) -> None:
    check_root()
    check_debian()
    check_cgroups()
    check_cache(settings.cache)
    check_disk(settings.cache)


def check_root() -> None:
    if os.geteuid() != 0:
        raise TestbedError(
            "a node is made of namespaces, cgroups and mounts, and only root can make those",
            cure="run it as root (sudo -E make cluster), or use kind: make cluster KIND=1",
        )


def check_debian() -> None:
    if not Path("/etc/debian_version").exists():
        raise TestbedError(
            "containerd, runc, etcd and the network tools are installed as Debian packages",
            cure="use a Debian 12 machine, or kind: make cluster KIND=1",
        )


def check_cgroups() -> None:
    if missing := cgroups.missing_controllers():
        raise TestbedError(
            f"no cgroup controller for {', '.join(sorted(missing))} in /sys/fs/cgroup",
            cure="run it on a whole machine, not in a container, or use kind: make cluster KIND=1",
        )


def check_cache(cache: Path) -> None:
    if any(cache.is_relative_to(hidden) for hidden in HIDDEN_IN_NODE):
        raise TestbedError(
            f"the node cannot see {cache}", cure="set FLAGOS_CACHE to a directory under /home or /"
        )
    if len(str(cache)) > LONGEST_CACHE_PATH:
        raise TestbedError(
            f"{cache} is too long a path for the unix sockets below it",
            cure=f"set FLAGOS_CACHE to one of at most {LONGEST_CACHE_PATH} characters",
        )


def check_disk(cache: Path) -> None:
    needed = WARM_GIGABYTES if any(cache.glob("bin/go-*")) else COLD_GIGABYTES
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free / GIGABYTE
    if free < needed:
        raise TestbedError(
            f"{cache} has {free:.0f} GB free; about {needed} GB are needed",
            cure="free some space, or set FLAGOS_CACHE to a directory on a larger disk",
        )
