"""How much of the FlagOS stack runs, and which operators it may take over."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from flagos_operator.api.rules import Rule, at_most_one, stays_inside
from flagos_operator.api.shape import SET, ContainerPath, Shape

Operator = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)]
Operators = Annotated[tuple[Operator, ...], Field(min_length=1, max_length=256), SET]


class OperatorLists(Shape):
    rules = (
        at_most_one(
            "allow",
            "deny",
            "denyMore",
            why=(
                ": allow names all that may run, deny replaces the chip's own list, "
                "denyMore adds to it"
            ),
        ),
    )

    allow: Operators | None = Field(
        None,
        description=(
            "Only these operators come from FlagGems, e.g. [rms_norm]. Needs vllm-plugin-FL 0.1.0."
        ),
    )
    deny: Operators | None = Field(
        None,
        description=(
            "These operators do not come from FlagGems. Replaces the list that the plugin "
            "has for the chip. Needs vllm-plugin-FL 0.1.0."
        ),
    )
    deny_more: Operators | None = Field(
        None,
        description=(
            "Like deny, but added to the lists that chip and plugin have. "
            "Needs vllm-plugin-FL 0.3.0, unless the chip has a list of its own."
        ),
    )


class FlagOS(Shape):
    rules = (
        Rule(
            cel=(
                "!has(self.mode) || self.mode != 'Native' || "
                "!(has(self.flagcxPath) || has(self.operators) || has(self.prefer))"
            ),
            message=(
                "mode Native loads no plugin: remove flagcxPath, operators and prefer, "
                "or use mode PluginOnly"
            ),
            holds=lambda it: (
                it.get("mode") != "Native" or not it.keys() & {"flagcxPath", "operators", "prefer"}
            ),
            field="mode",
        ),
        Rule(
            cel="!has(self.mode) || self.mode != 'PluginOnly' || !has(self.operators)",
            message=(
                "mode PluginOnly turns all FlagGems operators off: remove operators, "
                "or use mode FlagOS"
            ),
            holds=lambda it: it.get("mode") != "PluginOnly" or "operators" not in it,
            field="operators",
        ),
        Rule(
            cel="!has(self.mode) || self.mode != 'Native' || !has(self.strict) || !self.strict",
            message="mode Native asks for no FlagOS: remove strict, or use another mode",
            holds=lambda it: it.get("mode") != "Native" or it.get("strict") is not True,
            field="strict",
        ),
        stays_inside("flagcxPath"),
    )

    mode: Literal["FlagOS", "PluginOnly", "Native"] | None = Field(
        None,
        description=(
            "FlagOS: plugin and FlagGems operators (USE_FLAGGEMS=1). "
            "PluginOnly: the plugin without FlagGems (USE_FLAGGEMS=0). "
            "Native: no plugin; only where the image has a native backend. "
            "Default: set by the chip, FlagOS on most."
        ),
    )
    flagcx_path: ContainerPath | None = Field(
        None,
        description=(
            "Path of FlagCX in the image, e.g. /workspace/FlagCX: communication goes through "
            "it. Default: the vendor's own library."
        ),
    )
    operators: OperatorLists = Field(
        OperatorLists(),
        description=(
            "Which operators FlagGems may take over. Default: set by the chip, on most the "
            "plugin's choice."
        ),
    )
    prefer: Literal["FlagOS", "Vendor", "Reference"] | None = Field(
        None,
        description=(
            "Implementation that an operator is taken from first. Default: FlagOS. "
            "Anything else turns FlagGems off."
        ),
    )
    strict: bool | None = Field(
        None,
        description=(
            "Whether the model is Ready only where the server's log proves that FlagOS is on. "
            "Its pods answer all the same: the Service cannot tell. Default: false. Never rolls "
            "pods."
        ),
    )
