"""The kinds of the API: what of each the API server is told beside its schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flagos_operator.api.chip import Chip
from flagos_operator.api.release import FlagOSReleaseSpec
from flagos_operator.api.rules import Rule
from flagos_operator.api.spec import NAME, FlagOSModelSpec
from flagos_operator.api.status import FlagOSModelStatus

if TYPE_CHECKING:
    from flagos_operator.api.shape import Shape

GROUP = "flagos.io"
VERSION = "v1alpha1"
READY = '.status.conditions[?(@.type=="Ready")]'
WIDE = {"priority": 1}
AGE = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
CHIP_NAME = Rule(
    cel=(
        "self.metadata.name.size() <= 63 && "
        "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')"
    ),
    message=(
        "metadata.name is what spec.chip of a model says: use only a-z, 0-9 and '-', start and "
        "end with a letter or digit, stay within 63 characters"
    ),
    holds=lambda it: (
        re.fullmatch("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", it["metadata"]["name"]) is not None
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    kind: str
    short: str
    scope: str
    about: str
    means: str  # of spec
    spec: type[Shape]
    columns: tuple[Mapping[str, Any], ...]
    status: type[Shape] | None = None
    name: Rule | None = None
    subresources: Mapping[str, Any] = field(default_factory=dict)

    @property
    def singular(self) -> str:
        return self.kind.lower()

    @property
    def plural(self) -> str:
        return f"{self.singular}s"


def column(name: str, path: str, *, kind: str = "string") -> dict[str, Any]:
    return {"name": name, "type": kind, "jsonPath": path}


MODEL = Definition(
    kind="FlagOSModel",
    short="fom",
    scope="Namespaced",
    about="Serves one model: weights, server and Service in one object.",
    means="The model that is wanted.",
    spec=FlagOSModelSpec,
    status=FlagOSModelStatus,
    name=NAME,
    subresources={
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
    },
    columns=(
        column("Phase", ".status.phase"),
        column("Ready", f"{READY}.status"),
        column("Chip", ".status.resolved.chip"),
        column("Stack", ".status.stack"),
        column("Progress", ".status.progress"),
        column("Reason", f"{READY}.reason"),
        column("URL", ".status.url") | WIDE,
        column("Image", ".status.resolved.image") | WIDE,
        column("Weights", ".status.weights.source") | WIDE,
        AGE,
    ),
)
CHIP = Definition(
    kind="FlagOSChip",
    short="foc",
    scope="Cluster",
    about="How a pod gets one vendor's chip. Models name it in spec.chip.",
    means="What a pod needs for the chip.",
    spec=Chip,
    name=CHIP_NAME,
    columns=(
        column("Resource", ".spec.resourceName"),
        column("Devices/Resource", ".spec.devicesPerResource", kind="integer"),
        column("Memory", ".spec.memoryPerDevice"),
        AGE,
    ),
)
RELEASE = Definition(
    kind="FlagOSRelease",
    short="for",
    scope="Cluster",
    about="One published pair of a model and a chip: what is known to run.",
    means="What was published, in the words of a FlagOSModel.",
    spec=FlagOSReleaseSpec,
    columns=(
        column("Model", ".spec.model"),
        column("Chip", ".spec.chip"),
        column("Tier", ".spec.tier"),
        column("Verdict", ".spec.verdict"),
        column("Image", ".spec.image") | WIDE,
        AGE,
    ),
)
DEFINITIONS = {each.plural: each for each in (MODEL, CHIP, RELEASE)}
