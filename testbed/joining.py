"""A second real node while somebody needs it: with its own containerd, kubelet and kube-proxy.

It has the images of the operator, of the hub and of volumes, whose Python can serve in a test. A
vLLM would take half a minute and three gigabytes to import: what needs one stays on the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed import cluster, daemons, gobuild, node, runtime
from testbed.images import hub, operator
from testbed.settings import SECOND
from testbed.shell import attempt

if TYPE_CHECKING:
    from pathlib import Path

    from testbed.settings import Settings
    from testbed.terminal import Progress

SMALL = ("localhost/pause:1", "localhost/busybox:1")
IMAGES = frozenset({*SMALL, operator.DEV.image, hub.NAME})
DRAIN = ("--force", "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=60s")


def join(settings: Settings, progress: Progress) -> None:
    """Whatever was there of a second node before, one that died half way too, is replaced."""
    binaries = gobuild.ensure(settings, progress)
    second = settings.of_node(SECOND)
    with cluster.alone(settings):
        node.first_process(settings)
        take_away(second)
        start(second, binaries=binaries, progress=progress)
        cluster.wait_for_node(second)
    progress.say(f"{second.node} is Ready")


def start(second: Settings, *, binaries: Path, progress: Progress) -> None:
    node.start(second)
    daemons.write_configs(second)
    daemons.start(second, "containerd", binaries=binaries)
    cluster.wait_for_containerd(second)
    runtime.import_new(second, progress, only=IMAGES)
    for name in ("kubelet", "kube-proxy"):
        daemons.start(second, name, binaries=binaries)


def leave(settings: Settings, progress: Progress) -> None:
    """In order: first its pods go elsewhere, then the node. What cannot be drained goes anyway."""
    second = settings.of_node(SECOND)
    with cluster.alone(settings):
        attempt(*cluster.kubectl(settings), "drain", second.node, *DRAIN)
        take_away(second)
    progress.say(f"{second.node} is gone")


def take_away(second: Settings) -> None:
    """The kubelet first: one that runs would register its node anew."""
    node.stop(second)
    node.forget_state(second)
    cluster.asked(second, "delete", "node", second.node, "--ignore-not-found")
