"""Container images from Debian packages, wheels and our own code; no registry, no Docker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.images import hub, operator, vllm
from testbed.images.store import Store

if TYPE_CHECKING:
    from pathlib import Path


def build_all() -> list[Path]:
    """The archives of the operator, of the server and of the hub, each made if it is out of date.

    The operator comes first: nobody who works on it has to wait for the rest.
    """
    store = Store.of_this_machine()
    return [build(store) for build in (operator.build, vllm.build, hub.build)]
