"""What a server would hold of a copy: for whoever judges whether it fits into the devices."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from flagos_operator.catalog.memory import weights
from flagos_operator.catalog.memory.shape import shape_of

if TYPE_CHECKING:
    from pathlib import Path

    from flagos_operator.fetch.marker import Marker

CONFIG = "config.json"
LONGEST = 8 << 20  # bytes; one that lists each module that is not quantised has some hundred KiB


def held(marker: Marker, *, place: Path) -> dict[str, Any]:
    """`loadedBytes` of the files that an engine would load, and `shape`, as far as known."""
    loaded = weights.of_files({file.path: file.size for file in marker.files})
    found = {"loadedBytes": loaded, "shape": shape(place / CONFIG)}
    return {name: value for name, value in found.items() if value is not None}


def shape(path: Path) -> dict[str, Any] | None:
    try:
        with path.open(encoding="utf-8") as file:
            config = json.loads(file.read(LONGEST))
        return asdict(shape_of(config)) if isinstance(config, dict) else None
    except Exception:  # noqa: BLE001 - files that are all there are not refused for an odd word
        return None
