"""The chips and releases that count: the cluster's, with what is shipped behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flagos_operator.cluster.kinds import ROWS
from flagos_operator.cluster.rows import Rows
from flagos_operator.errors import Forbidden, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flagos_operator.catalog.catalogue import Catalogue
    from flagos_operator.cluster.client import Client
    from flagos_operator.cluster.kinds import Resource

NEWEST = 2**63


async def catalogue(
    client: Client, *, own_chips: Mapping[str, Any] | None
) -> tuple[Catalogue, tuple[str, ...]]:
    """With what had to be left out."""
    rows, notes = Rows(own_chips=own_chips), list[str]()
    for kind in ROWS:
        try:
            rows.listed(kind, await listed(client, kind), version=NEWEST)
        except (Forbidden, NotFound) as why:
            notes.append(f"{kind.name}s cannot be read, so those that are shipped count: {why}")
    return rows.catalogue, tuple(notes)


async def listed(client: Client, kind: Resource) -> list[dict[str, Any]]:
    chunks = [chunk async for chunk in client.list(kind, namespace="")]
    return [item for chunk in chunks for item in chunk.get("items") or ()]
