"""Compile Python ahead, as nothing can be written into a read-only root later.

It halves the start of the operator and more than halves that of vLLM. Python believes ordinary
.pyc files only if they bear the source's time, and images have no times; so these are marked to
be believed without a look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.images import interpreter
from testbed.shell import attempt

if TYPE_CHECKING:
    from pathlib import Path

INSTALLED = "/usr/local/lib/python3.11/dist-packages"


def compile_tree(tree: Path, *, strip: Path, prefix: str = "/", jobs: int = 1) -> None:
    """`strip` and `prefix` make the paths in tracebacks those of the image.

    Some packages ship files that are no valid Python, templates for instance: failing is normal.
    """
    words = ("-q", f"-j{jobs}", "-s", strip, "-p", prefix)
    mode = ("--invalidation-mode", "unchecked-hash")
    attempt(interpreter.find(), "-m", "compileall", *words, *mode, tree)
