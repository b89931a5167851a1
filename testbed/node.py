"""The node: a machine within the machine, made of namespaces and gone when its process 1 is."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from testbed import cgroups
from testbed.settings import FIRST
from testbed.shell import TestbedError, run, succeeds, wait_until

if TYPE_CHECKING:
    from testbed.settings import Settings

EMPTY_AT_START = ("log", "fake", "kubelet", "var-log")
INIT = Path(__file__).with_name("node_init.sh")
NAMESPACES = ("--mount", "--net", "--pid", "--cgroup", "--uts", "--ipc")
# In the shell itself, before it becomes the command: a process that moved later would have left
# children behind in the machine's cgroups.
JOIN = 'while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs"; shift; done; shift; exec "$@"'


def start(settings: Settings) -> None:
    home = settings.node_dir
    for part in EMPTY_AT_START:
        shutil.rmtree(home / part, ignore_errors=True)
        (home / part).mkdir(parents=True)
    cgroups.make(settings.cgroup)
    unshare = ("unshare", *NAMESPACES, "--fork", "--kill-child", "bash", str(INIT))
    spawn(joined(settings, *unshare), log=settings.logs / "node.log", env=init_env(settings))
    wait_until(
        (home / "ready").exists, seconds=20, what="the node", log=settings.logs / "node.log"
    )
    cgroups.settle(settings.cgroup)
    connect(settings)


def init_env(settings: Settings) -> dict[str, str]:
    return os.environ | {
        "NODE": settings.node,
        "NODE_DIR": str(settings.node_dir),
        "HOSTS": f"{settings.address} {settings.node}",
        "CGROUPS": " ".join(hierarchy.controllers for hierarchy in cgroups.here()),
    }


def spawn(command: tuple[str, ...], *, log: Path, env: dict[str, str] | None = None) -> None:
    """A process that outlives this one."""
    with log.open("a") as out:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=env,
        )


def joined(settings: Settings, *command: str) -> tuple[str, ...]:
    directories = (str(directory) for directory in cgroups.entrances(settings.cgroup))
    return ("sh", "-c", JOIN, "join", *directories, "--", *command)


def inside(settings: Settings, *command: str) -> tuple[str, ...]:
    """The command line that runs a command in the node."""
    enter = ("nsenter", "--target", str(first_process(settings)), *NAMESPACES, "--")
    return joined(settings, *enter, *command)


def first_process(settings: Settings) -> int:
    for pid in cgroups.processes(settings.cgroup):
        if is_first_in_namespace(cgroups.read_lines(Path(f"/proc/{pid}/status"))):
            return pid
    raise TestbedError("no cluster is running", cure="start one with `make cluster`")


def is_first_in_namespace(status: list[str]) -> bool:
    """One level down and number 1 there; the first process of a pod is two levels down."""
    numbers = next((line.split()[1:] for line in status if line.startswith("NSpid:")), [])
    return len(numbers) == 2 and numbers[1] == "1"  # noqa: PLR2004


def running(settings: Settings) -> bool:
    return bool(cgroups.processes(settings.cgroup))


def connect(settings: Settings) -> None:
    """A cable from the machine to the first node; a further one hangs behind that."""
    if settings.number == FIRST:
        connect_to_machine(settings)
    else:
        connect_to_first(settings)
    for rule in refusals(settings):
        within(settings, "iptables", *rule)


def within(settings: Settings, *command: str) -> None:
    """In the node's network alone: the machine's programs, files and processes."""
    run("nsenter", "--target", str(first_process(settings)), "--net", "--", *command)


def connect_to_machine(settings: Settings) -> None:
    network, pid = settings.network, first_process(settings)
    prefix = network.link_prefix
    run("ip", "link", "add", settings.link, *f"type veth peer name eth0 netns {pid}".split())
    run("ip", "address", "add", f"{network.machine}/{prefix}", "dev", settings.link)
    run("ip", "link", "set", settings.link, "up")
    within(settings, "ip", "address", "add", f"{settings.address}/{prefix}", "dev", "eth0")
    within(settings, "ip", "link", "set", "eth0", "up")
    within(settings, "ip", "route", "add", "default", "via", str(network.machine))
    for behind in (network.services, settings.pods):
        run("ip", "route", "replace", str(behind), "via", str(settings.address))


def connect_to_first(settings: Settings) -> None:
    """The first node passes on what is for this one: nothing of the machine's own is changed.

    All that is on the machine are two routes; the cable ends in the first node.
    """
    first, pid = settings.of_node(FIRST), first_process(settings)
    ours, theirs, cable = str(settings.address), str(first.address), settings.node
    within(first, "ip", "link", "add", cable, *f"type veth peer name eth0 netns {pid}".split())
    plug(first, cable, own=theirs, other=ours)
    plug(settings, "eth0", own=ours, other=theirs)
    within(settings, "ip", "route", "add", "default", "via", theirs)
    within(first, "ip", "route", "add", str(settings.pods), "via", ours)
    for behind in routed(settings):
        run("ip", "route", "replace", behind, "via", theirs)


def plug(settings: Settings, device: str, *, own: str, other: str) -> None:
    within(settings, "ip", "address", "add", own, "peer", other, "dev", device)
    within(settings, "ip", "link", "set", device, "up")


def routed(settings: Settings) -> tuple[str, str]:
    """What the machine has to be told about a node that hangs behind the first."""
    return str(settings.address), str(settings.pods)


def refusals(settings: Settings) -> list[tuple[str, ...]]:
    """What leads nowhere is refused at once; a packet that is lost costs its sender 30 s.

    That is addresses outside, and Services that kube-proxy has not programmed (yet, or any more).
    Those that it has were rewritten before these rules see them.
    """
    outside = ("!", "-d", str(settings.network.whole))
    service = ("-d", str(settings.network.services))
    return [
        ("-A", "FORWARD", *outside, "-j", "REJECT"),
        ("-A", "OUTPUT", *outside, "!", "-o", "lo", "-j", "REJECT"),
        ("-A", "FORWARD", *service, "-j", "REJECT"),
        ("-A", "OUTPUT", *service, "-j", "REJECT"),
    ]


def stop(settings: Settings) -> None:
    """Mounts, links, routes and rules go with the namespaces, these with their last process."""

    def gone() -> bool:
        cgroups.kill(settings.cgroup)
        return cgroups.remove(settings.cgroup)

    wait_until(gone, seconds=20, what="ending the node", log=settings.logs / "node.log")
    if settings.number == FIRST:  # the kernel removes the link a moment later, and its routes
        succeeds("ip", "link", "delete", settings.link)
    else:
        for behind in routed(settings):
            succeeds("ip", "route", "delete", behind)


def forget_state(settings: Settings) -> None:
    """All but the certificates, the images and, for who wants to know what happened, the logs."""
    for part in ("kubelet", "fake"):
        shutil.rmtree(settings.node_dir / part, ignore_errors=True)
    for file in ("ready", "containerd.sock", "containerd.sock.ttrpc"):
        (settings.node_dir / file).unlink(missing_ok=True)
