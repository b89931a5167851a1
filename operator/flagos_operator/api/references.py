"""Names of other objects in the model's namespace."""

from __future__ import annotations

from pydantic import Field

from flagos_operator.api.shape import DataKey, DnsName, Shape


class LocalReference(Shape):
    name: DnsName = Field(description="Name of the object in the model's namespace.")


class SecretKeyReference(Shape):
    name: DnsName = Field(description="Name of the Secret in the model's namespace.")
    key: DataKey = Field(description="Key in the Secret that holds the value.")


class ConfigMapKeyReference(Shape):
    name: DnsName = Field(description="Name of the ConfigMap in the model's namespace.")
    key: DataKey = Field(description="Key in the ConfigMap that holds the value.")


class ClaimReference(Shape):
    claim_name: DnsName = Field(
        description="Name of an existing PersistentVolumeClaim in the model's namespace."
    )
