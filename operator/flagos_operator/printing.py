"""What a verb prints and is given. A reader that has seen enough, as `head`, changes no code."""

from __future__ import annotations

import errno
import io
import os
import sys

UNWRITABLE = 2


def put(text: str) -> None:
    if not written(text):
        sys.exit(UNWRITABLE)


def written(text: str) -> bool:
    """Python would write again at its end, and then end with a code of its own."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # of a terminal that knows ASCII alone
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _turn_away()
    except OSError as wrong:
        _turn_away()
        say(f"stdout: {wrong.strerror}")
        return False
    return True


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def given() -> bytes:
    """Standard input to its end; an OSError where it is closed, as where it cannot be read."""
    if sys.stdin is None:
        raise OSError(errno.EBADF, "standard input is closed")
    return sys.stdin.buffer.read()


def _turn_away() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
