"""Parts of a pod that go through under Kubernetes' own names; the API server judges them there.

They stay plain dicts. Only what a list needs as its key, and what users get wrong most, is typed.
"""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from flagos_operator.api.shape import DnsLabel, DnsName, IntOrString, map_by

Open = Annotated[dict[str, Any], Field(max_length=64)]
OPEN = ConfigDict(extra="allow", strict=True)
CLOSED = ConfigDict(extra="forbid", strict=True)

EnvName = Annotated[str, Field(pattern=r"^[-._a-zA-Z][-._a-zA-Z0-9]*$", max_length=253)]
Amount = Annotated[int | str, IntOrString()]
Amounts = Annotated[dict[str, Amount], Field(max_length=32)]


@with_config(OPEN)
class EnvVar(TypedDict):
    name: Annotated[EnvName, Field(description="Name of the variable.")]
    value: NotRequired[
        Annotated[
            str,
            Field(description='Value, always a string: "1", not 1.', max_length=32768),
        ]
    ]
    valueFrom: NotRequired[
        Annotated[Open, Field(description="Source of the value, as in a container's env.")]
    ]


@with_config(OPEN)
class NamedItem(TypedDict):
    name: Annotated[
        DnsLabel, Field(description="Name, unique in this list. Other fields go through.")
    ]


@with_config(OPEN)
class VolumeMount(TypedDict):
    name: Annotated[DnsLabel, Field(description="Name of the volume.")]
    mountPath: Annotated[
        str, Field(description="Absolute path in the container.", pattern="^/", max_length=1024)
    ]


@with_config(CLOSED)
class PullSecret(TypedDict):
    name: Annotated[DnsName, Field(description="Name of the Secret in the model's namespace.")]


@with_config(CLOSED)
class ResourceClaimUse(TypedDict):
    name: Annotated[DnsLabel, Field(description="Name of an entry of spec.pod.resourceClaims.")]
    request: NotRequired[
        Annotated[str, Field(description="One request of that claim.", max_length=63)]
    ]


@with_config(CLOSED)
class Resources(TypedDict):
    requests: NotRequired[
        Annotated[Amounts, Field(description="What the scheduler sets aside, by resource.")]
    ]
    limits: NotRequired[
        Annotated[Amounts, Field(description="What the container may use at most, by resource.")]
    ]
    claims: NotRequired[
        Annotated[
            list[ResourceClaimUse],
            Field(description="Claims of spec.pod.resourceClaims that it uses.", max_length=16),
            map_by("name"),
        ]
    ]


EnvList = Annotated[tuple[EnvVar, ...], Field(max_length=256), map_by("name")]
EnvFromList = Annotated[tuple[Open, ...], Field(max_length=32)]
NamedList = Annotated[tuple[NamedItem, ...], Field(max_length=32), map_by("name")]
OpenList = Annotated[tuple[Open, ...], Field(max_length=32)]
MountList = Annotated[tuple[VolumeMount, ...], Field(max_length=64), map_by("mountPath")]
PullSecretList = Annotated[tuple[PullSecret, ...], Field(max_length=16), map_by("name")]
