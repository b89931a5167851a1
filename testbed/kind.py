"""The same tests on a cluster of kind's, for machines that have Docker (make cluster KIND=1).

Only as far as the tests need it: a cluster, its kubeconfig in the usual place, our images in it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from testbed import runtime
from testbed.shell import TestbedError, run, succeeds

if TYPE_CHECKING:
    from testbed.settings import Settings
    from testbed.terminal import Progress

# kind brings its own of these.
NOT_LOADED = ("localhost/coredns:1", "localhost/local-path-provisioner:1", "localhost/pause:1")


def up(settings: Settings, progress: Progress) -> None:
    require("docker", "https://docs.docker.com/engine/install/")
    require("kind", "https://kind.sigs.k8s.io/docs/user/quick-start/#installation")
    down(settings, progress)
    settings.run.mkdir(parents=True, exist_ok=True)
    with progress.step("creating a kind cluster", usually="a minute"):
        run("kind", "create", "cluster", *named(settings), "--wait", "180s")
    for archive in runtime.archives(settings.images):
        if archive.name not in NOT_LOADED:
            progress.say(f"loading {archive.name}")
            name = ("--name", settings.name)
            run("kind", "load", "image-archive", str(archive.path), *name)
    progress.say("the kind cluster is ready")


def down(settings: Settings, progress: Progress) -> None:
    run("kind", "delete", "cluster", *named(settings))
    settings.kubeconfig.unlink(missing_ok=True)
    progress.say("no kind cluster is left")


def named(settings: Settings) -> tuple[str, ...]:
    return ("--name", settings.name, "--kubeconfig", os.fspath(settings.kubeconfig))


def require(program: str, instructions: str) -> None:
    if not succeeds(program, "version"):
        raise TestbedError(f"{program} does not run here", cure=f"install it: {instructions}")
