"""What a fetch tells at its end, to a person, a script and the operator."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from flagos_operator.fetch.held import held

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from flagos_operator.fetch.download import Outcome
    from flagos_operator.fetch.reasons import FetchError

COMPLETE = "Complete"
MAX_BYTES = 4096  # the kubelet keeps no more of a termination message
MAX_MESSAGE = 1000
FOR_SCRIPTS = ("fetch",)  # a list of files, which may be long
MAX_NAMES = 8


def success(outcome: Outcome, *, revision: str, place: Path) -> dict[str, Any]:
    marker = outcome.marker
    mirror = {"mirror": asdict(marker.mirror)} if marker.mirror else {}
    return {
        "reason": COMPLETE,
        "source": marker.source,
        "repo": marker.repo,
        "revision": revision,
        "commit": marker.commit,
        "totalBytes": marker.total,
        "files": len(marker.files),
        "digest": marker.digest,
        "how": outcome.how,
        **mirror,
        **held(marker, place=place),
        **({"repaired": outcome.repaired[:MAX_NAMES]} if outcome.repaired else {}),
    }


def failure(error: FetchError) -> dict[str, Any]:
    return {"reason": str(error.reason), "message": error.message[:MAX_MESSAGE]}


def to_termination_log(result: Mapping[str, Any], *, path: Path) -> None:
    """One line of JSON. The kubelet makes the file; where there is none, nobody reads it."""
    line = json.dumps({key: value for key, value in result.items() if key not in FOR_SCRIPTS})
    if len(line.encode()) > MAX_BYTES:
        line = json.dumps({**result, "message": str(result.get("message", ""))[:200]})
    try:
        handle = os.open(path, os.O_WRONLY | os.O_TRUNC)
    except OSError:
        return
    with os.fdopen(handle, "w") as file:
        file.write(line + "\n")


SENTENCES = {
    "verified": "complete: every file is as its record says",
    "present": "already here and complete",
    "waited": "complete: another replica has fetched it",
    "fetched": "complete: fetched and verified",
    "repaired": "complete: what was damaged has been fetched again",
}


def sentence(outcome: Outcome, *, place: Path) -> str:
    marker = outcome.marker
    moved = "; a branch that moves on is not followed" if outcome.how == "present" else ""
    by = f", brought by {marker.mirror.endpoint}" if marker.mirror else ""
    return (
        f"{SENTENCES[outcome.how]}: {marker.title} in {place}{by}, {len(marker.files)} files, "
        f"{marker.total} bytes, {marker.digest}{moved}"
    )
