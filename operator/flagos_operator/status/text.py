"""Strings as a status may hold them: bounded, and times as the API writes them."""

from __future__ import annotations

from datetime import UTC, datetime

LONGEST_MESSAGE = 1024
LONGEST_FIELD = 512


def bounded(text: str, *, limit: int = LONGEST_MESSAGE) -> str:
    """At most so many bytes: the API server counts neither letters nor mercy."""
    raw = text.encode()
    if len(raw) <= limit:
        return text
    return raw[: limit - 3].decode(errors="ignore") + "..."


def stamp(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"


def times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
