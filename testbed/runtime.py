"""Container images: from the archives in the cache into the node's containerd.

Containerd's own store says what is there, so nothing can disagree with it. The store is kept
between clusters: importing a serving image takes half a minute.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testbed.shell import attempt, run

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from testbed.settings import Settings
    from testbed.terminal import Progress

LARGE = 100 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """An image archive and what is written beside it: the image's name and manifest digest."""

    path: Path
    name: str
    digest: str


def answers(settings: Settings) -> bool:
    return attempt(*ctr(settings), "version").returncode == 0


def ctr(settings: Settings) -> tuple[str, ...]:
    return ("ctr", "--address", str(settings.containerd_socket), "--namespace", "k8s.io")


def import_new(
    settings: Settings,
    progress: Progress,
    *,
    only: frozenset[str] = frozenset(),
    but: frozenset[str] = frozenset(),
) -> None:
    present = images(run(*ctr(settings), "images", "list"))
    for archive in wanted(archives(settings.images), only=only, but=but):
        if present.get(archive.name) != archive.digest:
            import_archive(settings, archive=archive, progress=progress)


def wanted(
    found: Iterable[Archive], *, only: frozenset[str], but: frozenset[str]
) -> list[Archive]:
    """Without `only`, all of them."""
    return [each for each in found if (not only or each.name in only) and each.name not in but]


def import_archive(settings: Settings, *, archive: Archive, progress: Progress) -> None:
    command = (*ctr(settings), "images", "import", str(archive.path))
    if archive.path.stat().st_size < LARGE:
        run(*command)
        return
    with progress.step(f"importing {archive.name}", usually="5 to 25 s"):
        run(*command)


def archives(directory: Path) -> list[Archive]:
    return [read_archive(path) for path in sorted(directory.glob("*.tar")) if stamp(path).exists()]


def read_archive(path: Path) -> Archive:
    written = json.loads(stamp(path).read_text())
    return Archive(path=path, name=written["name"], digest=written["digest"])


def stamp(path: Path) -> Path:
    """Written after the archive: one without it is not whole yet."""
    return path.with_suffix(".json")


def images(listing: str) -> dict[str, str]:
    """Name and digest, from columns that begin REF TYPE DIGEST."""
    rows = (line.split() for line in listing.splitlines()[1:])
    return {row[0]: row[2] for row in rows}
