"""Server-side apply on plain dicts: lists with keys are maps, the rest is replaced whole.

merged = remove(live, what was applied before and is not wanted now)
merged = overlay(merged, wanted)
"""

from __future__ import annotations

import copy
from typing import Any

# Of the lists that operators write; every other list is atomic.
LIST_KEYS = {
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "ports": ("port", "containerPort", "protocol"),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}


def apply(live: Any, wanted: Any, *, before: Any) -> Any:
    return _overlay(_remove(copy.deepcopy(live), wanted, before), copy.deepcopy(wanted), "")


def merge_patch(live: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(live) if isinstance(live, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def strategic(live: Any, patch: Any, name: str = "") -> Any:
    """As a merge patch, but items of a list with keys are merged, or taken away, one by one."""
    if isinstance(patch, dict):
        known = live if isinstance(live, dict) else {}
        return known | {field: strategic(known.get(field), v, field) for field, v in patch.items()}
    if name not in LIST_KEYS:
        return copy.deepcopy(patch)
    found = _keyed(name, live or [])
    for item in patch:
        if item.get("$patch") == "delete":
            found.pop(_key(name, item), None)
        else:
            found[_key(name, item)] = strategic(found.get(_key(name, item)), item)
    return list(found.values())


def _remove(live: Any, wanted: Any, before: Any, name: str = "") -> Any:
    if isinstance(before, dict) and isinstance(live, dict):
        for field, old in before.items():
            if field not in live:
                continue
            if not isinstance(wanted, dict) or field not in wanted:
                live[field] = _remove(live[field], [], old, field) if field in LIST_KEYS else None
                if not live[field]:
                    del live[field]
            else:
                live[field] = _remove(live[field], wanted[field], old, field)
    elif name in LIST_KEYS and isinstance(before, list) and isinstance(live, list):
        keep, gone = _keyed(name, wanted or []), _keyed(name, before)
        live = [
            _remove(each, keep.get(_key(name, each)), gone[_key(name, each)])
            if _key(name, each) in gone
            else each
            for each in live
            if _key(name, each) in keep or _key(name, each) not in gone
        ]
    return live


def _overlay(live: Any, wanted: Any, name: str) -> Any:
    if isinstance(wanted, dict) and isinstance(live, dict):
        return live | {
            field: _overlay(live.get(field), value, field) for field, value in wanted.items()
        }
    if name in LIST_KEYS and isinstance(wanted, list) and isinstance(live, list):
        found = _keyed(name, live)
        for key, value in _keyed(name, wanted).items():
            found[key] = _overlay(found.get(key), value, "")
        return list(found.values())
    return wanted


def _keyed(name: str, items: list[Any]) -> dict[tuple[Any, ...], Any]:
    return {_key(name, each): each for each in items}


def _key(name: str, item: Any) -> tuple[Any, ...]:
    return tuple(item.get(field) for field in LIST_KEYS[name])


def conflicts(live: Any, wanted: Any, theirs: Any, *, at: str = "", name: str = "") -> list[str]:
    """Paths at which `wanted` would change what is `theirs`."""
    if isinstance(wanted, dict) and isinstance(theirs, dict) and isinstance(live, dict):
        both = [field for field in wanted if field in theirs and field in live]
        return [
            path
            for field in both
            for path in conflicts(
                live[field], wanted[field], theirs[field], at=f"{at}.{field}", name=field
            )
        ]
    if name in LIST_KEYS and isinstance(wanted, list) and isinstance(theirs, list):
        mine, other, has = (_keyed(name, each) for each in (wanted, theirs, live))
        return [
            path
            for key in mine.keys() & other.keys() & has.keys()
            for path in conflicts(has[key], mine[key], other[key], at=f"{at}{_spoken(name, key)}")
        ]
    return [] if wanted == live else [at]


def _spoken(name: str, key: tuple[Any, ...]) -> str:
    words = (f'{field}="{value}"' for field, value in zip(LIST_KEYS[name], key, strict=True))
    return f"[{','.join(words)}]"


def less(said: Any, patch: Any) -> Any:
    """Without the fields that a patch has; a list of it counts as a whole."""
    if not isinstance(said, dict) or not isinstance(patch, dict):
        return said
    return {
        field: less(value, patch.get(field))
        for field, value in said.items()
        if field not in patch or (isinstance(value, dict) and isinstance(patch[field], dict))
    }
