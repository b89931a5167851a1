"""The Job that removes a model's directory from a claim that is the user's.

It is made with the model and sleeps, suspended, as long as the model lives: it is the record of
what was promised, so that a deletion is followed also by an operator that was away meanwhile.
Its pod sees the one directory and nothing else of the volume.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from flagos_operator.desired import fetch as fetching
from flagos_operator.desired import labels, names, weights
from flagos_operator.desired.manifest import Manifest, digest, given, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flagos_operator.desired.asked import Asked
    from flagos_operator.desired.pod import Pod

VERB = "reclaim"
# Of the model's placement: what says on which nodes a pod of its may be and what it may be there.
# Not what speaks of other pods, which are gone by then or must not keep this one out.
PLACEMENT = (
    "nodeSelector",
    "tolerations",
    "schedulerName",
    "priorityClassName",
    "runtimeClassName",
    "serviceAccountName",
)
SET_BY_KUBERNETES = ("controller-uid", "job-name")
RETRIES = 6
# A pod may wait for a node or a volume. Who wants the directory meanwhile waits for it, too.
DEADLINE = 24 * 3600
KEPT_SECONDS = 600  # a pod that has ended still keeps its claim from being deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class Reclaim:
    model: str
    uid: str
    claim: str
    directory: str
    image: str
    pull_policy: str
    args: tuple[str, ...]
    placement: Manifest
    pod_security: Manifest
    security: Manifest
    pull_secrets: tuple[str, ...]
    resources: Manifest

    @property
    def name(self) -> str:
        """No template of a Job can change: another one is another Job."""
        return names.reclaim(self.model, digest(template(self))[:8])


def reclaim(asked: Asked, pod: Pod) -> Reclaim | None:
    """Only for a claim that is not made for the model: that one goes as a whole."""
    said = asked.spec.weights
    claim = said.persistent_volume_claim
    if asked.hub is None or pod.fetch is None or claim is None or said.reclaim_policy != "Delete":
        return None
    return Reclaim(
        model=asked.meta.name,
        uid=asked.meta.uid,
        claim=claim.claim_name,
        directory=weights.directory(asked, asked.hub),
        image=asked.defaults.fetch_image,
        pull_policy=asked.defaults.fetch_pull_policy,
        # The words of the download: what that one would not call its own is left alone.
        args=(VERB, *fetching.arguments(asked, asked.hub)[1:]),
        placement=placement(asked, pod),
        pod_security=pod.security,
        security=pod.fetch.security,
        pull_secrets=pod.pull_secrets,
        resources=pod.fetch.resources,
    )


def placement(asked: Asked, pod: Pod) -> Manifest:
    affinity = given({"nodeAffinity": (asked.spec.pod.affinity or {}).get("nodeAffinity")})
    kept = {key: pod.placement[key] for key in PLACEMENT if key in pod.placement}
    return given({**kept, "affinity": affinity})


def spec(reclaim: Reclaim) -> Manifest:
    return {
        "suspend": True,
        "backoffLimit": RETRIES,
        "activeDeadlineSeconds": DEADLINE,
        "ttlSecondsAfterFinished": KEPT_SECONDS,
        "template": template(reclaim),
    }


def template(reclaim: Reclaim) -> Manifest:
    volume = {"claimName": reclaim.claim}
    return plain(
        {
            # No label by which a Service finds a model's own pods, be it ours or the user's.
            "metadata": {
                "labels": {labels.JOB: VERB},
                "annotations": {labels.MODEL_UID: reclaim.uid},
            },
            "spec": given(
                {
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "restartPolicy": "OnFailure",
                    "securityContext": reclaim.pod_security,
                    "imagePullSecrets": [{"name": name} for name in reclaim.pull_secrets],
                    **reclaim.placement,
                    "containers": [container(reclaim)],
                    "volumes": [{"name": weights.VOLUME, "persistentVolumeClaim": volume}],
                }
            ),
        }
    )


def container(reclaim: Reclaim) -> Manifest:
    return {
        "name": VERB,
        "image": reclaim.image,
        "imagePullPolicy": reclaim.pull_policy,
        "args": reclaim.args,
        "resources": reclaim.resources,
        "securityContext": reclaim.security,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {
                "name": weights.VOLUME,
                "mountPath": f"{fetching.ROOT}/{reclaim.directory}",
                "subPath": reclaim.directory,
            }
        ],
    }


def successor(job: Mapping[str, Any], *, image: str) -> Manifest:
    """The same Job, not suspended, with another image; made only if there is none yet."""
    meta, spec = job["metadata"], job["spec"]
    asleep, pod = spec["template"], spec["template"]["spec"]
    words = {
        key: asleep["metadata"]["labels"][key]
        for key in asleep["metadata"]["labels"]
        if not key.startswith("batch.kubernetes.io/") and key not in SET_BY_KUBERNETES
    }
    limits = ("backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished")
    mark = digest({"image": image})[:8]
    return plain(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": names.fitted(f"{meta['name']}-{mark}"),
                "namespace": meta["namespace"],
                "labels": meta["labels"],
                "annotations": {labels.MODEL_UID: meta["annotations"][labels.MODEL_UID]},
                "resourceVersion": "1",  # of an object that must not exist
            },
            "spec": {
                "suspend": False,
                **{key: spec[key] for key in limits if key in spec},
                "template": {
                    "metadata": {**asleep["metadata"], "labels": words},
                    "spec": {**pod, "containers": [{**pod["containers"][0], "image": image}]},
                },
            },
        }
    )


def overlapping(one: str, other: str) -> bool:
    """Whether two places are one, or one lies inside the other; "" is the whole volume."""
    pairs = zip(PurePosixPath(one).parts, PurePosixPath(other).parts, strict=False)
    return all(left == right for left, right in pairs)


def places(pod: Pod) -> Iterable[tuple[str, str]]:
    """(claim, path) that the pods of a model may read; "" is all of the volume."""
    guests = (*pod.init_containers, *pod.containers)
    mounts = (*pod.server.mounts, *(m for each in guests for m in _mounts(each)))
    for mount in mounts:
        if mount["name"] == weights.VOLUME and (claim := _claim(pod.weights)):
            yield claim, mount.get("subPath", "")
    for volume in pod.volumes:
        if claim := _claim(volume):
            yield claim, ""  # mounted as the user likes


def _mounts(container: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return container.get("volumeMounts") or ()


def _claim(volume: Mapping[str, object]) -> str:
    source = volume.get("persistentVolumeClaim")
    return str(source.get("claimName", "")) if isinstance(source, dict) else ""
