"""The verb `reclaim`: empties the directory of a model that was deleted, and nothing else.

It is given the words of that model's download, and leaves alone what that one would have left
alone: another model's weights, and files of unknown origin. The directory is the root of a mount,
so that the kernel keeps it inside; links are removed and never followed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from flagos_operator.fetch import marker as markers
from flagos_operator.fetch import report
from flagos_operator.fetch.reasons import EXIT_CODES, EXIT_TERMINATED, FetchError, Reason
from flagos_operator.fetch.request import DEFAULT_REVISION, Request, Source
from flagos_operator.fetch.volume import storage_errors, sync_directory

if TYPE_CHECKING:
    import argparse

# The record under another name: no reader takes the directory for complete any more, and a run
# that comes after one that was ended half way knows what it is at.
REMNANT = ".flagos-removing.json"
MOUNTS = Path("/proc/self/mountinfo")
TERMINATION_LOG = Path("/dev/termination-log")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--source", choices=get_args(Source), required=True)
    add("--repo", required=True, metavar="OWNER/NAME")
    add("--revision", help="branch, tag or commit (default: the hub's main branch)")
    add("--destination", type=Path, required=True, metavar="DIR", help="what is to be emptied")
    add("--include", action="append", default=[], metavar="GLOB")
    add("--exclude", action="append", default=[], metavar="GLOB")
    add("--root", type=Path, default=Path("/weights"), metavar="DIR", help="(%(default)s)")


def run(args: argparse.Namespace) -> int:
    # As process 1 of a container nothing else would make SIGTERM end us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    request = Request(
        source=args.source,
        repo=args.repo,
        revision=args.revision or DEFAULT_REVISION[args.source],
        destination=args.destination,
        include=tuple(args.include),
        exclude=tuple(args.exclude),
    )
    try:
        place = args.destination
        check_mount(place, inside=place.relative_to(args.root), mounts=MOUNTS.read_text())
        with storage_errors(place):
            result, code = reclaim(request), 0
    except FetchError as error:
        result, code = report.failure(error), EXIT_CODES[error.reason]
    sys.stderr.write(f"{result['reason']}: {result['message']}\n")
    report.to_termination_log(result, path=TERMINATION_LOG)
    return code


@dataclass(slots=True)
class Tally:
    files: int = 0
    bytes: int = 0


def reclaim(request: Request) -> dict[str, Any]:
    place = request.destination
    if not any(place.iterdir()):
        return _told("Empty", f"{place} is empty")
    record = next((name for name in (markers.NAME, REMNANT) if (place / name).exists()), None)
    marker = markers.loads((place / record).read_text()) if record else None
    if record is None or marker is None or not marker.fits(request):
        holds = marker.title if marker else "files of unknown origin"
        return _told("Kept", f"{place} holds {holds} and not {request.title}: nothing was removed")
    (place / record).rename(place / REMNANT)
    sync_directory(place)
    tally = Tally()
    handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        empty(handle, tally, spare=REMNANT)
    finally:
        os.close(handle)
    (place / REMNANT).unlink(missing_ok=True)
    words = f"{marker.title}: {tally.files} files, {tally.bytes} bytes"
    return _told("Removed", words) | {"files": tally.files, "totalBytes": tally.bytes}


def empty(folder: int, tally: Tally, *, spare: str = "") -> None:
    """By handles and never by paths: a link that comes meanwhile leads nowhere.

    Two may be at it, so what is gone already is no error.
    """
    for entry in list(os.scandir(folder)):
        if entry.name == spare:
            continue
        with contextlib.suppress(FileNotFoundError):
            if entry.is_dir(follow_symlinks=False):
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
                inner = os.open(entry.name, flags, dir_fd=folder)
                try:
                    empty(inner, tally)
                finally:
                    os.close(inner)
                os.rmdir(entry.name, dir_fd=folder)
                continue
            size = entry.stat(follow_symlinks=False).st_size
            os.unlink(entry.name, dir_fd=folder)
            tally.files += 1
            tally.bytes += size


def check_mount(place: Path, *, inside: Path, mounts: str) -> None:
    """Refuses anything but a mount of the very directory.

    A link on the volume could have led the mount to another model's directory; the kernel tells
    where it went.
    """
    found = [line.split()[3:5] for line in mounts.splitlines()]
    roots = [unescaped(root) for root, point in found if unescaped(point) == str(place)]
    if not roots:
        raise FetchError(Reason.INVALID_SOURCE, f"{place} is not mounted by itself")
    if not f"/{roots[-1]}".endswith(f"/{inside}"):
        raise FetchError(
            Reason.DIRECTORY_CONFLICT,
            f"{inside} is a link, and leads to {roots[-1]} on its volume: nothing was removed",
        )


def unescaped(path: str) -> str:
    """Blanks and the like are octal numbers there."""
    return path.encode("latin-1", "surrogateescape").decode("unicode_escape")


def _told(reason: str, message: str) -> dict[str, Any]:
    return {"reason": reason, "message": message}
