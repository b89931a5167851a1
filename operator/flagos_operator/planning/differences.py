"""What of two objects differs, as a person reads it: without what the API server notes down."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from flagos_operator.render import Dumper

Body = Mapping[str, Any]

NOTED = (
    "creationTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)
# What controllers of Kubernetes write on their own.
FOREIGN = ("deployment.kubernetes.io/revision", "pv.kubernetes.io/bind-completed")
CONTEXT = 3
TEMPLATE = "flagos.io/template"


def cleaned(body: Body) -> dict[str, Any]:
    metadata = {name: value for name, value in body["metadata"].items() if name not in NOTED}
    notes = metadata.get("annotations") or {}
    kept = {name: value for name, value in notes.items() if name not in FOREIGN}
    metadata = {**metadata, "annotations": kept}
    if not kept:
        del metadata["annotations"]
    rest = {name: value for name, value in body.items() if name != "status"}
    return {**rest, "metadata": metadata}


def unified(before: Body | None, after: Body | None, *, title: str) -> str:
    """As `diff -u` prints it; None is an object that is not there."""
    lines = difflib.unified_diff(
        written(before),
        written(after),
        fromfile=f"live {title}" if before else "/dev/null",
        tofile=f"planned {title}" if after else "/dev/null",
        n=CONTEXT,
    )
    return "".join(lines)


def written(body: Body | None) -> list[str]:
    if body is None:
        return []
    # In one order of keys: the API server's is not ours.
    text = yaml.dump(body, Dumper=Dumper, sort_keys=True, width=1000, allow_unicode=True)
    return text.splitlines(keepends=True)


def paths(before: Any, after: Any, *, at: str = "") -> Iterator[str]:  # noqa: ANN401 - JSON
    """Where two values differ; items of a list that have names go by them."""
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys((*before, *after)):
            yield from paths(before.get(name), after.get(name), at=f"{at}.{name}" if at else name)
    elif named(before) and named(after):
        first, second = by_name(before), by_name(after)
        for name in dict.fromkeys((*first, *second)):
            yield from paths(first.get(name), second.get(name), at=f"{at}[{name}]")
    else:
        yield at


def named(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, Mapping) and "name" in each for each in value
    )


def by_name(items: list[Mapping[str, Any]]) -> dict[str, Any]:
    return {str(each["name"]): each for each in items}


def rolling(before: Body, after: Body) -> tuple[str, ...]:
    """The fields of a Deployment that make new pods; none of them may be the reason of a roll."""
    templates = [each.get("spec", {}).get("template", {}) for each in (before, after)]
    found = paths(*templates)
    return tuple(path for path in found if not path.endswith(TEMPLATE))
