"""Run programs, wait for things, and fail with words that name the cure."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

POLL_SECONDS = 0.05
SHOWN_LINES = 15


class TestbedError(Exception):
    """What went wrong and what a person can do about it; printed without a traceback."""

    __test__ = False  # its name would make pytest collect it

    def __init__(self, message: str, *, cure: str = "") -> None:
        super().__init__(message)
        self.cure = cure


def run(
    *command: str | Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    given: str | None = None,
) -> str:
    """The output of a command that has to succeed."""
    result = attempt(*command, env=env, cwd=cwd, given=given)
    if result.returncode:
        said = last_lines(result.stderr or result.stdout)
        raise TestbedError(f"`{shown(command)}` failed ({result.returncode}):\n{said}")
    return result.stdout


def attempt(
    *command: str | Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    given: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """The same for a command that may fail; one that does not exist fails like any other."""
    try:
        return subprocess.run(
            command, check=False, capture_output=True, text=True, env=env, cwd=cwd, input=given
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(command, 127, "", f"{command[0]}: not found")


def succeeds(*command: str | Path) -> bool:
    return attempt(*command).returncode == 0


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str, log: Path) -> None:
    """Ask again and again; on giving up show the end of the log that knows why."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            said = last_lines(log.read_text(errors="replace")) if log.exists() else "(empty)"
            raise TestbedError(
                f"{what}: not within {seconds:.0f} s. The end of {log}:\n{said}",
                cure="`make cluster` again starts from nothing; on a busy machine it takes longer",
            )
        time.sleep(POLL_SECONDS)


def last_lines(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines()[-SHOWN_LINES:])


def shown(command: tuple[str | Path, ...]) -> str:
    return " ".join(str(word) for word in command)
