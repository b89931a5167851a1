"""The node's own cgroups: what bounds it, and the one list of processes that may be killed.

A process file of an earlier boot may name anybody's process by now; a cgroup cannot lie. So the
node's processes are found by the cgroup's name alone, wherever in the tree it hangs.

Version 1: one cgroup in each hierarchy, below the one that the caller is in, so that its limits
hold for the node too. Version 2: one cgroup at the root. The node's daemons live in a child of it,
since a cgroup that hands controllers to children may have no process itself.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.shell import TestbedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TREE = Path("/sys/fs/cgroup")
DAEMONS = "daemons"
INHERITED = ("cpuset.cpus", "cpuset.mems")
NEEDED = frozenset({"cpu", "cpuset", "memory", "pids"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchy:
    """One mounted hierarchy of version 1 and where in it this process is."""

    mount: Path
    controllers: str
    own: str

    def directory(self, name: str) -> Path:
        return self.mount / self.own.strip("/") / name


def hierarchies(mountinfo: str, membership: str) -> tuple[Hierarchy, ...]:
    """From the texts of /proc/self/mountinfo and /proc/self/cgroup; none: version 2 only."""
    own = dict(line.split(":", 2)[1:] for line in membership.splitlines())
    return tuple(
        Hierarchy(mount=mount, controllers=controllers, own=own[controllers])
        for mount, options in v1_mounts(mountinfo)
        if (controllers := mounted_controllers(options, known=own))
    )


def v1_mounts(mountinfo: str) -> Iterator[tuple[Path, frozenset[str]]]:
    for line in mountinfo.splitlines():
        place, _, source = line.partition(" - ")
        kind, _, options = source.split(" ", 2)
        if kind == "cgroup":
            yield Path(place.split()[4]), frozenset(options.split(","))


def mounted_controllers(options: frozenset[str], *, known: Iterable[str]) -> str:
    """`rw,cpuacct,cpu` is the hierarchy that membership calls `cpu,cpuacct`."""
    return next((names for names in known if names and set(names.split(",")) <= options), "")


def here() -> tuple[Hierarchy, ...]:
    proc = Path("/proc/self")
    return hierarchies((proc / "mountinfo").read_text(), (proc / "cgroup").read_text())


def missing_controllers() -> frozenset[str]:
    """What a node cannot do without and this machine does not offer."""
    v1 = {name for hierarchy in here() for name in hierarchy.controllers.split(",")}
    return NEEDED - (v1 or available(TREE))


def available(cgroup: Path) -> set[str]:
    return controllers_in(cgroup / "cgroup.controllers")


def controllers_in(file: Path) -> set[str]:
    return set(" ".join(read_lines(file)).split())


def make(name: str) -> None:
    directories = [hierarchy.directory(name) for hierarchy in here()] or [TREE / name]
    for directory in directories:
        directory.mkdir(exist_ok=True)
        if not is_v2(directory):
            inherit_cpuset(directory)


def is_v2(cgroup: Path) -> bool:
    return (cgroup / "cgroup.controllers").exists()


def inherit_cpuset(directory: Path) -> None:
    """A new cpuset of version 1 is empty, and nothing may enter it."""
    for part in INHERITED:
        if (directory / part).exists():
            (directory / part).write_text((directory.parent / part).read_text())


def settle(name: str) -> None:
    """Version 2: once the node's namespace has the cgroup as its root, all move into a child."""
    top = TREE / name
    if is_v2(top):
        (top / DAEMONS).mkdir(exist_ok=True)
        move_all(top, to=top / DAEMONS)
        hand_out(top)


def move_all(source: Path, *, to: Path) -> None:
    while pids := read_lines(source / "cgroup.procs"):
        for pid in pids:
            try:
                (to / "cgroup.procs").write_text(pid)
            except ProcessLookupError:
                continue


def hand_out(cgroup: Path) -> None:
    """Every controller that it has, one by one: the kernel may refuse one that nobody misses."""
    refused = {
        name for name in not_handed_out(cgroup) if not switch(cgroup, controller=f"+{name}")
    }
    if refused & NEEDED:
        raise TestbedError(f"{cgroup} does not hand out {', '.join(sorted(refused))}")


def not_handed_out(cgroup: Path) -> set[str]:
    return available(cgroup) - controllers_in(cgroup / "cgroup.subtree_control")


def switch(cgroup: Path, *, controller: str) -> bool:
    try:
        (cgroup / "cgroup.subtree_control").write_text(controller)
    except OSError:
        return False
    return True


def find(name: str) -> list[Path]:
    found = []
    for directory, below, _ in os.walk(TREE):
        if name in below:
            found.append(Path(directory, name))
            below.remove(name)
    return found


def entrances(name: str) -> list[Path]:
    """Where a process joins the node."""
    return [top / DAEMONS if (top / DAEMONS).exists() else top for top in find(name)]


def processes(name: str) -> set[int]:
    return {
        int(pid)
        for top in find(name)
        for directory, _, _ in os.walk(top)
        for pid in read_lines(Path(directory, "cgroup.procs"))
    }


def read_lines(path: Path) -> list[str]:
    """A cgroup, or a process, may be gone between listing and reading."""
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def kill(name: str) -> None:
    for pid in processes(name):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def remove(name: str) -> bool:
    """Whether nothing is left; a cgroup whose last process just died may need another try."""
    for top in find(name):
        for directory, _, _ in os.walk(top, topdown=False):
            try:
                Path(directory).rmdir()
            except OSError:
                return False
    return True
