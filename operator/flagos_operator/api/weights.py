"""Where the weights are kept, and how they get there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from flagos_operator.api.managed import fetch_env
from flagos_operator.api.passthrough import EnvList, Open, Resources
from flagos_operator.api.references import ClaimReference
from flagos_operator.api.rules import (
    Transition,
    at_most_one,
    needs,
    reserved_path,
    stays_inside,
)
from flagos_operator.api.shape import SET, AbsolutePath, ContainerPath, Quantity, Shape, Written

Directory = Annotated[
    str,
    Field(max_length=512),
    Written(
        r"^[A-Za-z0-9_][A-Za-z0-9._+@-]*(/[A-Za-z0-9_][A-Za-z0-9._+@-]*)*$",
        "write a path inside the volume whose parts start with a letter, a digit or _, "
        "e.g. models/qwen",
    ),
]
AccessMode = Literal["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"]


class HostPathVolume(Shape):
    rules = (stays_inside("path"),)

    path: AbsolutePath = Field(description="Directory on the node, e.g. /share. It must exist.")


def unchanged(field: str) -> Transition:
    # `has` in pairs: optional chaining costs more than a whole schema may.
    return Transition(
        cel=(
            f"has(self.{field}) == has(oldSelf.{field}) && "
            f"(!has(self.{field}) || self.{field} == oldSelf.{field})"
        ),
        message=(
            f"{field} of a claim cannot change: keep it, or make a new claim and name it in "
            "weights.persistentVolumeClaim"
        ),
        field=field,
    )


class ClaimTemplate(Shape):
    rules = (
        unchanged("storageClassName"),
        unchanged("accessModes"),
    )

    size: Quantity = Field(
        description=(
            "Size of the volume, e.g. 100Gi. It may grow later where the class allows it. "
            "No claim shrinks: the model serves on, and its status says so."
        )
    )
    storage_class_name: str | None = Field(
        None,
        description='Storage class. Default: the cluster\'s default class; "" asks for none.',
        pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$",
        max_length=253,
    )
    access_modes: (
        Annotated[tuple[AccessMode, ...], Field(min_length=1, max_length=3), SET] | None
    ) = Field(
        None,
        description=(
            "Access modes of the claim. Default: [ReadWriteOnce]. "
            "Several pods on several nodes need ReadWriteMany."
        ),
    )


class EmptyDirVolume(Shape):
    size_limit: Quantity | None = Field(
        None, description="Largest size, e.g. 40Gi; above it the pod is evicted. Default: none."
    )


class Weights(Shape):
    rules = (
        at_most_one("hostPath", "persistentVolumeClaim", "volumeClaimTemplate", "emptyDir"),
        needs(
            ("reclaimPolicy",),
            one_of=("volumeClaimTemplate", "persistentVolumeClaim"),
            message=(
                "reclaimPolicy is about volumeClaimTemplate and persistentVolumeClaim: remove it; "
                "an emptyDir goes with its pod, and of a hostPath the operator removes nothing"
            ),
        ),
        stays_inside("mountPath"),
        reserved_path("mountPath", ("/tmp", "/dev/shm")),  # noqa: S108
    )

    host_path: HostPathVolume | None = Field(
        None, description="Keep the weights in a directory of the node."
    )
    persistent_volume_claim: ClaimReference | None = Field(
        None, description="Keep the weights on an existing claim; several models may share it."
    )
    volume_claim_template: ClaimTemplate | None = Field(
        None, description="Keep the weights on a claim <name>-weights made for this model."
    )
    empty_dir: EmptyDirVolume | None = Field(
        None,
        description="Keep the weights as long as the pod lives. This is the default.",
    )
    directory: Directory | None = Field(
        None,
        description=(
            "Directory on the volume that receives the files, e.g. MiniCPMO45. "
            "Default: <owner>/<name>/<revision> of the source. "
            "A directory that holds another repository is never overwritten."
        ),
    )
    mount_path: ContainerPath | None = Field(
        None,
        description=(
            "Model directory inside the server's container. Default: /models/<name>. "
            "Compile caches depend on it, so it stays the same across revisions."
        ),
    )
    reclaim_policy: Literal["Retain", "Delete"] | None = Field(
        None,
        description=(
            "What happens to the weights when the model is deleted. Delete removes the claim of "
            "volumeClaimTemplate, once no other model uses it; of persistentVolumeClaim, which "
            "is yours, it empties directory alone, if no other model uses that. Default: Retain."
        ),
    )
    verify: Literal["OnChange", "Always"] | None = Field(
        None,
        description=(
            "When to check every file's checksum: OnChange is after a download or when size or "
            "time of a file changed, Always is at each start of a pod. Weights that are served in "
            "place are checked only if this is set, against the record .flagos.json beside them. "
            "Default: OnChange for a download."
        ),
    )


class Fetch(Shape):
    rules = tuple(fetch_env())

    env: EnvList = Field(
        (),
        description=(
            "Environment of the download container, e.g. a proxy. "
            "A failing download reads it again on each retry."
        ),
    )
    resources: Resources | None = Field(
        None,
        description=(
            "CPU and memory of the download container. Default: set by the operator, "
            "so that namespaces with a quota accept it."
        ),
    )
    security_context: Open | None = Field(
        None,
        description=(
            "Security context of the download container, merged by key over the default, "
            "e.g. {runAsUser: 0} for a host directory that belongs to root."
        ),
    )
