"""Python packages for an image, unpacked beside each other without a virtual environment."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.images import bytecode, interpreter
from testbed.shell import run

if TYPE_CHECKING:
    from collections.abc import Iterable


# It lists the scripts that are made for the Python of this machine, with their digests.
OF_THIS_MACHINE = "*.dist-info/RECORD"


def install(requirements: Path, *, into: Path, unused: Iterable[str]) -> None:
    """Exactly the pinned wheels, nothing that would have to be built, less what is not needed."""
    flags = ("--quiet", "--no-deps", "--no-compile", "--only-binary", ":all:")
    run(
        *(interpreter.find(), "-m", "pip", "install", *flags),
        *("--target", into, "-r", requirements),
        env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"},
    )
    for pattern in (OF_THIS_MACHINE, *unused):
        for path in into.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def recipe() -> tuple[Path, ...]:
    """An input of whatever is installed by this module."""
    return (Path(__file__), Path(bytecode.__file__))


def finish(site: Path, *, jobs: int = 2) -> None:
    """Compiled, and readable for whatever user a pod runs as."""
    bytecode.compile_tree(site, strip=site, prefix=bytecode.INSTALLED, jobs=jobs)
    run("chmod", "-R", "a+rX", site)
