"""Run a program inside an unpacked root before it is an image: vLLM itself helps to make its own.

As in a pod it is nobody, sees its own root and can write to /tmp alone, and to what is mounted
for it. A mount namespace of its own makes everything vanish with the program.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from testbed.images import oci
from testbed.shell import run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NOBODY = "65534:65534"


def run_within(
    root: Path, *command: str, mounts: Mapping[str, Path], env: Mapping[str, str]
) -> str:
    variables = [f"{name}={value}" for name, value in ({"PATH": oci.PATH} | dict(env)).items()]
    inside = shlex.join(
        ["chroot", f"--userspec={NOBODY}", str(root), "env", "-i", *variables, *command]
    )
    script = "\n".join([*mounting(root, mounts=mounts), f"exec {inside}"])
    # --kill-child: the program's children end with it, whatever happens
    flags = ("--mount", "--pid", "--fork", "--kill-child", "--propagation", "private")
    return run("unshare", *flags, "sh", "-ec", script)


def mounting(root: Path, *, mounts: Mapping[str, Path]) -> list[str]:
    return [
        f"mount --bind {root} {root}",
        f"cd {root}",
        "mount -t proc proc proc",
        "mount -t tmpfs -o mode=1777 tmp tmp",
        # vLLM reads the processor's layout from /sys, and torch /dev/urandom and /dev/shm
        "mount --rbind /sys sys",
        "mount --rbind /dev dev",
        *(f"mount --bind {source} {root}{target}" for target, source in mounts.items()),
    ]
