"""The operator's image: Debian, the pinned packages, and our code as a small layer on top."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.images import bytecode, oci, rootfs, wheels

if TYPE_CHECKING:
    from testbed.images.store import Input, Store

NAME = "localhost/flagos-operator:dev"
PROJECT = Path(__file__).parents[2]
REQUIREMENTS = PROJECT / "requirements" / "runtime.txt"
CODE = PROJECT / "operator" / "flagos_operator"
SITE = bytecode.INSTALLED.lstrip("/")
UNUSED = (
    "bin",
    # The kubernetes package holds its client twice. Ours is kubernetes.aio; of the other one the
    # verbs are imported when they are named, which nothing does. (Its models are imported.)
    "kubernetes/client/api",
)
COMMAND = """\
#!/usr/bin/python3
import sys

from flagos_operator.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
"""
ENV = {
    "HOME": "/tmp",  # noqa: S108 (the one place that a pod can write to)
    # Without it getpass, which kopf asks who it is, fails for a user that /etc/passwd lacks.
    "LOGNAME": "flagos-operator",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
}


def build(store: Store) -> Path:
    layers = (rootfs.layer(store), packages_layer(store))

    def make(scratch: Path) -> oci.Image:
        code = oci.write_layer(scratch / "code.tar", code_entries(scratch))
        return oci.Image(
            name=NAME,
            layers=(*layers, code),
            entrypoint=("flagos-operator",),
            env=ENV,
            user="65532:65532",
            labels={"org.opencontainers.image.title": "flagos-operator"},
        )

    inputs: list[Input] = [*(layer.digest for layer in layers), CODE, Path(__file__)]
    return store.image(NAME, inputs=inputs, make=make)


def packages_layer(store: Store) -> oci.Layer:
    site = packages(store)
    return store.layer("operator-site", inputs=[site.name], make=lambda: [oci.Tree(SITE, site)])


def packages(store: Store) -> Path:
    def make(site: Path) -> None:
        wheels.install(REQUIREMENTS, into=site, unused=UNUSED)
        wheels.finish(site)

    inputs: list[Input] = [REQUIREMENTS, *UNUSED, *wheels.recipe()]
    return store.directory("operator-site", inputs=inputs, make=make, usually="30 s")


def code_entries(scratch: Path) -> list[oci.Entry]:
    site = scratch / "site"
    shutil.copytree(CODE, site / CODE.name, ignore=shutil.ignore_patterns("__pycache__"))
    wheels.finish(site, jobs=1)
    return [oci.Tree(SITE, site), oci.Text("usr/local/bin/flagos-operator", COMMAND, 0o755)]
