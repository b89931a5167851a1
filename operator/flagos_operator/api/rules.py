"""What a schema cannot say field by field: one rule, said once, for the API server and for us.

`cel` and `holds` of a rule say the same; tests ask a real API server whether they agree.
`holds` gets the object as the user wrote it and as the schema accepted it, so that it reads
like the CEL beside it. The API server prices CEL by the largest object that the schema allows:
`==`, `in` and `startsWith` with a constant are cheap, a regular expression over a list is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule about one object. `field` is where its error points, inside that object."""

    cel: str
    message: str
    holds: Callable[[Raw], bool]
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A rule about an edit: only the API server knows the object as it was before."""

    cel: str
    message: str
    field: str | None = None


def quoted(words: Sequence[str]) -> str:
    return "[" + ", ".join(f"'{word}'" for word in words) + "]"


def spoken(words: Sequence[str]) -> str:
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else words[0]


def present(fields: Sequence[str], *, of: str = "self") -> str:
    return "[" + ", ".join(f"has({of}.{field})" for field in fields) + "]"


def exactly_one(*fields: str) -> Rule:
    return Rule(
        cel=f"{present(fields)}.exists_one(given, given)",
        message=f"set exactly one of {spoken(fields)}",
        holds=lambda it: sum(field in it for field in fields) == 1,
    )


def at_most_one(*fields: str, why: str = "") -> Rule:
    return Rule(
        cel=f"{present(fields)}.filter(given, given).size() <= 1",
        message=f"set at most one of {spoken(fields)}{why}",
        holds=lambda it: sum(field in it for field in fields) <= 1,
    )


def needs(fields: Sequence[str], *, one_of: Sequence[str], message: str) -> Rule:
    """The fields mean something only beside one of the others."""
    return Rule(
        cel=f"!{present(fields)}.exists(given, given) || {present(one_of)}.exists(given, given)",
        message=message,
        holds=lambda it: not any(f in it for f in fields) or any(f in it for f in one_of),
    )


def stays_inside(field: str) -> Rule:
    """A path may not climb: Kubernetes refuses `..` in mounts, long after `kubectl apply`."""
    return Rule(
        cel=f"!has(self.{field}) || !('..' in self.{field}.split('/'))",
        message=f"{field} may not climb with '..': write the path that is meant",
        holds=lambda it: ".." not in it.get(field, "").split("/"),
        field=field,
    )


def reserved_path(field: str, paths: Sequence[str]) -> Rule:
    return Rule(
        cel=f"!has(self.{field}) || !(self.{field} in {quoted(paths)})",
        message=f"{spoken(paths)} are mounted by the operator: choose another {field}",
        holds=lambda it: it.get(field) not in paths,
        field=field,
    )


def reserved_items(field: str, key: str, names: Sequence[str]) -> Rule:
    return Rule(
        cel=f"!has(self.{field}) || self.{field}.all(item, !(item.{key} in {quoted(names)}))",
        message=f"{spoken(names)} are made by the operator: choose another {key}",
        holds=lambda it: all(item[key] not in names for item in it.get(field, ())),
        field=field,
    )


def reserved_keys(field: str) -> Rule:
    """Labels and annotations by which the operator finds its own objects again."""
    return Rule(
        cel=(
            f"!has(self.{field}) || self.{field}.all(key, "
            "!key.startsWith('flagos.io/') && key != 'app.kubernetes.io/managed-by')"
        ),
        message=(
            "flagos.io/* and app.kubernetes.io/managed-by are set by the operator: "
            "choose another key"
        ),
        holds=lambda it: (
            not any(
                key.startswith("flagos.io/") or key == "app.kubernetes.io/managed-by"
                for key in it.get(field, ())
            )
        ),
        field=field,
    )
