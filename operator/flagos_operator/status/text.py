"""Strings as a status may hold them: bounded, and times as the API writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

# Colours, and what else a terminal is told: to clear a line, to move, to hide the cursor.
CONTROL = re.compile(r"\x1b\[[0-9;?]{0,16}[A-Za-z]")
LONGEST_MESSAGE = 1024
LONGEST_FIELD = 512
LONGEST_WORD = 40


def bounded(text: str, *, limit: int = LONGEST_MESSAGE) -> str:
    """At most so many bytes: the API server counts neither letters nor mercy.

    Where a blank is near, no word is cut in two.
    """
    raw = text.encode()
    if len(raw) <= limit:
        return text
    kept = raw[: limit - 3].decode(errors="ignore")
    words = kept.rpartition(" ")[0]
    near = words and len(words) > len(kept) - LONGEST_WORD
    return f"{(words if near else kept).rstrip(' ,;:(')}..."


def plain(text: str) -> str:
    """A log without what only a terminal understands, its lines ended as on Linux."""
    return CONTROL.sub("", text).replace("\r\n", "\n")


def stamp(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def pods(number: int) -> str:
    return count(number, "pod")


def count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"


def times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def size(count: int) -> str:
    number, unit = _scaled(count)
    return f"{number} {unit}"


def share(done: int, total: int) -> str:
    """`5.0 of 19.2 GiB`: the unit once, where it is the same."""
    (some, unit), (everything, whole) = _scaled(done), _scaled(total)
    return f"{some} of {everything} {whole}" if unit == whole else f"{size(done)} of {size(total)}"


def duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _scaled(count: int) -> tuple[str, str]:
    number, unit = float(count), 0
    while number >= 1024 and unit < len(UNITS) - 1:  # noqa: PLR2004
        number, unit = number / 1024, unit + 1
    return (f"{number:.1f}" if unit else str(count)), UNITS[unit]
