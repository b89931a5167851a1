"""Directories of the host in the container, and what each of them was for."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flagos_operator.fromdocker.dockerflags import DEVICES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flagos_operator.api.chip import Chip
    from flagos_operator.fromdocker.docker import Run
    from flagos_operator.fromdocker.report import Report
    from flagos_operator.fromdocker.shell import Arg

SOURCES, TARGETS = {"source", "src"}, {"target", "dst", "destination"}
ABSOLUTE = re.compile(r"(?:^|[=@,])(/[\w.+@/-]+)")
CLOCK = re.compile(r"/etc/(?:localtime|timezone)|/usr/share/zoneinfo")
# Where Python, Triton, FlagGems and Enflame's compiler keep what they have made.
CACHE = re.compile(r".*/\.(?:cache|triton|flaggems|kurama)(?:/|$)|.*/cache/")
LIBRARY = re.compile(
    r"/usr/|/opt/|/lib|/sys|/etc/|/var/(?:log|queue_schedule|run)|/proc|/run|/bin|/sbin|/boot"
)
MOST = 32
BY_HAND = "pod.volumes and server.volumeMounts mount it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    source: str
    target: str
    line: int
    text: str
    unknown: tuple[str, ...] = ()

    def inside(self, path: str) -> str | None:
        """A path of the host as the container sees it."""
        return moved(path, self.source, self.target)

    def outside(self, path: str) -> str | None:
        return moved(path, self.target, self.source)


def moved(path: str, origin: str, goal: str) -> str | None:
    if path == origin:
        return goal
    below = path.removeprefix("/" if origin == "/" else f"{origin}/")
    return posixpath.join(goal, below) if below != path else None


def tidy(path: str) -> str:
    """One slash where there are two, none at the end."""
    return re.sub(r"/{2,}", "/", path).rstrip("/") or "/"


def mounts(run: Run | None) -> list[Mount]:
    return [] if run is None else [*volumes(run), *bound(run)]


def volumes(run: Run) -> Iterator[Mount]:
    for given, value in run.using("volume"):
        source, _, rest = value.text.partition(":")
        if "${" in source and value.text.count("}") and ":" in source:
            source, _, rest = value.text.rpartition("}")
        target = rest.partition(":")[0]
        if target.startswith("/"):
            yield Mount(
                source=tidy(source),
                target=tidy(target),
                line=given.line,
                text=given.source,
                unknown=value.unknown,
            )


def bound(run: Run) -> Iterator[Mount]:
    for given, value in run.using("mount"):
        pairs = dict(part.partition("=")[::2] for part in value.text.split(","))
        source = next((pairs[key] for key in pairs if key in SOURCES), "")
        target = next((pairs[key] for key in pairs if key in TARGETS), "")
        if source and target and pairs.get("type", "bind") == "bind":
            yield Mount(
                source=tidy(source), target=tidy(target), line=given.line, text=given.source
            )


def outside(path: str, known: Sequence[Mount]) -> tuple[str, Mount] | None:
    """Where a path of the container lies on the host: by the deepest mount above it."""
    for mount in sorted(known, key=lambda mount: len(mount.target), reverse=True):
        found = mount.outside(path)
        if found is not None:
            return found, mount
    return None


def inside(path: str, known: Sequence[Mount]) -> str | None:
    ordered = sorted(known, key=lambda mount: len(mount.source), reverse=True)
    return next((found for mount in ordered if (found := mount.inside(path)) is not None), None)


@dataclass(slots=True, kw_only=True)
class Kept:
    """Files of the host that the server's own flags name."""

    volumes: list[dict[str, Any]]
    mounts: list[dict[str, Any]]


def kept(args: Iterable[Arg], *, model: str, known: Sequence[Mount], report: Report) -> Kept:
    result = Kept(volumes=[], mounts=[])
    for arg in args:
        for path in map(tidy, ABSOLUTE.findall(arg.text)):
            if len(result.mounts) > MOST:
                return result  # the API takes no more, and says so
            found = outside(path, known)
            below = bool(model) and (path == model or path.startswith(f"{model}/"))
            taken = {mount["mountPath"] for mount in result.mounts}
            if found is None or below or path in taken or found[1].unknown:
                continue
            add(result, path=path, host=found[0])
            why = "kept as a volume of the pod, since a flag of the server names it"
            report.say(f"{path}, {found[0]} on the host", why, line=arg.line)
    return result


def add(result: Kept, *, path: str, host: str) -> None:
    name = f"host-{len(result.volumes) + 1}"
    kind = "File" if re.search(r"\.\w+$", path) else "Directory"
    result.volumes.append({"name": name, "hostPath": {"path": host, "type": kind}})
    result.mounts.append({"name": name, "mountPath": path, "readOnly": True})


def tell(known: Sequence[Mount], *, used: Mount | None, chip: Chip | None, report: Report) -> None:
    for mount in known:
        if mount is not used:
            report.say(mount.text, purpose(mount, chip), line=mount.line)


def absent(
    env: Iterable[Mapping[str, str]], *, used: Mount | None, known: Sequence[Mount], report: Report
) -> None:
    """Variables with paths of the host: kept, and told, since the pod has no such directory."""
    for item in env:
        path = item["value"]
        found = outside(tidy(path), known) if path.startswith("/") else None
        if found is not None and found[1] is not used:
            why = f"kept, though it points into {found[1].target}, which the pod does not have"
            report.say(f"{item['name']}={path}", why, line=found[1].line)


def purpose(mount: Mount, chip: Chip | None) -> str:
    path = mount.source
    if path.startswith("/dev"):
        return DEVICES
    if any(tidy(own) == path for own in libraries(chip)):
        return "replaced: the chip's profile mounts it"
    if CLOCK.match(path):
        return "left out: the clock of a container is UTC; TZ in server.env changes what it shows"
    if CACHE.match(path) or CACHE.match(mount.target):
        return "left out: the server writes to volumes of the pod's own"
    if LIBRARY.match(path):
        return (
            "left out: files of the host's system; the image, the chip's profile or the device "
            f"plugin bring what is needed; {BY_HAND}"
        )
    return f"left out: nothing in the server's line names it; {BY_HAND}"


def libraries(chip: Chip | None) -> Iterator[str]:
    for volume in chip.volumes if chip else ():
        if "hostPath" in volume:
            yield str(volume["hostPath"].get("path"))  # type: ignore[typeddict-item]
