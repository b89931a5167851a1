"""The pod: everything that rolls pods when it changes, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flagos_operator.desired import fetch as fetching
from flagos_operator.desired import labels, security, weights
from flagos_operator.desired import server as serving
from flagos_operator.desired.manifest import Item, Manifest, digest, given, merged, plain
from flagos_operator.desired.placement import placement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flagos_operator.desired.asked import Asked

# NCCL and its kin pass tensors between processes through /dev/shm; one device needs a few MB.
SHARED_MEMORY = "1Gi"
SHARED_MEMORY_OF_MANY = "16Gi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    placement: Manifest
    security: Manifest
    pull_secrets: tuple[str, ...]
    grace_seconds: int
    shared_memory: str
    weights: Manifest
    fetch: fetching.Fetch | None
    server: serving.Server
    volumes: tuple[Item, ...]
    init_containers: tuple[Item, ...]
    containers: tuple[Item, ...]


def pod(asked: Asked) -> Pod:
    said = asked.spec.pod
    place = weights.place(asked)
    wishes = merged(asked.chip.pod_security_context, said.security_context)
    context = security.pod(uid=asked.defaults.operand_uid, wishes=wishes)
    return Pod(
        labels={**said.labels, **labels.common(asked.meta.name), labels.CHIP: asked.spec.chip},
        annotations=said.annotations,
        placement=placement(asked),
        security=context,
        pull_secrets=pull_secrets(asked),
        grace_seconds=serving.PRE_STOP + asked.drain_seconds + serving.MARGIN,
        shared_memory=shared_memory(asked),
        weights=place.volume,
        fetch=fetching.fetch(asked, pod_security=context),
        server=serving.server(asked, place=place, pod_security=context),
        volumes=(*asked.chip.volumes, *said.volumes),
        init_containers=said.init_containers,
        containers=said.containers,
    )


def pull_secrets(asked: Asked) -> tuple[str, ...]:
    said = (item["name"] for item in asked.spec.image_pull_secrets)
    return tuple(dict.fromkeys((*said, *asked.defaults.pull_secrets)))


def shared_memory(asked: Asked) -> str:
    usual = SHARED_MEMORY_OF_MANY if asked.accelerators > 1 else SHARED_MEMORY
    return asked.spec.server.shared_memory or asked.chip.shared_memory or usual


def template(pod: Pod) -> Manifest:
    """The pod template with the digest of itself: pods of one digest are of one decision."""
    bare = plain(
        {
            "metadata": given({"labels": pod.labels, "annotations": pod.annotations}),
            "spec": spec(pod),
        }
    )
    stamped = {**pod.annotations, labels.TEMPLATE: digest(bare)}
    return {**bare, "metadata": {**bare["metadata"], "annotations": stamped}}


def spec(pod: Pod) -> Manifest:
    return given(
        {
            "automountServiceAccountToken": False,
            # A Service named vllm would set VLLM_PORT=tcp://..., and vLLM dies of it.
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": pod.grace_seconds,
            "securityContext": pod.security,
            "imagePullSecrets": [{"name": name} for name in pod.pull_secrets],
            **pod.placement,
            "initContainers": [*pod.init_containers, *fetchers(pod)],
            "containers": [serving.container(pod.server), *pod.containers],
            "volumes": volumes(pod),
        }
    )


def fetchers(pod: Pod) -> list[Manifest]:
    return [fetching.container(pod.fetch)] if pod.fetch else []


def volumes(pod: Pod) -> list[Item]:
    memory = {"medium": "Memory", "sizeLimit": pod.shared_memory}
    return [
        pod.weights,
        {"name": "scratch", "emptyDir": {}},
        {"name": "shm", "emptyDir": memory},
        *fetching.volumes(pod.fetch),
        *pod.volumes,
    ]
