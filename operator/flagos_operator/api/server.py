"""The process that answers requests."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from flagos_operator.api.managed import ENV, managed_env, managed_flags
from flagos_operator.api.passthrough import EnvFromList, EnvList, MountList, Open, Resources
from flagos_operator.api.references import SecretKeyReference
from flagos_operator.api.rules import Raw, Rule, reserved_items
from flagos_operator.api.shape import AbsolutePath, Argument, Port, Quantity, Shape, Written

Command = Annotated[tuple[Argument, ...], Field(min_length=1, max_length=32)]
Arguments = Annotated[tuple[Argument, ...], Field(max_length=256)]
ModelName = Annotated[str, Field(min_length=1, max_length=256)]
ModelNames = Annotated[tuple[ModelName, ...], Field(min_length=1, max_length=16)]
HealthPath = Annotated[
    str,
    Field(max_length=256),
    Written(r"^/[^\s]*$", "write a path that starts with / and has no space, e.g. /v1/health"),
]

FLAG_FIELDS = (
    "trustRemoteCode",
    "maxModelLen",
    "gpuMemoryUtilization",
    "tensorParallelSize",
    "pipelineParallelSize",
)
CUSTOM = "has(self.engine) && self.engine == 'Custom'"


def is_custom(server: Raw) -> bool:
    return bool(server.get("engine") == "Custom")


def needs_flags(field: str) -> Rule:
    return Rule(
        cel=f"!({CUSTOM}) || !has(self.{field})",
        message="engine Custom renders no flags: remove this field and say it in command or args",
        holds=lambda it: not is_custom(it) or field not in it,
        field=field,
    )


class Server(Shape):
    rules = (
        *managed_flags(),
        *managed_env(ENV),
        *(needs_flags(field) for field in FLAG_FIELDS),
        Rule(
            cel=f"!has(self.healthPath) || ({CUSTOM})",
            message="healthPath is for engine Custom: remove it, the engine's is known",
            holds=lambda it: "healthPath" not in it or is_custom(it),
            field="healthPath",
        ),
        Rule(
            cel=f"!({CUSTOM}) || !has(self.preStart) || has(self.command)",
            message=(
                "preStart runs in the same shell before command, and the image's own "
                "entrypoint is not known: set command too"
            ),
            holds=lambda it: not is_custom(it) or "preStart" not in it or "command" in it,
            field="preStart",
        ),
        Rule(
            cel=(
                "!has(self.servedModelNames) || self.servedModelNames.size() == 1 || "
                "!has(self.engine) || self.engine == 'VLLM'"
            ),
            message="only engine VLLM answers to several names: keep one",
            holds=lambda it: (
                len(it.get("servedModelNames", ())) <= 1 or it.get("engine", "VLLM") == "VLLM"
            ),
            field="servedModelNames",
        ),
        reserved_items("volumeMounts", "mountPath", ("/tmp", "/dev/shm")),  # noqa: S108
    )

    engine: Literal["VLLM", "SGLang", "Custom"] | None = Field(
        None,
        description=(
            "Program that serves: VLLM, SGLang, or Custom for a line of your own, which gets "
            "FLAGOS_MODEL_PATH, FLAGOS_PORT, FLAGOS_SERVED_MODEL_NAME and FLAGOS_DEVICES, "
            "usable as $(FLAGOS_PORT). Default: VLLM."
        ),
    )
    command: Command | None = Field(
        None,
        description=(
            "Replaces `vllm serve` and nothing else, e.g. [/opt/conda/bin/vllm, serve]. "
            "With engine Custom it is the whole line; absent, the image's entrypoint runs."
        ),
    )
    pre_start: str | None = Field(
        None,
        description=(
            "One bash line that runs in the same shell before the server, "
            "e.g. `source /opt/dtk/env.sh`."
        ),
        min_length=1,
        max_length=4096,
    )
    working_dir: AbsolutePath | None = Field(
        None, description="Directory the server starts in. Default: the image's."
    )
    args: Arguments = Field(
        (),
        description=(
            "Arguments appended last, in the engine's own words, "
            "e.g. [--dtype, bfloat16, --enforce-eager]. Flags that have a field are refused."
        ),
    )
    port: Port | None = Field(
        None, description="Port the server listens on in the pod. Default: 8000."
    )
    served_model_names: ModelNames | None = Field(
        None, description="Names that requests may use as `model`. Default: [metadata.name]."
    )
    health_path: HealthPath | None = Field(
        None,
        description=(
            "HTTP path that answers 200 when a Custom engine can serve, e.g. /v1/health. "
            "Default: /health."
        ),
    )
    trust_remote_code: bool | None = Field(
        None, description="Run Python code that comes with the weights. Default: false."
    )
    max_model_len: int | None = Field(
        None,
        description="Longest context in tokens, e.g. 32768. Default: the model's own limit.",
        ge=1,
        le=1_000_000_000,
    )
    gpu_memory_utilization: float | None = Field(
        None,
        description=(
            "Share of a device's memory that the server may take, a number above 0 and at most 1, "
            "e.g. 0.9. Default: the engine's."
        ),
        # Not ge=0.01: the API server compares a whole number with the bound's whole part.
        gt=0,
        le=1,
    )
    tensor_parallel_size: int | None = Field(
        None,
        description=(
            "Devices that one layer is split over. "
            "Default: all devices of the pod / pipelineParallelSize."
        ),
        ge=1,
        le=1024,
    )
    pipeline_parallel_size: int | None = Field(
        None, description="Stages that the layers are split into. Default: 1.", ge=1, le=1024
    )
    api_key_secret_ref: SecretKeyReference | None = Field(
        None,
        description=(
            "Secret with the key that every request must carry. Default: none. "
            "A Custom line gets it as FLAGOS_API_KEY."
        ),
    )
    drain_seconds: int | None = Field(
        None,
        description="Seconds that running requests get to finish at a stop. Default: 30.",
        ge=0,
        le=86400,
    )
    shared_memory: Quantity | None = Field(
        None,
        description=(
            "Size of /dev/shm, e.g. 16Gi; it counts as memory of the container. "
            "Default: 1Gi for one device, 16Gi for more."
        ),
    )
    env: EnvList = Field(
        (),
        description=(
            "Environment of the server, added by name to what the operator and the chip set. "
            "Variables that have a field are refused."
        ),
    )
    env_from: EnvFromList = Field(
        (), description="ConfigMaps and Secrets whose keys become environment variables."
    )
    resources: Resources | None = Field(
        None,
        description=(
            "CPU, memory and other resources of the server, e.g. {limits: {memory: 64Gi}}. "
            "The chip's own resource is set by spec.devices."
        ),
    )
    security_context: Open | None = Field(
        None,
        description="Security context of the server, merged by key over the default.",
    )
    volume_mounts: MountList = Field(
        (), description="Where volumes of spec.pod.volumes are mounted in the server."
    )
