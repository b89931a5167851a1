"""Where the weights lie: a volume, the directory on it, and the claim if we make one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flagos_operator.desired import names
from flagos_operator.desired.manifest import Manifest, given

if TYPE_CHECKING:
    from flagos_operator.api.source import Hub
    from flagos_operator.api.weights import ClaimTemplate, Weights
    from flagos_operator.desired.asked import Asked

VOLUME = "weights"
MAIN = {"modelscope": "master", "huggingface": "main"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim made for one model. Kept without an owner unless deletion was asked for."""

    size: str
    storage_class: str | None
    access_modes: tuple[str, ...]
    owned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A volume of the pod, and where on it the model lies."""

    volume: Manifest
    directory: str | None


def place(asked: Asked) -> Place:
    if asked.hub is not None:
        return Place(volume=kept(asked), directory=directory(asked, asked.hub))
    return in_place(asked)


def in_place(asked: Asked) -> Place:
    claim = asked.spec.source.persistent_volume_claim
    if claim is not None:
        # readOnly keeps the kubelet from changing the owner of files that are not ours.
        source = {"claimName": claim.claim_name, "readOnly": True}
        volume: Manifest = {"name": VOLUME, "persistentVolumeClaim": source}
        return Place(volume=volume, directory=claim.path)
    path = asked.spec.source.host_path
    return Place(
        volume={"name": VOLUME, "hostPath": host_path(path.path if path else "/")}, directory=None
    )


def kept(asked: Asked) -> Manifest:
    """The volume that a download goes to; an emptyDir where nothing was said."""
    weights = asked.spec.weights
    if weights.host_path is not None:
        return {"name": VOLUME, "hostPath": host_path(weights.host_path.path)}
    name = claim_name(asked)
    if name is not None:
        return {"name": VOLUME, "persistentVolumeClaim": {"claimName": name}}
    limit = weights.empty_dir.size_limit if weights.empty_dir else None
    return {"name": VOLUME, "emptyDir": given({"sizeLimit": limit})}


def host_path(path: str) -> Manifest:
    # Directory: a typing error or the wrong node is an event, not an empty model.
    return {"path": path, "type": "Directory"}


def claim_name(asked: Asked) -> str | None:
    weights = asked.spec.weights
    if weights.persistent_volume_claim is not None:
        return weights.persistent_volume_claim.claim_name
    return names.claim(asked.meta.name) if weights.volume_claim_template else None


def directory(asked: Asked, hub: Hub) -> str:
    if asked.spec.weights.directory is not None:
        return asked.spec.weights.directory
    # A branch may have a slash, and then would lie inside the directory of another one.
    revision = (hub.revision or MAIN[hub_kind(asked)]).replace("/", "--")
    return f"{hub.repo}/{revision}"


def hub_kind(asked: Asked) -> str:
    return "modelscope" if asked.spec.source.modelscope else "huggingface"


def claim(asked: Asked) -> Claim | None:
    template = asked.spec.weights.volume_claim_template
    return None if template is None or asked.hub is None else made(template, asked.spec.weights)


def made(template: ClaimTemplate, weights: Weights) -> Claim:
    return Claim(
        size=template.size,
        storage_class=template.storage_class_name,
        access_modes=template.access_modes or ("ReadWriteOnce",),
        owned=weights.reclaim_policy == "Delete",
    )


def one_node(asked: Asked) -> bool:
    """Whether a second pod may find the volume attached elsewhere; unknown counts as yes."""
    made_here = claim(asked)
    if made_here is not None:
        return "ReadWriteMany" not in made_here.access_modes
    kept_by_user = asked.spec.weights.persistent_volume_claim
    return kept_by_user is not None or asked.spec.source.persistent_volume_claim is not None


def display(asked: Asked) -> str:
    source = asked.spec.source
    if asked.hub is not None:
        return f"{hub_kind(asked)}:{asked.hub.repo}"
    if source.persistent_volume_claim is not None:
        return f"persistentVolumeClaim:{source.persistent_volume_claim.claim_name}"
    return f"hostPath:{source.host_path.path if source.host_path else ''}"
