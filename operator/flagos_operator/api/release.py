"""One published pair of a model and a chip, in the words of a FlagOSModel."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from flagos_operator.api.choice import ChipName
from flagos_operator.api.flagos import FlagOS
from flagos_operator.api.pod import Pod
from flagos_operator.api.rules import Rule, reserved_path, stays_inside
from flagos_operator.api.server import Server
from flagos_operator.api.shape import ContainerPath, Quantity, Shape
from flagos_operator.api.source import Source
from flagos_operator.api.spec import Image, Versions

RELEASE_NAME_LENGTH = 253

ModelTitle = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", max_length=128)
]
Figure = Annotated[float, Field(ge=-1_000_000_000, le=1_000_000_000)]


class Published(Shape):
    url: str | None = Field(
        None,
        description="Where it was published, e.g. https://modelscope.cn/models/owner/name.",
        min_length=1,
        max_length=1024,
    )
    date: str | None = Field(
        None,
        description="When, as far as it is known, e.g. 2026-09 or 2026-09-03.",
        pattern=r"^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$",
        max_length=10,
    )
    size: Quantity | None = Field(
        None,
        description=(
            "Size of the weights that the server loads, e.g. 16.4G: not of the whole repository, "
            "which may hold them twice. With it a device that is too small is told beforehand."
        ),
    )
    remark: str | None = Field(
        None,
        description="What a reader should know of it, e.g. where it contradicts itself.",
        min_length=1,
        max_length=1024,
    )


class Evaluation(Shape):
    benchmark: str = Field(
        description="What was measured, e.g. gpqa_diamond.", min_length=1, max_length=128
    )
    score: Figure | None = Field(None, description="What FlagOS reached, e.g. 52.0.")
    baseline: Figure | None = Field(
        None, description="What the native stack reached on the same benchmark, e.g. 55.0."
    )
    difference: Figure | None = Field(
        None, description="How far the two are apart, where only that was published."
    )
    unit: str | None = Field(
        None, description="Unit of the figures. Default: percent.", min_length=1, max_length=32
    )


Evaluations = Annotated[tuple[Evaluation, ...], Field(max_length=64)]


class ReleaseWeights(Shape):
    rules = (
        stays_inside("mountPath"),
        reserved_path("mountPath", ("/tmp", "/dev/shm")),  # noqa: S108
    )

    mount_path: ContainerPath | None = Field(
        None,
        description=(
            "Model directory inside the server's container, where the image expects it. "
            "Default: /models/<name> of the model that uses the row."
        ),
    )


class ReleaseServer(Server):
    rules = (
        *Server.rules,
        Rule(
            cel="!has(self.servedModelNames)",
            message=(
                "a row serves many models, each under its own name: remove servedModelNames, "
                "and set it in the FlagOSModel"
            ),
            holds=lambda it: "servedModelNames" not in it,
            field="servedModelNames",
        ),
    )


class FlagOSReleaseSpec(Shape):
    model: ModelTitle = Field(
        description=(
            "The model's name as its makers write it, e.g. MiniCPM-o-4.5: what spec.model.name "
            "of a FlagOSModel looks for."
        )
    )
    chip: ChipName = Field(description="Chip that it was published for, e.g. metax.")
    tier: Literal["V1", "V2", "V3", "V4"] | None = Field(
        None,
        description=(
            "How much of the FlagOS stack is in it: V1 FlagTree alone, V2 also FlagGems, V3 also "
            "the plugin, V4 faster than V1."
        ),
    )
    verdict: Literal["Passed", "Failed"] | None = Field(
        None,
        description=(
            "What its publishers' own test said. A Failed row is never chosen by spec.model; "
            "absent, nothing is known."
        ),
    )
    published: Published = Field(Published(), description="Where and when it was published.")
    evaluation: Evaluations = Field((), description="What its publishers measured.")
    devices: int | None = Field(
        None,
        description=(
            "The chip's resources per pod, 0 for none: boards, where a board is two devices. "
            "Default: 1 where the chip has devices."
        ),
        ge=0,
        le=1024,
    )
    nodes: int | None = Field(
        None,
        description=(
            "Pods of one replica, each on a node of its own. Default: 1. A model cannot use a "
            "row with more yet."
        ),
        ge=1,
        le=1024,
    )
    image: Image | None = Field(
        None,
        description=(
            "Image of the server. Absent where none is public: the FlagOSModel has to name one."
        ),
    )
    versions: Versions = Field(
        Versions(), description="Versions of what the image holds, where its name does not tell."
    )
    source: Source | None = Field(None, description="Where the weights come from.")
    weights: ReleaseWeights = Field(
        ReleaseWeights(), description="Where the server finds the weights."
    )
    flagos: FlagOS = Field(FlagOS(), description="The FlagOS stack inside the server.")
    server: ReleaseServer = Field(
        ReleaseServer(), description="The serving process: engine, arguments, environment."
    )
    pod: Pod = Field(Pod(), description="Fields of the pod, where the row needs any.")
