"""What a verb prints: a reader that has seen enough, as `head` has, changes no exit code."""

from __future__ import annotations

import os
import sys


def put(text: str) -> None:
    """Python would write again at its end, and then end with a code of its own."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
