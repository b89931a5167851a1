"""Container images from Debian packages, wheels and our own code; no registry, no Docker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.images import hub, operator, previous, revised, vllm
from testbed.images.store import Store
from testbed.shell import TestbedError

if TYPE_CHECKING:
    from pathlib import Path

# A test of upgrades asks for them; a cluster is ready without.
OF_UPGRADES = frozenset({previous.NAME, revised.NAME})


def build_all() -> list[Path]:
    """The archives of the operator, of the server, of the hub and of what upgrades are between.

    Each is made if it is out of date. The operator comes first: nobody who works on it has to wait
    for the rest.
    """
    store = Store.of_this_machine()
    made = [build(store) for build in (operator.build, vllm.build, hub.build, revised.build)]
    return [*made, *build_previous(store)]


def build_previous(store: Store) -> list[Path]:
    """Nothing but the test of upgrades needs it, and that says by itself what is missing."""
    try:
        previous.require(previous.COMMIT)
    except TestbedError as absent:
        store.progress.say(f"without an image to upgrade from: {absent}; cure: {absent.cure}")
        return []
    return [previous.build(store)]
