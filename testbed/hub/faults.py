"""Faults as rules that can change while the hub runs: POST /_faults with a list of them."""

from __future__ import annotations

import fnmatch
import threading
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Kind = Literal[
    "status", "cut", "stall", "slow", "corrupt", "short", "long", "whole", "redirect", "list"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One fault.

    status   answer with `status` (and Retry-After: `retry_after`) instead of the thing asked for
    cut      close the connection after `at` bytes of the body (absent: half of it)
    stall    send `at` bytes, then nothing more until the rules change
    slow     send at most `bytes_per_second`
    corrupt  right length, wrong bytes; short, long: a whole answer of the wrong length
    whole    answer a range with all of the file
    redirect send the client to `to` with the same path
    list     add `entries` (path, size, sha256) to the listing, or lie so about what is there

    A link that expires in mid-file is a redirect to a store which answers 403 `after` some time.
    """

    kind: Kind
    route: str = "file"  # list, file, or any
    path: str = "*"  # a file name pattern; for listings the repo
    after: int = 0  # so many requests that fit are let through
    times: int | None = None  # how often; absent: always
    status: int = 503
    retry_after: str | None = None
    at: int | None = None
    bytes_per_second: int = 0
    to: str = ""
    entries: tuple[Mapping[str, Any], ...] = ()

    def fits(self, route: str, path: str) -> bool:
        return self.route in (route, "any") and fnmatch.fnmatch(path, self.path)


def parse(raw: Iterable[Mapping[str, Any]]) -> tuple[Rule, ...]:
    names = {field.name for field in fields(Rule)}
    for row in raw:
        if unknown := set(row) - names:
            raise ValueError(f"unknown words in a fault: {sorted(unknown)}")
    return tuple(Rule(**{**row, "entries": tuple(row.get("entries", ()))}) for row in raw)


class Faults:
    """The rules in force and how often each has struck."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._rules: tuple[Rule, ...] = ()
        self._struck: list[int] = []
        self._seen: list[int] = []
        self.replace(rules)

    def replace(self, rules: Iterable[Rule]) -> None:
        with self._changed:
            self._rules = tuple(rules)
            self._struck = [0] * len(self._rules)
            self._seen = [0] * len(self._rules)
            self._changed.notify_all()

    def strike(self, kind: Kind, *, route: str, path: str) -> Rule | None:
        """The first rule of this kind that fits and is not used up; it counts as used."""
        with self._lock:
            for index, rule in enumerate(self._rules):
                spent = rule.times is not None and self._struck[index] >= rule.times
                if rule.kind != kind or spent or not rule.fits(route, path):
                    continue
                self._seen[index] += 1
                if self._seen[index] > rule.after:
                    self._struck[index] += 1
                    return rule
        return None

    def wait_for_change(self, *, since: Rule) -> None:
        """Returns when `since` is no longer in force: a stalled answer goes on."""
        with self._changed:
            self._changed.wait_for(lambda: all(rule is not since for rule in self._rules))

    def in_force(self) -> list[dict[str, Any]]:
        with self._lock:
            names = [field.name for field in fields(Rule)]
            return [
                {name: getattr(rule, name) for name in names} | {"struck": struck}
                for rule, struck in zip(self._rules, self._struck, strict=True)
            ]
