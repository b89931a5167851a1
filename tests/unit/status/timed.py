"""Logs of real starts as a kubelet gives them: each line with its time.

The fixtures have the seconds since the process began. A bar is one line, for a runtime stamps and
passes on what is written over and over only when its line ends.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "data" / "timed"
NAMES = sorted(file.stem for file in FOLDER.glob("*.txt"))


def log(name: str, *, began: datetime, until: float = 1e9) -> str:
    """What can be read of it so many seconds after it began."""
    told = []
    for line in (FOLDER / f"{name}.txt").read_text().splitlines():
        seconds, _, text = line.partition(" ")
        if float(seconds) <= until:
            told.append(
                stamped(text.replace("\\r", "\r"), began + timedelta(seconds=float(seconds)))
            )
    return "".join(told)


def stamped(text: str, at: datetime) -> str:
    """Some lines have one time to the microsecond, and still an order."""
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}000Z {text}\n"
