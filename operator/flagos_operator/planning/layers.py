"""Every field of a model as it was decided, and who said so.

model       the object itself
release     the published row that it names or that was chosen for it
chip        the profile of its chip
image name  versions that only the name of the image tells
operator    a default, or a setting of the operator's
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flagos_operator.api.faults import shapes_of
from flagos_operator.api.spec import CompleteSpec
from flagos_operator.desired import flagos, weights
from flagos_operator.desired.pod import template

if TYPE_CHECKING:
    from flagos_operator.api.shape import Shape
    from flagos_operator.desired.asked import Asked
    from flagos_operator.desired.plan import Plan

MODEL, RELEASE, CHIP, IMAGE, OPERATOR = "model", "release", "chip", "image name", "operator"
VERSIONS = {
    "vllm": "vllm",
    "sglang": "sglang",
    "vllm_plugin_fl": "vllmPluginFL",
    "flag_gems": "flagGems",
    "flag_tree": "flagTree",
    "flag_cx": "flagCX",
}
VOLUMES = ("hostPath", "persistentVolumeClaim", "volumeClaimTemplate", "emptyDir")
# In the row of `source`, which has no more of it; and each variable in a row of its own.
SHOWN = {"source.modelscope.repo", "source.huggingface.repo", "source.hostPath", "server.env"}
Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    path: str
    value: str
    layer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Layered:
    asked: Asked
    plan: Plan
    own: Fields  # the model's spec as it was written
    release: Fields  # what its row says to a model; empty without one

    def fields(self) -> tuple[Field, ...]:
        parts = (self.place, self.software, self.weights, self.stack, self.server, self.pod)
        told = [field for part in parts for field in part()]
        return (*told, *self.more({field.path for field in told}))

    def more(self, told: AbstractSet[str]) -> Iterator[Field]:
        """What was said and has no row of its own above, so that nobody's word is missing."""
        said = self.asked.spec.model_dump(by_alias=True, exclude_unset=True)
        for path, value in leaves(said, shape=CompleteSpec, done=told - {"source"} | SHOWN):
            yield self.field(path, value)

    def place(self) -> Iterator[Field]:
        asked = self.asked
        yield self.field("chip", asked.spec.chip)
        yield self.field("devices", asked.devices)
        if asked.devices:
            resource = asked.resource_name or "none: privileged, all devices of the node"
            yield self.field("deviceResourceName", resource, chip=True)

    def software(self) -> Iterator[Field]:
        yield self.field("image", self.plan.image)
        for name, path in VERSIONS.items():
            if found := getattr(self.asked.versions, name):
                yield self.field(f"versions.{path}", found, otherwise=IMAGE)

    def weights(self) -> Iterator[Field]:
        yield self.field("source", self.plan.source)
        if self.asked.hub is not None:
            said = {**self.release.get("weights", {}), **self.own.get("weights", {})}
            volume = next((each for each in VOLUMES if each in said), "emptyDir")
            yield self.field(f"weights.{volume}", written(said.get(volume, {})))
            directory = weights.directory(self.asked, self.asked.hub)
            yield self.field("weights.directory", directory)
        yield self.field("weights.mountPath", self.asked.mount_path)

    def stack(self) -> Iterator[Field]:
        asked, chips = self.asked, self.asked.chip.flagos
        yield self.field("flagos.mode", asked.mode or "none", chip=chips.mode is not None)
        lists = flagos.operators(asked).model_dump(by_alias=True, exclude_none=True)
        for name, operators in lists.items():
            of_chip = asked.mode == "FlagOS" and bool(chips.operators.model_fields_set)
            yield self.field(f"flagos.operators.{name}", ", ".join(operators), chip=of_chip)
        for path, value, chip in (
            ("flagos.prefer", flagos.preferred(asked), chips.prefer),
            (
                "flagos.flagcxPath",
                asked.spec.flagos.flagcx_path or chips.flagcx_path,
                chips.flagcx_path,
            ),
        ):
            if value:
                yield self.field(path, value, chip=bool(chip))

    def server(self) -> Iterator[Field]:
        asked, said = self.asked, self.asked.spec.server
        yield self.field("server.engine", asked.engine)
        yield self.field("server.port", asked.port)
        yield self.field("server.servedModelNames", ", ".join(asked.served_model_names))
        if asked.engine != "Custom":
            yield self.field("server.tensorParallelSize", asked.tensor_parallel)
        for path, value in (
            ("server.pipelineParallelSize", said.pipeline_parallel_size),
            ("server.maxModelLen", said.max_model_len),
            ("server.gpuMemoryUtilization", said.gpu_memory_utilization),
            ("server.trustRemoteCode", said.trust_remote_code),
            ("server.preStart", said.pre_start or asked.chip.pre_start),
        ):
            if value is not None:
                yield self.field(path, value, chip=path == "server.preStart")
        yield from self.args()
        yield from self.env()
        budget = f"{self.plan.budget_seconds} ({self.plan.budget_origin})"
        yield self.field("startup.budgetSeconds", budget)

    def args(self) -> Iterator[Field]:
        """In the order in which they are appended: of two of a kind the engine takes the last."""
        chip = () if self.asked.engine != "VLLM" else self.asked.chip.args
        for layer, words in (
            (CHIP, chip),
            (RELEASE, self.release.get("server", {}).get("args", ())),
            (MODEL, self.own.get("server", {}).get("args", ())),
        ):
            if words:
                yield Field(path="server.args", value=" ".join(words), layer=layer)

    def env(self) -> Iterator[Field]:
        layers = {
            MODEL: names(self.own.get("server", {}).get("env", ())),
            RELEASE: names(self.release.get("server", {}).get("env", ())),
            CHIP: names(self.asked.chip.env),
        }
        for item in self.container.get("env", ()):
            name = item["name"]
            said = (layer for layer, known in layers.items() if name in known)
            value = (
                item.get("value", "") if "valueFrom" not in item else written(item["valueFrom"])
            )
            yield Field(path=f"env {name}", value=value, layer=next(said, OPERATOR))

    def pod(self) -> Iterator[Field]:
        context = self.container.get("securityContext", {})
        for name in ("privileged", "runAsUser"):
            if name in context:
                path = f"server.securityContext.{name}"
                chip = name in (self.asked.chip.security_context or {})
                yield self.field(path, written(context[name]), chip=chip)
        spec = template(self.plan.pod)["spec"]
        for key, value in spec.get("nodeSelector", {}).items():
            own = key in self.own.get("pod", {}).get("nodeSelector", {})
            row = key in self.release.get("pod", {}).get("nodeSelector", {})
            layer = MODEL if own else RELEASE if row else CHIP
            yield Field(path="pod.nodeSelector", value=f"{key}={value}", layer=layer)

    @property
    def container(self) -> dict[str, Any]:
        containers = template(self.plan.pod)["spec"]["containers"]
        return next(each for each in containers if each["name"] == "server")

    def field(
        self, path: str, value: object, *, chip: bool = False, otherwise: str = OPERATOR
    ) -> Field:
        layer = self.said(path) or (CHIP if chip else otherwise)
        return Field(path=path, value=written(value), layer=layer)

    def said(self, path: str) -> str | None:
        layers = ((MODEL, self.own), (RELEASE, self.release))
        return next((layer for layer, fields in layers if has(fields, path)), None)


def leaves(
    fields: Fields, *, shape: type[Shape], done: AbstractSet[str], at: str = ""
) -> Iterator[tuple[str, Any]]:
    """The fields of the API that have a value, those of Kubernetes' own objects as one."""
    inner = shapes_of(shape)
    for name, value in fields.items():
        path = f"{at}{name}"
        if path in done:
            continue
        if name in inner and isinstance(value, Mapping):
            yield from leaves(value, shape=inner[name], done=done, at=f"{path}.")
        else:
            yield path, value


def has(fields: object, path: str) -> bool:
    for part in path.split("."):
        if not isinstance(fields, Mapping) or part not in fields:
            return False
        fields = fields[part]
    return True


def names(items: Iterable[Mapping[str, Any]]) -> set[str]:
    return {str(item["name"]) for item in items}


def written(value: object) -> str:
    """As one would write it into YAML, on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {written(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(written(each) for each in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)
