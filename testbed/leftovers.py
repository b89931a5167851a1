"""What a cluster that is down has left on the machine: nothing, or a bug."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from testbed import cgroups
from testbed.shell import attempt

if TYPE_CHECKING:
    from testbed.settings import Settings


def find(settings: Settings) -> list[str]:
    return [
        *(f"process {pid}" for pid in sorted(cgroups.processes(settings.cgroup))),
        *(f"cgroup {path}" for path in cgroups.find(settings.cgroup)),
        *mounts(settings),
        *links(settings),
        *routes(settings),
    ]


def mounts(settings: Settings) -> list[str]:
    places = (line.split()[1] for line in Path("/proc/mounts").read_text().splitlines())
    return [f"mount {place}" for place in places if Path(place).is_relative_to(settings.run)]


def links(settings: Settings) -> list[str]:
    found = attempt("ip", "-brief", "link", "show", settings.link).stdout
    return [f"link {line.split()[0]}" for line in found.splitlines()]


def routes(settings: Settings) -> list[str]:
    found = attempt("ip", "route", "show", "root", str(settings.network.whole)).stdout
    return [f"route {line.strip()}" for line in found.splitlines()]
