"""A Job that hashes the weights again because somebody asks for it, beside the pods that serve.

It is the model's own download with `--verify Always`: what it finds bad it fetches again, and puts
it in place by a rename. Each text of the annotation asks once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flagos_operator.desired import fetch as fetching
from flagos_operator.desired import labels, names, reclaim, weights
from flagos_operator.desired.manifest import Manifest, digest, given, plain

if TYPE_CHECKING:
    from flagos_operator.desired.asked import Asked
    from flagos_operator.desired.pod import Pod

ANNOTATION = "flagos.io/verify-weights"
VERB = "verify"
RETRIES = 1
DEADLINE = 24 * 3600
KEPT_SECONDS = 24 * 3600
# Why there is none, in the place of a result.
NOTHING_TO_FETCH = (
    "not possible: these weights are served in place, and there is no hub to mend them from; with "
    "weights.verify: Always each start of a pod hashes them against their record"
)
IN_THE_POD = (
    "not possible: the weights lie inside each pod (emptyDir); set weights.verify: Always and "
    "delete a pod to have its successor's hashed"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """`impossible` says why it cannot be; else there is a Job, until it is `done`."""

    model: str
    text: str
    done: bool
    impossible: str = ""
    template: Manifest

    @property
    def name(self) -> str:
        """No template of a Job can change: another one is another Job."""
        return names.verification(self.model, digest(self.template)[:8])


def verification(asked: Asked, pod: Pod) -> Verification | None:
    meta = asked.meta
    if not meta.verify:
        return None
    impossible = objection(asked, pod)
    return Verification(
        model=meta.name,
        text=meta.verify,
        done=meta.verify == meta.verified,
        impossible=impossible,
        template={} if impossible else template(asked, pod),
    )


def objection(asked: Asked, pod: Pod) -> str:
    if asked.hub is None:
        return NOTHING_TO_FETCH
    return IN_THE_POD if "emptyDir" in pod.weights else ""


def spec(verification: Verification) -> Manifest:
    return {
        "backoffLimit": RETRIES,
        "activeDeadlineSeconds": DEADLINE,
        "ttlSecondsAfterFinished": KEPT_SECONDS,
        "template": verification.template,
    }


def template(asked: Asked, pod: Pod) -> Manifest:
    placement = {key: pod.placement[key] for key in reclaim.PLACEMENT if key in pod.placement}
    return plain(
        {
            "metadata": {
                "labels": {labels.JOB: VERB},  # no Service may take it for a server
                "annotations": {ANNOTATION: asked.meta.verify, labels.MODEL_UID: asked.meta.uid},
            },
            "spec": given(
                {
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "restartPolicy": "Never",  # a pod that failed stays, and tells why
                    "securityContext": pod.security,
                    "imagePullSecrets": [{"name": name} for name in pod.pull_secrets],
                    **placement,
                    "affinity": affinity(asked),
                    "containers": containers(pod),
                    "volumes": [
                        pod.weights,
                        {"name": "scratch", "emptyDir": {}},
                        *fetching.volumes(pod.fetch),
                    ],
                }
            ),
        }
    )


def containers(pod: Pod) -> list[Manifest]:
    if pod.fetch is None:
        return []
    return [fetching.container(replace(pod.fetch, args=(*pod.fetch.args, "--verify", "Always")))]


def affinity(asked: Asked) -> Manifest:
    """A volume of one node is with the pods that have it, if there are any."""
    nodes = given({"nodeAffinity": (asked.spec.pod.affinity or {}).get("nodeAffinity")})
    here = weights.one_node(asked) or asked.spec.weights.host_path is not None
    if not here or asked.spec.suspend or not asked.spec.replicas:
        return nodes
    term = {
        "labelSelector": {"matchLabels": labels.selector(asked.meta.name)},
        "topologyKey": "kubernetes.io/hostname",
    }
    return {**nodes, "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
