"""The operator's image: Debian, the pinned packages, and our code as a small layer on top."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.images import bytecode, oci, rootfs, wheels

if TYPE_CHECKING:
    from testbed.images.store import Input, Store

PROJECT = Path(__file__).parents[2]
REQUIREMENTS = "requirements/runtime.txt"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A tree of sources, the image that is made of it, and the name of its packages' layer."""

    image: str
    root: Path
    site: str

    @property
    def requirements(self) -> Path:
        return self.root / REQUIREMENTS

    @property
    def code(self) -> Path:
        return self.root / "operator" / "flagos_operator"


DEV = Version(image="localhost/flagos-operator:dev", root=PROJECT, site="operator-site")


def build(store: Store, version: Version = DEV) -> Path:
    layers = (rootfs.layer(store), packages_layer(store, version))

    def make(scratch: Path) -> oci.Image:
        code = oci.write_layer(scratch / "code.tar", code_entries(scratch, code=version.code))
        return oci.Image(
            name=version.image,
            layers=(*layers, code),
            entrypoint=("flagos-operator",),
            env=ENV,
            user="65532:65532",
            labels={"org.opencontainers.image.title": "flagos-operator"},
        )

    inputs: list[Input] = [*(layer.digest for layer in layers), version.code, Path(__file__)]
    return store.image(version.image, inputs=inputs, make=make)


def packages_layer(store: Store, version: Version) -> oci.Layer:
    site = packages(store, version)
    return store.layer(version.site, inputs=[site.name], make=lambda: [oci.Tree(SITE, site)])


def packages(store: Store, version: Version) -> Path:
    def make(site: Path) -> None:
        wheels.install(version.requirements, into=site, unused=UNUSED)
        wheels.finish(site)

    inputs: list[Input] = [version.requirements, *UNUSED, *wheels.recipe()]
    return store.directory(version.site, inputs=inputs, make=make, usually="30 s")


def code_entries(scratch: Path, *, code: Path) -> list[oci.Entry]:
    site = scratch / "site"
    shutil.copytree(code, site / code.name, ignore=shutil.ignore_patterns("__pycache__"))
    wheels.finish(site, jobs=1)
    return [oci.Tree(SITE, site), oci.Text("usr/local/bin/flagos-operator", COMMAND, 0o755)]
