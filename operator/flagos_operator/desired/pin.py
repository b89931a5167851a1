"""The rows that a model is made from, kept beside it: an edit of a row rolls no pod by itself.

It is a ControllerRevision, as other controllers of Kubernetes keep what they roll back to. Its
name is a function of what it holds, so writing it twice is harmless.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flagos_operator.desired import labels, names
from flagos_operator.desired.manifest import Manifest, digest
from flagos_operator.desired.render import owners

if TYPE_CHECKING:
    from flagos_operator.catalog.rows import Row, Rows
    from flagos_operator.desired.given import Meta


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    meta: Meta
    rows: Rows
    revision: int
    restarted: str  # the restart of the Deployment by which they came, or that they outlived
    proven: bool = True  # pods made from them have been ready


def manifest(pin: Pin) -> Manifest:
    data = {"chip": written(pin.rows.chip)}
    if pin.rows.release:
        data["release"] = written(pin.rows.release)
    # The uid keeps apart what a deleted model of the same name has left.
    told = {
        **({labels.RESTARTED: pin.restarted} if pin.restarted else {}),
        **({} if pin.proven else {labels.UNPROVEN: "true"}),
    }
    mark = digest({"uid": pin.meta.uid, **data})[:10]
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": names.pin(pin.meta.name, mark),
            "namespace": pin.meta.namespace,
            "labels": labels.common(pin.meta.name),
            **({"annotations": told} if told else {}),
            "ownerReferences": owners(pin.meta),
        },
        "revision": pin.revision,
        "data": data,
    }


def written(row: Row) -> Manifest:
    return {"name": row.name, "spec": row.fields}
