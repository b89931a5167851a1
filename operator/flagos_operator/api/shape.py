"""The ground that every part of the API stands on: closed, frozen, spelled like Kubernetes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

from flagos_operator.api.rules import Rule, Transition

# Every string and list has an upper bound: the API server prices a CEL rule by the worst case.
PATH_LENGTH = 1024
ARGUMENT_LENGTH = 4096
LABEL_COUNT = 64


@dataclass(frozen=True, slots=True)
class ListType:
    """How server-side apply merges a list, and that what identifies an item is there once."""

    kind: str
    key: str | None = None

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.refuse_twins, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | self.extension()

    def extension(self) -> JsonSchemaValue:
        keys = {"x-kubernetes-list-map-keys": [self.key]} if self.key else {}
        return {"x-kubernetes-list-type": self.kind, **keys}

    def refuse_twins(self, items: Sequence[Any]) -> Sequence[Any]:
        seen = [item[self.key] if self.key else item for item in items]
        for at, identity in enumerate(seen):
            if identity in seen[:at]:
                raise PydanticCustomError(
                    "duplicate", "Duplicate value: {value}: remove one", {"value": identity}
                )
        return items


@dataclass(frozen=True, slots=True)
class IntOrString:
    """An amount of a resource: `8`, `"500m"`, `64Gi`. The API server refuses 0.5 here."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.union_schema(
            [
                core_schema.int_schema(strict=True),
                core_schema.str_schema(strict=True, max_length=64),
            ],
            custom_error_type="int_or_string",
            custom_error_message="must be of type integer or string",
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"x-kubernetes-int-or-string": True, "maxLength": 64}


@dataclass(frozen=True, slots=True)
class Written:
    """A string of a form that people get wrong: they are told how to write it, not the pattern.

    A rule and no `pattern`: the API server's words for that would be the expression itself. Its
    engine is another than ours, so expressions are anchored at both ends and kept simple.
    """

    pattern: str
    cure: str

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.fitting, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        rule = {"rule": f"self.matches(r'{self.pattern}')", "message": self.cure}
        return handler(schema) | {"x-kubernetes-validations": [rule]}

    def fitting(self, text: str) -> str:
        if re.fullmatch(self.pattern, text, re.ASCII) is None:
            raise PydanticCustomError("written", "{cure}", {"cure": self.cure})
        return text


@dataclass(frozen=True, slots=True)
class NotWritten(Written):
    """A form that is never meant, and what to write instead; it stands behind `Written`."""

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        found = handler(schema)
        rule = {"rule": f"!self.matches(r'{self.pattern}')", "message": self.cure}
        rules = [*found.get("x-kubernetes-validations", ()), rule]
        return found | {"x-kubernetes-validations": rules}

    def fitting(self, text: str) -> str:
        if re.fullmatch(self.pattern, text, re.ASCII) is not None:
            raise PydanticCustomError("written", "{cure}", {"cure": self.cure})
        return text


SET = ListType("set")


def map_by(key: str) -> ListType:
    return ListType("map", key)


class Shape(BaseModel):
    """An object of the API. An unknown field is a mistake of the user, never ignored."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, allow_inf_nan=False
    )

    rules: ClassVar[tuple[Rule | Transition, ...]] = ()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        described = handler.resolve_ref_schema(handler(schema))
        if cls.rules:
            described["x-kubernetes-validations"] = [validation(rule) for rule in cls.rules]
        return described


def validation(rule: Rule | Transition) -> JsonSchemaValue:
    where = {"fieldPath": f".{rule.field}"} if rule.field else {}
    return {"rule": rule.cel, "message": rule.message, **where}


DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
DnsName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
ResourceName = Annotated[
    str,
    Field(max_length=317),
    Written(
        r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        "write vendor/resource as the node offers it, e.g. nvidia.com/gpu",
    ),
]
DataKey = Annotated[str, Field(pattern=r"^[-._a-zA-Z0-9]+$", max_length=253)]
Quantity = Annotated[
    str,
    Field(max_length=32),
    Written(
        r"^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$",
        "write a number and a unit without a space, e.g. 500M, 100G or 100Gi",
    ),
]
AbsolutePath = Annotated[
    str,
    Field(max_length=PATH_LENGTH),
    Written(r"^/[^\x00]*$", "write an absolute path: it starts with /"),
]
ContainerPath = Annotated[
    str,
    Field(max_length=PATH_LENGTH),
    Written(
        r"^(/[A-Za-z0-9._+@-]+)+$",
        "write an absolute path of letters, digits and . _ + @ -, e.g. /models/qwen",
    ),
]
RelativePath = Annotated[
    str,
    Field(max_length=PATH_LENGTH),
    Written(
        r"^[A-Za-z0-9._+@-]+(/[A-Za-z0-9._+@-]+)*$",
        "write a path inside the volume, of letters, digits and . _ + @ -, e.g. models/qwen",
    ),
]
Port = Annotated[int, Field(ge=1, le=65535)]
Argument = Annotated[str, Field(max_length=ARGUMENT_LENGTH)]
LabelValue = Annotated[
    str, Field(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$", max_length=63)
]
Labels = Annotated[dict[str, LabelValue], Field(max_length=LABEL_COUNT)]
Annotations = Annotated[
    dict[str, Annotated[str, Field(max_length=16384)]], Field(max_length=LABEL_COUNT)
]
