"""What comes from Debian: the container runtime, etcd and the network tools."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.shell import attempt, run, succeeds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from testbed.terminal import Progress

NEEDED = (
    "busybox-static",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "ebtables",
    "etcd-client",
    "etcd-server",
    "gcc",
    "iproute2",
    "ipset",
    "iptables",
    "kmod",
    "libc6-dev",
    "openssl",
    "procps",
    "runc",
    "socat",
    "util-linux",
)
WAIT_FOR_LOCK = ("-o", "DPkg::Lock::Timeout=300")
# Debian starts what it installs, now and at each boot; the node starts its own.
SERVICES = {"containerd": "containerd.service", "etcd-server": "etcd.service"}
START_POLICY = Path("/usr/sbin/policy-rc.d")
NO_STARTS = "#!/bin/sh\nexit 101\n"


def ensure(progress: Progress) -> None:
    missing = absent(NEEDED)
    if not missing:
        return
    with progress.step(f"installing {', '.join(missing)}", usually="20 s"):
        with no_service_starts(START_POLICY):
            install(missing)
        for package, unit in SERVICES.items():
            if package in missing:
                succeeds("systemctl", "disable", unit)  # in vain where there is no systemd


def install(packages: Iterable[str]) -> None:
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "update", "-qq", *WAIT_FOR_LOCK, env=quiet)
    command = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", *WAIT_FOR_LOCK)
    run(*command, *packages, env=quiet)


@contextmanager
def no_service_starts(policy: Path) -> Iterator[None]:
    """A policy that is there already is the machine's own, and stays."""
    if policy.exists():
        yield
        return
    policy.write_text(NO_STARTS)
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def absent(packages: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in packages if not installed(name))


def installed(package: str) -> bool:
    asked = attempt("dpkg-query", "--show", "--showformat=${db:Status-Status}", package)
    return asked.stdout == "installed"
