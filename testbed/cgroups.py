"""The node's own cgroups: what bounds it, and the one list of processes that may be killed.

A process file of an earlier boot may name anybody's process by now; a cgroup cannot lie. So the
node's processes are found by the cgroup's name alone, wherever in the tree it hangs.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TREE = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchy:
    """One mounted hierarchy of cgroup v1 and where in it this process is."""

    mount: Path
    controllers: str
    own: str

    def directory(self, name: str) -> Path:
        return self.mount / self.own.strip("/") / name


def hierarchies(mountinfo: str, membership: str) -> tuple[Hierarchy, ...]:
    """The texts are /proc/self/mountinfo and /proc/self/cgroup; empty on a machine with v2 only."""
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


def make(name: str) -> tuple[Path, ...]:
    directories = tuple(hierarchy.directory(name) for hierarchy in here())
    for directory in directories:
        directory.mkdir(exist_ok=True)
        for inherited in (
            "cpuset.cpus",
            "cpuset.mems",
        ):  # empty in a new cpuset: nothing may enter
            if (directory / inherited).exists():
                (directory / inherited).write_text((directory.parent / inherited).read_text())
    return directories


def find(name: str) -> list[Path]:
    found = []
    for directory, below, _ in os.walk(TREE):
        if name in below:
            found.append(Path(directory, name))
            below.remove(name)
    return found


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
