"""The Python that installs and compiles for the images: it must be of Debian's version, 3.11."""

from __future__ import annotations

import sys
from pathlib import Path

from testbed.shell import TestbedError, succeeds

PROBE = "import sys, pip; sys.exit(sys.version_info[:2] != (3, 11))"
CANDIDATES = (sys.executable, "/usr/bin/python3", str(Path(".venv/bin/python").absolute()))


def find() -> str:
    for candidate in CANDIDATES:
        if succeeds(candidate, "-c", PROBE):
            return candidate
    raise TestbedError(
        f"none of {', '.join(CANDIDATES)} is a Python 3.11 with pip",
        cure="apt-get install python3-pip",
    )
