"""The custom resource, typed: what a user may write about one model."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from flagos_operator.api import quantities
from flagos_operator.api.choice import ChipName, Choice, ReleaseName
from flagos_operator.api.faults import broken, path, shortened, structural
from flagos_operator.api.flagos import FlagOS
from flagos_operator.api.outcome import Invalid
from flagos_operator.api.passthrough import PullSecretList
from flagos_operator.api.pod import Pod
from flagos_operator.api.rules import Raw, Rule, at_most_one, present
from flagos_operator.api.sent import as_sent
from flagos_operator.api.server import Server
from flagos_operator.api.service import Service
from flagos_operator.api.shape import ResourceName, Shape, Written
from flagos_operator.api.source import Source
from flagos_operator.api.weights import Fetch, Weights

NAME_LENGTH = 52  # a pod's name adds two hashes, and a host name ends at 63

Version = Annotated[str, Field(pattern=r"^[0-9][0-9A-Za-z.+_-]*$", max_length=64)]

Image = Annotated[
    str,
    Field(max_length=1024),
    Written(
        r"^[^\s]+$",
        "write the image's name, without spaces, e.g. registry.example/flagos/vllm:1.0",
    ),
]


class Versions(Shape):
    vllm: Version | None = Field(None, description="Version of vLLM, e.g. 0.13.0.")
    sglang: Version | None = Field(None, description="Version of SGLang, e.g. 0.5.11.")
    vllm_plugin_fl: Version | None = Field(
        None, description="Version of vllm-plugin-FL, e.g. 0.2.0.", alias="vllmPluginFL"
    )
    flag_gems: Version | None = Field(None, description="Version of FlagGems, e.g. 4.2.1rc0.")
    flag_tree: Version | None = Field(None, description="Version of FlagTree, e.g. 0.4.")
    flag_cx: Version | None = Field(
        None, description="Version of FlagCX, e.g. 0.1.0.", alias="flagCX"
    )
    chip: ChipName | None = Field(
        None,
        description=(
            "Chip that the image is made for, e.g. metax: for an image whose name says another. "
            "Default: what the name says, if it says it clearly."
        ),
    )


class Startup(Shape):
    budget_seconds: int | None = Field(
        None,
        description=(
            "Seconds from the server's start until it must be healthy, e.g. 3600 for a cold "
            "start that compiles; after that it is killed and tried again. Default: computed "
            "from the chip, the mode and the size of the volume (docs/status.md)."
        ),
        ge=1,
        le=86400,
    )
    stall_seconds: int | None = Field(
        None,
        description=(
            "Seconds that the log of a starting server may say nothing, from its start on, before "
            "the model is told Stalled, e.g. 600; no pod is touched for it. Default: by the step "
            "of the start and the chip, 10 minutes at least; with engine Custom a log that has "
            "said nothing at all is not judged (docs/status.md). Never rolls pods."
        ),
        ge=10,
        le=86400,
    )


INVALID = "InvalidSpec"

# The three ways to say what is served: one of these, or all of SPELLED.
CHOICES = ("release", "model")
SPELLED = ("source", "image", "chip")


def spelled(field: str, *, what: str) -> Rule:
    """Not `required` in the schema: this says what to write, and a release may have it."""
    others = [other for other in SPELLED if other != field]
    return Rule(
        cel=(
            f"{present((*CHOICES, field))}.exists(given, given) || "
            f"!{present(others)}.exists(given, given)"
        ),
        message=f"set {field}: {what}; without a release it takes all of source, image and chip",
        holds=lambda it: bool(it.keys() & {*CHOICES, field}) or not it.keys() & {*others},
        field=field,
    )


COMPLETE = (
    Rule(
        cel=f"{present((*CHOICES, *SPELLED))}.exists(given, given)",
        message=(
            "set release, or model, or all of source, image and chip: a published model is "
            "{release: minicpm-o-4.5-nvidia} or {model: {name: MiniCPM-o-4.5}}"
        ),
        holds=lambda it: bool(it.keys() & {*CHOICES, *SPELLED}),
    ),
    spelled("source", what="where the weights come from, e.g. {modelscope: {repo: owner/name}}"),
    spelled("image", what="the image of the server, with the FlagOS stack for the chip inside"),
    spelled("chip", what="the chip profile to run on, e.g. nvidia, ascend, metax or cpu"),
    at_most_one(*CHOICES, why=": a release is one published row, model chooses among them"),
)
NAME = Rule(
    cel=(
        f"self.metadata.name.size() <= {NAME_LENGTH} && "
        "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')"
    ),
    message=(
        "metadata.name becomes the name of the Service: start with a letter, use only a-z, 0-9 "
        f"and '-', end with a letter or digit, stay within {NAME_LENGTH} characters"
    ),
    holds=lambda it: (
        len(it["metadata"]["name"]) <= NAME_LENGTH
        and re.fullmatch("[a-z]([-a-z0-9]*[a-z0-9])?", it["metadata"]["name"]) is not None
    ),
)
IN_PLACE = (
    "has(self.source) && (has(self.source.persistentVolumeClaim) || has(self.source.hostPath))"
)
# What a download needs; of a model that is served in place only mountPath and verify can be said.
DOWNLOAD_FIELDS = (
    "hostPath",
    "persistentVolumeClaim",
    "volumeClaimTemplate",
    "emptyDir",
    "directory",
    "reclaimPolicy",
)


def in_place(spec: Raw) -> bool:
    return bool(spec.get("source", {}).keys() & {"persistentVolumeClaim", "hostPath"})


class FlagOSModelSpec(Shape):
    rules = (
        *COMPLETE,
        Rule(
            cel=(
                f"!({IN_PLACE}) || !has(self.weights) || "
                f"!{present(DOWNLOAD_FIELDS, of='self.weights')}.exists(given, given)"
            ),
            message=(
                "weights of source.persistentVolumeClaim and source.hostPath are served in "
                "place: remove all of weights but mountPath and verify"
            ),
            holds=lambda it: (
                not in_place(it) or not it.get("weights", {}).keys() & set(DOWNLOAD_FIELDS)
            ),
            field="weights",
        ),
        Rule(
            cel=(
                f"!({IN_PLACE}) || !has(self.fetch) || "
                "(has(self.weights) && has(self.weights.verify))"
            ),
            message=(
                "source.persistentVolumeClaim and source.hostPath are served in place, "
                "nothing is downloaded: remove fetch, or set weights.verify to have them checked"
            ),
            holds=lambda it: (
                not in_place(it) or "fetch" not in it or "verify" in it.get("weights", {})
            ),
            field="fetch",
        ),
    )

    release: ReleaseName | None = Field(
        None,
        description=(
            "A published row to serve: a FlagOSRelease, e.g. minicpm-o-4.5-nvidia. It says chip, "
            "image, source and how to serve it; what this spec says itself wins "
            "(docs/resolution.md)."
        ),
    )
    model: Choice | None = Field(
        None,
        description=(
            "A published model by name: of the rows that serve it, one is chosen by the "
            "chips that the cluster has, and kept."
        ),
    )
    chip: ChipName | None = Field(
        None,
        description=(
            "Chip profile to run on, e.g. nvidia, ascend, metax, cpu. Default: the release's."
        ),
    )
    devices: int | None = Field(
        None,
        description="Devices per pod, 0 for none. Default: 1 where the chip has devices.",
        ge=0,
        le=1024,
    )
    device_resource_name: ResourceName | None = Field(
        None,
        description=(
            "Resource to ask for instead of the chip's, e.g. nvidia.com/mig-1g.10gb. "
            "Default: the chip's."
        ),
    )
    nodes: int | None = Field(
        None,
        description=(
            "Nodes that one replica is spread over. More than one is refused for now, also where "
            "a release says it. Default: 1."
        ),
        ge=1,
        le=1024,
    )
    image: Image | None = Field(
        None,
        description=(
            "Image of the server, with the FlagOS stack for the chip inside. Default: the "
            "release's."
        ),
    )
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = Field(
        None,
        description=(
            "When to pull the image. Default: as Kubernetes does, Always for :latest or no tag, "
            "else IfNotPresent."
        ),
    )
    image_pull_secrets: PullSecretList = Field(
        (), description="Secrets for a registry that asks for a login, e.g. [{name: harbor}]."
    )
    versions: Versions = Field(
        Versions(),
        description=(
            "Versions of what the image holds, where its name does not tell or lies. "
            "An unknown version means that no flag depending on it is rendered."
        ),
    )
    source: Source | None = Field(
        None,
        description="Where the weights come from: exactly one place. Default: the release's.",
    )
    weights: Weights = Field(
        Weights(), description="Where downloaded weights are kept. Default: in the pod (emptyDir)."
    )
    fetch: Fetch = Field(Fetch(), description="The container that downloads the weights.")
    flagos: FlagOS = Field(FlagOS(), description="The FlagOS stack inside the server.")
    server: Server = Field(
        Server(), description="The serving process: engine, arguments, environment, resources."
    )
    startup: Startup = Field(Startup(), description="How long a start may take.")
    replicas: int = Field(1, description="Pods to run. `kubectl scale` works.", ge=0, le=10000)
    suspend: bool | None = Field(
        None, description="Stop all pods and keep everything else. Default: false."
    )
    service: Service = Field(Service(), description="The Service in front of the pods.")
    pod: Pod = Field(
        Pod(),
        description="Fields of the pod under Kubernetes' own names, added to what is rendered.",
    )


class CompleteSpec(FlagOSModelSpec):
    """Nothing is left to a release: what can be decided and rendered."""

    chip: ChipName
    image: Image
    source: Source


def parse(raw: Mapping[str, Any]) -> FlagOSModelSpec | Invalid:
    """Type a whole custom resource. What a user did wrong comes back as a value."""
    metadata, spec = raw.get("metadata") or {}, raw.get("spec") or {}
    if not isinstance(spec, Mapping) or not isinstance(metadata, Mapping):
        return Invalid(reason=INVALID, message="metadata and spec: must be of type object")
    try:
        return typed(as_sent(spec), name=str(metadata.get("name", "")))
    except RecursionError:
        return Invalid(reason=INVALID, message="spec: nested too deeply: write less of it")


def stopped_by(raw: Mapping[str, Any]) -> str:
    """The field, said so plainly that it counts, whatever is wrong with the rest of the spec."""
    spec = raw.get("spec")
    if not isinstance(spec, Mapping):
        return ""
    if spec.get("suspend") is True:
        return "suspend"
    replicas = spec.get("replicas")
    return "replicas" if type(replicas) is int and replicas == 0 else ""


def typed(sent: Raw, *, name: str) -> FlagOSModelSpec | Invalid:
    shape = CompleteSpec if sent.keys() >= {*SPELLED} else FlagOSModelSpec
    try:
        # From JSON, where a list is what a tuple is made from and a number is not a string.
        model = shape.model_validate_json(json.dumps(sent))
    except ValidationError as error:
        missing = [rule for rule in COMPLETE if not rule.holds(sent)]
        faults = [
            *(f"{path([rule.field] if rule.field else [])}: {rule.message}" for rule in missing),
            *structural(error, shape=FlagOSModelSpec),
        ]
        return Invalid(reason=INVALID, message=shortened(faults))
    faults = [*broken(sent, shape=FlagOSModelSpec), *quantities.faults(sent)]
    if not NAME.holds({"metadata": {"name": name}}):
        faults.insert(0, NAME.message)
    return Invalid(reason=INVALID, message=shortened(faults)) if faults else model
