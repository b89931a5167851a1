"""Whether the weights and one request fit into the devices, where enough is known to say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flagos_operator.api.quantities import amount
from flagos_operator.catalog.memory.estimate import estimate
from flagos_operator.catalog.memory.shape import shape_of
from flagos_operator.desired.fits import load
from flagos_operator.documents import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flagos_operator.catalog.memory.estimate import Estimate
    from flagos_operator.desired.asked import Asked

# An engine loads the first of these that it finds.
LOADED = (".safetensors", ".bin", ".pt", ".pth", ".gguf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the user brings: a config.json, weights in a directory, the memory of a device."""

    config: Mapping[str, Any] | None = None
    weights: int | None = None  # bytes of the files that an engine loads
    device_memory: int | None = None


def evidence(path: str | None, *, device_memory: str | None) -> Evidence:
    memory = bytes_of(device_memory) if device_memory else None
    if path is None:
        return Evidence(device_memory=memory)
    given = Path(path)
    if not given.is_dir():
        return Evidence(config=config_of(given), device_memory=memory)
    return Evidence(
        config=config_of(given / "config.json"),
        weights=weights_in(given),
        device_memory=memory,
    )


def weights_in(directory: Path) -> int | None:
    """None where there are none: a repository may hold them in more than one form."""
    for suffix in LOADED:
        if files := list(directory.glob(f"*{suffix}")):
            return sum(file.stat().st_size for file in files)
    return None


def config_of(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as wrong:
        raise UnreadableError(f"--config {path}: {wrong}") from wrong
    if not isinstance(found, dict):
        raise UnreadableError(f"--config {path}: expected an object as in a model's config.json")
    return found


def bytes_of(text: str) -> int:
    found = amount(text)
    if found is not None and found > 0:
        return int(found)
    raise UnreadableError(f"--device-memory {text}: write a number and a unit, e.g. 80Gi or 64G")


def estimated(asked: Asked, *, evidence: Evidence) -> Estimate | None:
    """Nothing where no device holds it, or nothing was brought to judge by."""
    if not asked.devices or evidence.config is None:
        return None
    known = load(
        asked,
        device_memory=evidence.device_memory or of_chip(asked),
        shape=shape_of(evidence.config),
        weights=evidence.weights,
        counted=evidence.weights is not None,
    )
    return estimate(known)


def of_chip(asked: Asked) -> int | None:
    said = asked.chip.memory_per_device
    return bytes_of(said) if said else None
