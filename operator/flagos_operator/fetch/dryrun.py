"""`--dry-run`: what a fetch would do, without a byte written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flagos_operator.fetch import directory, staging
from flagos_operator.fetch.directory import Complete
from flagos_operator.fetch.listing import check_paths, wanted
from flagos_operator.fetch.progress import bytes_below, size

if TYPE_CHECKING:
    from flagos_operator.fetch.download import Tools
    from flagos_operator.fetch.request import Request
    from flagos_operator.fetch.volume import Volume


def plan(request: Request, *, on: Volume, tools: Tools) -> dict[str, Any]:
    directory.check_surroundings(request, on=on)
    found = directory.inspect(request, rehash=request.verify == "Always")
    everything = tools.persistence.insist(tools.open_hub(request).list_files, progress=lambda: 0)
    check_paths(everything.files)
    listing = wanted(everything, include=request.include, exclude=request.exclude)
    waiting = on.staging(request.key)
    here = bytes_below(waiting.tree) + staging.arrived(waiting, listing.files)
    complete = isinstance(found, Complete)
    needed = 0 if complete else max(0, listing.total - here)
    for file in listing.files:
        tools.say(f"{size(file.size):>12}  {file.path}")
    state = "already here and complete" if complete else f"{size(needed)} to fetch"
    tools.say(f"{request.title}: {len(listing.files)} files, {size(listing.total)}; {state}")
    return {
        "reason": "DryRun",
        "source": request.source,
        "repo": request.repo,
        "revision": request.revision,
        "commit": listing.commit,
        "files": len(listing.files),
        "totalBytes": listing.total,
        "neededBytes": needed,
        "freeBytes": on.free(),
        "complete": complete,
    }
