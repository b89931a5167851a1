"""A model by its name: which published row serves it is found by what the cluster has."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from flagos_operator.api.rules import Rule
from flagos_operator.api.shape import Shape, Written

ChipName = Annotated[
    str,
    Field(max_length=63),
    Written(
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "write the name of a chip in lower case, e.g. nvidia, ascend, metax or cpu",
    ),
]
ModelName = Annotated[
    str,
    Field(max_length=128),
    Written(
        r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$",
        "write the model's name as it is published, e.g. MiniCPM-o-4.5 or Qwen3-8B",
    ),
]
ReleaseName = Annotated[
    str,
    Field(max_length=253),
    Written(
        r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        "write the name of a FlagOSRelease, e.g. minicpm-o-4.5-nvidia",
    ),
]


# Not a set, which server-side apply may put together in another order.
EACH_ONCE = Rule(
    cel=("!has(self.chips) || self.chips.all(chip, self.chips.exists_one(other, other == chip))"),
    message="write each chip once: the order counts, the first is the most wanted",
    holds=lambda it: len({*it.get("chips", ())}) == len(it.get("chips", ())),
    field="chips",
)


class Choice(Shape):
    rules = (EACH_ONCE,)

    name: ModelName = Field(description="Name of the published model, e.g. MiniCPM-o-4.5.")
    chips: Annotated[tuple[ChipName, ...], Field(min_length=1, max_length=32)] | None = Field(
        None,
        description=(
            "Chips to run it on, the most wanted first, e.g. [nvidia, metax]; no other is used. "
            "Default: every chip that the model is published for, in the catalogue's order."
        ),
    )
