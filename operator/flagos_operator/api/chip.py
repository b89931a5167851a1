"""How a pod gets one vendor's chip: data, so that a new chip needs no code."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from flagos_operator.api.flagos import FlagOS
from flagos_operator.api.managed import ENV, managed_env
from flagos_operator.api.passthrough import EnvList, EnvName, MountList, NamedList, Open, OpenList
from flagos_operator.api.pod import VOLUMES, NodeSelector
from flagos_operator.api.rules import reserved_items
from flagos_operator.api.shape import Argument, DnsName, Quantity, ResourceName, Shape
from flagos_operator.api.spec import Startup

MOUNTS = ("/tmp", "/dev/shm")  # noqa: S108 - paths in the container
Sources = Annotated[
    dict[str, Annotated[str, Field(min_length=1, max_length=2048)]], Field(max_length=64)
]


class ChipStartup(Startup):
    cold_seconds: int | None = Field(
        None,
        description=(
            "Seconds of a first start with FlagOS on this chip, with empty kernel caches and "
            "without reading the weights, e.g. 588. The budget is computed from it where "
            "budgetSeconds is not set. Default: 5400, the longest that is known."
        ),
        ge=1,
        le=43200,
    )


class Chip(Shape):
    rules = (
        *managed_env(ENV),
        reserved_items("volumes", "name", VOLUMES),
        reserved_items("volumeMounts", "mountPath", MOUNTS),
    )

    resource_name: ResourceName | None = Field(
        None,
        description=(
            "Resource that the device plugin offers, e.g. nvidia.com/gpu. Absent: nobody "
            "allocates devices, so a pod with devices is privileged and alone on its node."
        ),
    )
    # A factory, so that the schema has no default: what is not said must be seen not to be.
    devices_per_resource: int = Field(
        default_factory=lambda: 1,
        description="Devices that a program sees for one resource. Default: 1.",
        ge=1,
        le=64,
    )
    memory_per_device: Quantity | None = Field(
        None,
        description=(
            "Memory of one device, e.g. 64Gi, where all boards of this chip have the same. "
            "Default: what the nodes' labels say, if anything."
        ),
    )
    visible_devices_env: EnvName | None = Field(
        None,
        description=(
            "Variable that lists a program's devices, e.g. CUDA_VISIBLE_DEVICES. Rendered "
            "only where resourceName is absent: a device plugin knows better."
        ),
    )
    runtime_class_name: DnsName | None = Field(
        None, description="Runtime class of the pods. Default: the node's runtime."
    )
    node_selector: NodeSelector = Field({}, description="Labels that a node must have.")
    tolerations: OpenList = Field((), description="Tolerations of the pods.")
    volumes: NamedList = Field(
        (), description="Volumes with the vendor's libraries. Device nodes do not work here."
    )
    volume_mounts: MountList = Field((), description="Where those volumes are mounted.")
    env: EnvList = Field((), description="Environment of the server; yields to the model's.")
    pre_start: str | None = Field(
        None,
        description="Bash line that runs in the same shell before the server.",
        min_length=1,
        max_length=4096,
    )
    args: Annotated[tuple[Argument, ...], Field(max_length=64)] = Field(
        (), description="Arguments of vLLM that the chip needs, before the model's own."
    )
    security_context: Open | None = Field(
        None, description="Security context of the server, merged by key over the default."
    )
    pod_security_context: Open | None = Field(
        None, description="Security context of the pods, merged by key over the default."
    )
    host_network: bool | None = Field(None, description="Use the node's network.")
    host_ipc: bool | None = Field(
        None, description="Use the node's IPC namespace.", alias="hostIPC"
    )
    host_pid: bool | None = Field(
        None, description="Use the node's process namespace.", alias="hostPID"
    )
    shared_memory: Quantity | None = Field(None, description="Size of /dev/shm.")
    flagos: FlagOS = Field(FlagOS(), description="The FlagOS stack, where the model says nothing.")
    startup: ChipStartup = Field(
        ChipStartup(), description="How long a start may take on this chip."
    )
    source: Sources = Field({}, description="Where each of these facts comes from, by field.")
