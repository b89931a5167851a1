"""Fields of the pod under Kubernetes' own names, added to what the operator renders."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from flagos_operator.api.passthrough import NamedList, Open, OpenList
from flagos_operator.api.rules import reserved_items, reserved_keys
from flagos_operator.api.shape import Annotations, DnsName, Labels, LabelValue, Shape

NodeSelector = Annotated[dict[str, LabelValue], Field(max_length=64)]


CONTAINERS = ("server", "fetch")
VOLUMES = ("weights", "shm", "cache", "scratch", "fetch-ca")


class Pod(Shape):
    rules = (
        reserved_keys("labels"),
        reserved_keys("annotations"),
        reserved_items("containers", "name", CONTAINERS),
        reserved_items("initContainers", "name", CONTAINERS),
        reserved_items("volumes", "name", VOLUMES),
    )

    labels: Labels = Field({}, description="Labels added to the pods.")
    annotations: Annotations = Field({}, description="Annotations added to the pods.")
    node_selector: NodeSelector = Field(
        {}, description="Labels that a node must have, added by key to the chip's."
    )
    tolerations: OpenList = Field((), description="Tolerations added to the chip's.")
    affinity: Open | None = Field(None, description="Affinity of the pods.")
    topology_spread_constraints: OpenList = Field(
        (), description="How pods spread over zones and nodes."
    )
    scheduler_name: DnsName | None = Field(
        None, description="Scheduler that places the pods. Default: the cluster's."
    )
    priority_class_name: DnsName | None = Field(
        None, description="Priority class of the pods. Default: none."
    )
    runtime_class_name: DnsName | None = Field(
        None, description="Runtime class of the pods. Default: the chip's, if it has one."
    )
    service_account_name: DnsName | None = Field(
        None, description="Service account of the pods. Default: default, without a token."
    )
    security_context: Open | None = Field(
        None, description="Security context of the pods, merged by key over the default."
    )
    host_network: bool | None = Field(
        None, description="Use the node's network. Default: false.", alias="hostNetwork"
    )
    host_ipc: bool | None = Field(
        None, description="Use the node's IPC namespace. Default: false.", alias="hostIPC"
    )
    host_pid: bool | None = Field(
        None, description="Use the node's process namespace. Default: false.", alias="hostPID"
    )
    dns_policy: Literal["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"] | None = (
        Field(None, description="DNS policy of the pods. Default: ClusterFirst.")
    )
    dns_config: Open | None = Field(None, description="DNS settings of the pods.")
    host_aliases: OpenList = Field((), description="Lines added to /etc/hosts of the pods.")
    resource_claims: NamedList = Field(
        (),
        description="Claims for dynamically allocated devices, used by server.resources.claims.",
    )
    volumes: NamedList = Field((), description="Volumes added to the pods.")
    init_containers: NamedList = Field(
        (), description="Containers that run before the download, in this order."
    )
    containers: NamedList = Field((), description="Containers that run beside the server.")
