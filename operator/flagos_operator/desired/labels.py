"""Labels that every child carries, and the two of them that select."""

from __future__ import annotations

from flagos_operator.desired.names import fitted

MANAGER = "flagos-operator"
MODEL = "flagos.io/model"
CHIP = "flagos.io/chip"  # on pods
JOB = "flagos.io/job"  # what a Job is for; its pods have no label of a model's own pods
MODEL_UID = "flagos.io/model-uid"  # an annotation: whose Job it is, though it outlives that one
TEMPLATE = "flagos.io/template"  # an annotation: which decision a pod was made from
UNPROVEN = "flagos.io/unproven"  # likewise: no pod made from it has been ready yet
RESTARTED = "flagos.io/restarted"  # an annotation: the restart that a pin has seen


def selector(model: str) -> dict[str, str]:
    """Never more than this: the selector of a Deployment cannot change."""
    return {"app.kubernetes.io/managed-by": MANAGER, MODEL: fitted(model)}


def common(model: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "flagosmodel",
        "app.kubernetes.io/instance": fitted(model),
        **selector(model),
    }
