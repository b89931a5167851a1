"""Where images are pulled from, where that differs from where they were published."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def rewritten(image: str, *, rules: Mapping[str, str]) -> str:
    """The longest prefix wins: harbor.example/flagos before harbor.example."""
    full = qualified(image)
    for prefix in sorted(rules, key=len, reverse=True):
        if full.startswith(prefix.rstrip("/") + "/"):
            return rules[prefix].rstrip("/") + full[len(prefix.rstrip("/")) :]
    return image


def qualified(image: str) -> str:
    """The name that a container runtime makes of a short one."""
    host, slash, rest = image.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        return image
    return f"docker.io/{image}" if rest else f"docker.io/library/{image}"
