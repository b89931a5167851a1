"""`--dry-run`: what a fetch would do, without a byte written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flagos_operator.fetch import directory, mirrors, staging
from flagos_operator.fetch.directory import Complete, Damaged
from flagos_operator.fetch.listing import check_paths, wanted
from flagos_operator.fetch.progress import size

if TYPE_CHECKING:
    from flagos_operator.fetch.directory import Empty
    from flagos_operator.fetch.hub import Hub
    from flagos_operator.fetch.listing import Listing, RemoteFile
    from flagos_operator.fetch.request import Request
    from flagos_operator.fetch.tools import Tools
    from flagos_operator.fetch.volume import Staging, Volume


def plan(request: Request, *, on: Volume, tools: Tools) -> dict[str, Any]:
    directory.check_surroundings(request, on=on)
    found = directory.inspect(request, rehash=request.verify == "Always")
    asked, listing = mirrors.serve(request, tools=tools, work=_listed)
    room = on.staging(request.key)
    missing = {file.path: _missing(file, found, room) for file in listing.files}
    needed = sum(left or 0 for left in missing.values())
    for file in listing.files:
        tools.say(f"{size(file.size):>12}  {file.path}{_here(file, missing[file.path])}")
    complete = isinstance(found, Complete)
    state = "already here and complete" if complete else f"{size(needed)} to fetch"
    tools.say(f"{asked.title}: {len(listing.files)} files, {size(listing.total)}; {state}")
    return {
        "reason": "DryRun",
        "source": asked.source,
        "repo": asked.repo,
        "revision": asked.revision,
        "commit": listing.commit,
        "endpoint": asked.hub,
        "files": len(listing.files),
        "totalBytes": listing.total,
        "hereBytes": listing.total - needed,
        "neededBytes": needed,
        "freeBytes": on.free(),
        "complete": complete,
        "fetch": [
            {"path": file.path, "bytes": file.size, "neededBytes": missing[file.path]}
            for file in listing.files
            if missing[file.path] is not None
        ],
    }


def _listed(hub: Hub, tools: Tools) -> tuple[Request, Listing]:
    everything = tools.persistence.insist(hub.list_files, progress=lambda: 0)
    check_paths(everything.files)
    asked = hub.request
    return asked, wanted(everything, include=asked.include, exclude=asked.exclude)


def _missing(file: RemoteFile, found: Complete | Damaged | Empty, room: Staging) -> int | None:
    """How many bytes of it would be fetched; None of a file that is here."""
    if isinstance(found, Complete):
        return None
    if isinstance(found, Damaged) and file.path not in {bad.path for bad in found.bad}:
        return None
    if (room.tree / file.path).is_file():
        return None
    return file.size - staging.arrived(room, [file])


def _here(file: RemoteFile, missing: int | None) -> str:
    if missing is None:
        return "  (here)"
    return f"  ({size(file.size - missing)} of it here)" if missing < file.size else ""
