"""What a cluster that is down has left on the machine: nothing, or a bug.

Two kinds of trace: things that bear the cluster's name, and settings of the machine that are not
what they were when it came up.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from testbed import cgroups, daemons
from testbed.settings import NODES
from testbed.shell import attempt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testbed.settings import Settings

SYSCTLS = (
    "fs/inotify/max_user_instances",
    "fs/inotify/max_user_watches",
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "net/bridge/bridge-nf-call-iptables",
    "net/ipv4/conf/all/route_localnet",
    "net/ipv4/ip_forward",
    "net/netfilter/nf_conntrack_max",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)
# Where kubelet, containerd and the CNI plugins write unless they are kept from it.
DIRECTORIES = (
    "/etc/cni/net.d",
    "/opt/cni",
    "/opt/containerd",
    "/run/cni-ipam",
    "/run/etcd",
    "/usr/libexec/kubernetes",
    "/var/lib/cni",
    "/var/lib/etcd/member",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/log/pods",
)
HELPERS = ("containerd-shim-runc-v2", "nsenter", "unshare")


def find(settings: Settings) -> list[str]:
    return [
        *processes(settings),
        *(f"cgroup {path}" for name in names(settings) for path in cgroups.find(name)),
        *mounts(settings),
        *links(settings),
        *routes(settings),
        *changes(settings),
    ]


def names(settings: Settings) -> list[str]:
    return [settings.of_node(number).cgroup for number in NODES]


def remember_machine(settings: Settings) -> None:
    record(settings).write_text(json.dumps(sorted(machine())))


def changes(settings: Settings) -> list[str]:
    path = record(settings)
    before = json.loads(path.read_text()) if path.exists() else []
    return sorted(machine().difference(before)) if before else []


def record(settings: Settings) -> Path:
    return settings.run / "machine-before.json"


def machine() -> set[str]:
    """What the whole machine shares, a line for each fact."""
    return {
        *(f"sysctl {name} = {value}" for name, value in sysctls()),
        *(f"directory {path}" for path in DIRECTORIES if Path(path).exists()),
        *(f"firewall {line}" for line in firewall()),
        *(f"cgroup controllers {line}" for line in handed_out()),
    }


def sysctls() -> Iterator[tuple[str, str]]:
    for name in SYSCTLS:
        for value in cgroups.read_lines(Path("/proc/sys", name)):
            yield name, value


def handed_out() -> list[str]:
    """What the root of cgroup v2 hands to its children."""
    return cgroups.read_lines(cgroups.TREE / "cgroup.subtree_control")


def firewall() -> list[str]:
    saved = attempt("iptables-save").stdout + attempt("iptables-legacy-save").stdout
    return [line for line in saved.splitlines() if "KUBE-" in line or "CNI-" in line]


def processes(settings: Settings) -> list[str]:
    named = {*daemons.commands(settings), *HELPERS}
    inside = {pid for name in names(settings) for pid in cgroups.processes(name)}
    strays = {
        pid
        for pid in (int(path.name) for path in Path("/proc").glob("[0-9]*"))
        if daemons.program_of(pid) in named and str(settings.run) in command_line(pid)
    }
    return [f"process {pid} {command_line(pid)[:60]}" for pid in sorted(inside | strays)]


def command_line(pid: int) -> str:
    return " ".join(cgroups.read_lines(Path(f"/proc/{pid}/cmdline"))).replace("\0", " ")


def mounts(settings: Settings) -> list[str]:
    """Those below the cluster's directory, and those made of something in it (overlays)."""
    lines = Path("/proc/mounts").read_text().splitlines()
    return [f"mount {line}" for line in lines if f"{settings.run}/" in line]


def links(settings: Settings) -> list[str]:
    found = attempt("ip", "-brief", "link", "show", settings.link).stdout
    return [f"link {line.split()[0]}" for line in found.splitlines()]


def routes(settings: Settings) -> list[str]:
    found = attempt("ip", "route", "show", "root", str(settings.network.whole)).stdout
    return [f"route {line.strip()}" for line in found.splitlines()]
