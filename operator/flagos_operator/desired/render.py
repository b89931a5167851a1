"""Objects from a plan, in the order in which they are applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flagos_operator.desired import labels, names, reclaim, verification
from flagos_operator.desired.manifest import Manifest, given, plain
from flagos_operator.desired.pod import template

if TYPE_CHECKING:
    from flagos_operator.desired.given import Meta
    from flagos_operator.desired.plan import Plan
    from flagos_operator.desired.reclaim import Reclaim
    from flagos_operator.desired.verification import Verification
    from flagos_operator.desired.weights import Claim

# A download may come before the start, and Kubernetes only reports: nothing is undone.
PROGRESS_MARGIN = 600


def render(plan: Plan) -> tuple[Manifest, ...]:
    """Fresh objects at each call: whoever gets them may change them."""
    settings = (fetch_settings(plan),) if plan.fetches else ()
    claims = (claim(plan, plan.claim),) if plan.claim else ()
    removals = (removal(plan, plan.reclaim),) if plan.reclaim else ()
    asked = plan.verification
    looks = (look(plan, asked),) if asked and not asked.done and not asked.impossible else ()
    # A look comes last: where it is refused nothing else waits for it.
    return (*settings, *claims, service(plan), *removals, deployment(plan), *looks)


def metadata(plan: Plan, name: str, *, owned: bool = True) -> Manifest:
    return given(
        {
            "name": name,
            "namespace": plan.meta.namespace,
            "labels": labels.common(plan.meta.name),
            "ownerReferences": owners(plan.meta) if owned else [],
        }
    )


def owners(meta: Meta) -> list[Manifest]:
    """Nobody in an offline rendering, which has no uid: what a stranger owns is collected."""
    owner = {
        "apiVersion": "flagos.io/v1alpha1",
        "kind": "FlagOSModel",
        "name": meta.name,
        "uid": meta.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return [owner] if meta.uid else []


def fetch_settings(plan: Plan) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(plan, names.fetch_settings(plan.meta.name)),
        "data": dict(plan.fetch_settings),
    }


def claim(plan: Plan, claim: Claim) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata(plan, names.claim(plan.meta.name), owned=claim.owned),
        "spec": {
            "accessModes": list(claim.access_modes),
            # Not through `given`: "" asks for no class, absent for the default one.
            **({} if claim.storage_class is None else {"storageClassName": claim.storage_class}),
            "resources": {"requests": {"storage": claim.size}},
        },
    }


def service(plan: Plan) -> Manifest:
    meta = metadata(plan, names.service(plan.meta.name))
    said = plan.service
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            **meta,
            "labels": {**said.labels, **meta["labels"]},
            **given({"annotations": plain(said.annotations)}),
        },
        "spec": {
            "type": said.type,
            "selector": labels.selector(plan.meta.name),
            "ports": [
                {"name": "http", "port": said.port, "targetPort": "http", "protocol": "TCP"}
            ],
        },
    }


def removal(plan: Plan, wanted: Reclaim) -> Manifest:
    """Without an owner: it does its work when the model is gone."""
    meta = metadata(plan, wanted.name, owned=False)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            **meta,
            "labels": {**meta["labels"], labels.JOB: reclaim.VERB},
            "annotations": {labels.MODEL_UID: plan.meta.uid},
        },
        "spec": reclaim.spec(wanted),
    }


def look(plan: Plan, asked: Verification) -> Manifest:
    meta = metadata(plan, asked.name)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**meta, "labels": {**meta["labels"], labels.JOB: verification.VERB}},
        "spec": verification.spec(asked),
    }


def deployment(plan: Plan) -> Manifest:
    meta = metadata(plan, names.deployment(plan.meta.name))
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**meta, "annotations": {labels.TEMPLATE: plan.template}},
        "spec": {
            "replicas": plan.replicas,
            "selector": {"matchLabels": labels.selector(plan.meta.name)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": pace(plan)},
            "progressDeadlineSeconds": plan.budget_seconds + PROGRESS_MARGIN,
            "revisionHistoryLimit": 2,
            "template": template(plan.pod),
        },
    }


def pace(plan: Plan) -> Manifest:
    if plan.surge:
        return {"maxSurge": 1, "maxUnavailable": 0}
    return {"maxSurge": 0, "maxUnavailable": 1}
