"""The address of a model inside the cluster."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from flagos_operator.api.rules import reserved_keys
from flagos_operator.api.shape import Annotations, Labels, Port, Shape


class Service(Shape):
    rules = (reserved_keys("labels"), reserved_keys("annotations"))

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] | None = Field(
        None, description="Kind of Service. Default: ClusterIP."
    )
    port: Port | None = Field(None, description="Port of the Service. Default: 8000.")
    labels: Labels = Field({}, description="Labels added to the Service.")
    annotations: Annotations = Field({}, description="Annotations added to the Service.")
