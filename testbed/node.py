"""The node: a machine within the machine, made of namespaces and gone when its process 1 is."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from testbed import borrowed, cgroups
from testbed.settings import NODE
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
    borrowed.borrow(settings)
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
        "NODE": NODE,
        "NODE_DIR": str(settings.node_dir),
        "HOSTS": f"{settings.network.node} {NODE}",
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
    """A cable from the machine to the node, and routes to what is behind it."""
    network, pid = settings.network, str(first_process(settings))
    prefix = network.link_prefix

    def within(*command: str) -> None:
        run("nsenter", "--target", pid, "--net", "--", *command)

    run("ip", "link", "add", settings.link, *f"type veth peer name eth0 netns {pid}".split())
    run("ip", "address", "add", f"{network.machine}/{prefix}", "dev", settings.link)
    run("ip", "link", "set", settings.link, "up")
    within("ip", "address", "add", f"{network.node}/{prefix}", "dev", "eth0")
    within("ip", "link", "set", "eth0", "up")
    within("ip", "route", "add", "default", "via", str(network.machine))
    for behind in (network.services, network.node_pods):
        run("ip", "route", "replace", str(behind), "via", str(network.node))
    for rule in refusals(settings):
        within("iptables", *rule)


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
    borrowed.give_back(settings)
    if succeeds("ip", "link", "show", settings.link):  # the kernel removes it a moment later
        succeeds("ip", "link", "delete", settings.link)


def forget_state(settings: Settings) -> None:
    """All but the certificates, the images and, for who wants to know what happened, the logs."""
    for part in ("kubelet", "fake"):
        shutil.rmtree(settings.node_dir / part, ignore_errors=True)
    for file in ("ready", "containerd.sock", "containerd.sock.ttrpc"):
        (settings.node_dir / file).unlink(missing_ok=True)
    settings.kubeconfig.unlink(missing_ok=True)
