"""What comes from Debian: the container runtime, etcd and the network tools."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from testbed.shell import attempt, run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from testbed.terminal import Progress

NEEDED = (
    "busybox-static",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "ebtables",
    "etcd-server",
    "gcc",
    "iproute2",
    "ipset",
    "iptables",
    "libc6-dev",
    "openssl",
    "runc",
    "socat",
    "util-linux",
)
WAIT_FOR_LOCK = ("-o", "DPkg::Lock::Timeout=300")


def ensure(progress: Progress) -> None:
    missing = absent(NEEDED)
    if not missing:
        return
    with progress.step(f"installing {', '.join(missing)}", usually="20 s"):
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", "-qq", *WAIT_FOR_LOCK, env=quiet)
        command = ("apt-get", "install", "-y", "-qq", "--no-install-recommends")
        run(*command, *WAIT_FOR_LOCK, *missing, env=quiet)


def absent(packages: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in packages if not installed(name))


def installed(package: str) -> bool:
    asked = attempt("dpkg-query", "--show", "--showformat=${db:Status-Status}", package)
    return asked.stdout == "installed"
