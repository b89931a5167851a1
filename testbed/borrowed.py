"""What a node needs of the whole machine and gives back when it ends.

Written down before it is taken, so that whoever cleans up after a crash knows.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from testbed import cgroups
from testbed.shell import TestbedError, attempt, succeeds

if TYPE_CHECKING:
    from testbed.settings import Settings

BRIDGE_SYSCTLS = Path("/proc/sys/net/bridge")
BRIDGE_MODULE = "br_netfilter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Borrowed:
    """`controllers` that the root of cgroup v2 did not hand out; kernel `modules`."""

    controllers: tuple[str, ...]
    modules: tuple[str, ...]


def borrow(settings: Settings) -> None:
    needed = Borrowed(
        controllers=tuple(sorted(cgroups.not_handed_out(cgroups.TREE))),
        modules=() if BRIDGE_SYSCTLS.exists() else (BRIDGE_MODULE,),
    )
    record(settings).write_text(json.dumps(asdict(needed)))
    if needed.controllers:
        cgroups.hand_out(cgroups.TREE)
    if needed.modules:
        load_bridge_module()


def give_back(settings: Settings) -> None:
    """What somebody else uses by now stays: the kernel refuses to take it away."""
    if record(settings).exists():
        taken = Borrowed(**json.loads(record(settings).read_text()))
        for controller in taken.controllers:
            cgroups.switch(cgroups.TREE, controller=f"-{controller}")
        for module in taken.modules:
            succeeds("modprobe", "--remove", module)
        record(settings).unlink()


def load_bridge_module() -> None:
    """Without it a pod gets no answer from a Service whose pod is on the same bridge.

    It would also pass the frames of the machine's own bridges through its firewall; they stay as
    they were.
    """
    said = attempt("modprobe", BRIDGE_MODULE)
    if said.returncode:
        raise TestbedError(
            f"this kernel cannot filter bridged packets: {said.stderr.strip()}",
            cure=f"`modprobe {BRIDGE_MODULE}` has to work (package kmod, a Debian kernel)",
        )
    for table in ("iptables", "ip6tables", "arptables"):
        (BRIDGE_SYSCTLS / f"bridge-nf-call-{table}").write_text("0")


def record(settings: Settings) -> Path:
    return settings.run / "borrowed.json"
