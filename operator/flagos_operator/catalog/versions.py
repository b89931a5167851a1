"""What is known of the software in an image, and how versions compare."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

NUMBER = re.compile(r"\d+(?:\.\d+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """None is "unknown", and unknown is never "old": nothing is rendered for it either way."""

    vllm: str | None = None
    sglang: str | None = None
    vllm_plugin_fl: str | None = None
    flag_gems: str | None = None
    flag_tree: str | None = None
    flag_cx: str | None = None

    def over(self, weaker: Versions) -> Versions:
        """Takes from `weaker` only what is unknown here."""
        return Versions(
            **{
                part.name: getattr(self, part.name) or getattr(weaker, part.name)
                for part in fields(self)
            }
        )

    @property
    def holds_flagos(self) -> bool:
        return bool(self.vllm_plugin_fl or self.flag_gems)


def numbers(version: str | None) -> tuple[int, ...] | None:
    """The leading numbers: 0.3.0rc2.post1 counts as 0.3.0; "main" has none."""
    found = NUMBER.match((version or "").removeprefix("v"))
    return tuple(int(part) for part in found.group().split(".")) if found else None


def at_least(version: str | None, floor: tuple[int, ...]) -> bool:
    """Whether a version is known and new enough."""
    known = numbers(version)
    return known is not None and known >= floor


def below(version: str | None, ceiling: tuple[int, ...]) -> bool:
    """Whether a version is known and too old: not the opposite of `at_least`."""
    known = numbers(version)
    return known is not None and known < ceiling
