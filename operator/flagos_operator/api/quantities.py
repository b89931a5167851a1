"""Amounts of resources as Kubernetes writes them: what the schema lets through and a pod does not.

The API server judges them only when it is given the pod, in words that name neither the field of
the model nor the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from flagos_operator.api.rules import Raw

_POWERS = {"k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_SMALL = {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3")}
_QUANTITY = re.compile(
    r"\+?(?P<number>[0-9]+\.?[0-9]*|\.[0-9]+)"
    r"(?P<unit>[KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,9}|)"
)
_ALMOST = re.compile(r"(?P<number>[0-9]+(\.[0-9]+)?) ?(?P<unit>[KMGTPE])I?B?", re.IGNORECASE)


def amount(written: object) -> Decimal | None:
    """None of what Kubernetes cannot read, and of what is less than nothing."""
    found = _QUANTITY.fullmatch(str(written))
    if found is None:
        return None
    number, unit = found["number"], found["unit"]
    if unit[:1] in {"e", "E"} and unit[1:].lstrip("+-").isdigit():
        return Decimal(number + unit)
    return Decimal(number) * _scale(unit)


def above(request: object, limit: object) -> bool:
    """Whether it is more, as far as both can be read."""
    wanted, most = amount(request), amount(limit)
    return wanted is not None and most is not None and wanted > most


def faults(spec: Raw) -> Iterator[str]:
    for at, resources in _resources(spec):
        requests, limits = _part(resources, "requests"), _part(resources, "limits")
        for kind, said in (("requests", requests), ("limits", limits)):
            for name, value in said.items():
                if amount(value) is None:
                    yield f"{at}.{kind}.{name}: {value} is no quantity: {_cure(str(value))}"
        for name, value in requests.items():
            if above(value, limits.get(name)):
                yield (
                    f"{at}.requests.{name}: {value} is above the limit of {limits[name]}: "
                    f"lower it, or raise limits.{name}"
                )


def _scale(unit: str) -> Decimal:
    if unit in _SMALL:
        return _SMALL[unit]
    base = 1024 if unit.endswith("i") else 1000
    return Decimal(base) ** _POWERS[unit[0]] if unit else Decimal(1)


def _cure(value: str) -> str:
    found = _ALMOST.fullmatch(value)
    if found is None:
        return "write a number and a unit, e.g. 500m, 4 or 16Gi"
    number, unit = found["number"], found["unit"].upper()
    return f"write {number}{unit}i or {number}{'k' if unit == 'K' else unit}"


def _resources(spec: Raw) -> Iterator[tuple[str, Raw]]:
    """Of every container that the spec says something of, typed or passed through."""
    for name in ("server", "fetch"):
        yield f"spec.{name}.resources", _part(_part(spec, name), "resources")
    for name in ("initContainers", "containers"):
        for place, item in enumerate(_list(_part(spec, "pod"), name)):
            yield f"spec.pod.{name}[{place}].resources", _part(item, "resources")


def _part(holder: Raw, name: str) -> Raw:
    found = holder.get(name)
    return found if isinstance(found, Mapping) else {}


def _list(holder: Raw, name: str) -> Sequence[Any]:
    found = holder.get(name)
    return found if isinstance(found, list) else ()
