"""The catalogue's rows and a model's spec, as a choice reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flagos_operator.desired.room import bytes_of, flags_of
from flagos_operator.desired.wish import Candidate, Wish

if TYPE_CHECKING:
    from flagos_operator.api.spec import FlagOSModelSpec
    from flagos_operator.catalog.catalogue import Catalogue, Release


def candidates(catalogue: Catalogue) -> tuple[Candidate, ...]:
    return tuple(candidate(each) for each in catalogue.releases.values())


def candidate(release: Release) -> Candidate:
    said = release.spec
    return Candidate(
        release=release.name,
        model=said.model,
        chip=said.chip,
        devices=said.devices,
        nodes=said.nodes or 1,
        tier=said.tier or "",
        verdict=said.verdict or "",
        published=said.published.date or "",
        image=said.image or "",
        made_for=said.versions.chip,
        flags=flags_of(said.server),
        weights=bytes_of(said.published.size),
        node_selector=said.pod.node_selector,
        tolerations=said.pod.tolerations,
    )


def wish(spec: FlagOSModelSpec) -> Wish | None:
    """None where the spec does not leave the choice to the operator."""
    if spec.model is None:
        return None
    return Wish(
        name=spec.model.name,
        chips=spec.model.chips or ((spec.chip,) if spec.chip else ()),
        by_chip=not spec.model.chips and bool(spec.chip),
        devices=spec.devices,
        resource=spec.device_resource_name,
        image=spec.image or "",
        made_for=spec.versions.chip,
        flags=flags_of(spec.server),
        own_weights=spec.source is not None,
        node_selector=spec.pod.node_selector,
        tolerations=spec.pod.tolerations,
        affinity=spec.pod.affinity or {},
    )
