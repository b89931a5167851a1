"""Bring the whole cluster up from nothing, and back to nothing."""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from testbed import (
    addons,
    borrowed,
    daemons,
    gobuild,
    leftovers,
    node,
    packages,
    pki,
    preflight,
    runtime,
)
from testbed.images import OF_UPGRADES, small
from testbed.settings import NODES
from testbed.shell import attempt, run, wait_until
from testbed.turns import turn

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from testbed.settings import Settings
    from testbed.terminal import Progress


def up(settings: Settings, progress: Progress) -> None:
    """A new cluster, whatever was there before: a running one, or one that died half way."""
    binaries = build(settings, progress)
    with alone(settings):
        take_down(settings)
        leftovers.remember_machine(settings)
        start_node(settings, binaries=binaries)
        progress.say("node, etcd, apiserver and containerd started")
        import_images(settings, progress)
        start_kubernetes(settings, binaries=binaries)
        progress.say("the apiserver answers")
        install_addons(settings)
        wait_for_node(settings)
        progress.say("the node is Ready")
        wait_for_addons(settings)
    progress.say("the cluster is ready: names and volumes work")


def down(settings: Settings, progress: Progress) -> None:
    with alone(settings):
        take_down(settings)
    progress.say("the cluster is down")


def load(settings: Settings, progress: Progress, *, only: frozenset[str]) -> None:
    """Images that were built after the cluster came up, or that nobody has asked for until now."""
    node.first_process(settings)
    runtime.import_new(settings, progress, only=only)
    progress.say(f"the cluster has {', '.join(sorted(only)) or 'every image of the cache'}")


def build(settings: Settings, progress: Progress) -> Path:
    """Everything that does not need a running cluster; `make test` asks for it twice at once."""
    preflight.check(settings)
    busy = partial(progress.say, "another process builds already: waiting for what it makes")
    with turn(settings.cache / "locks" / "build", waiting=busy):
        packages.ensure(progress)
        binaries = gobuild.ensure(settings, progress)
    small.build_small(binaries)
    return binaries


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Two of these at once would take each other's cluster down; the second waits."""
    with turn(settings.run / "lock"):
        yield


def take_down(settings: Settings) -> None:
    for each in map(settings.of_node, reversed(NODES)):
        node.stop(each)
        node.forget_state(each)
    borrowed.give_back(settings)
    settings.kubeconfig.unlink(missing_ok=True)


def start_node(settings: Settings, *, binaries: Path) -> None:
    pki.ensure(settings)
    borrowed.borrow(settings)
    node.start(settings)
    daemons.write_configs(settings)
    for name in ("etcd", "kube-apiserver", "containerd"):
        daemons.start(settings, name, binaries=binaries)


def import_images(settings: Settings, progress: Progress) -> None:
    wait_for_containerd(settings)
    runtime.import_new(settings, progress, but=OF_UPGRADES)


def wait_for_containerd(settings: Settings) -> None:
    wait_until(
        lambda: runtime.answers(settings),
        seconds=60,
        what="containerd",
        log=settings.logs / "containerd.log",
    )


def start_kubernetes(settings: Settings, *, binaries: Path) -> None:
    pki.write_kubeconfig(settings, identity="admin", path=settings.kubeconfig)
    wait_until(
        lambda: asked(settings, "get", "--raw=/readyz").returncode == 0,
        seconds=120,
        what="the apiserver becoming ready",
        log=settings.logs / "kube-apiserver.log",
    )
    for name in ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"):
        daemons.start(settings, name, binaries=binaries)


def install_addons(settings: Settings) -> None:
    manifests = json.dumps(addons.manifests(settings))
    run(*kubectl(settings), "apply", "--server-side", "--filename=-", given=manifests)


def wait_for_addons(settings: Settings) -> None:
    for name in addons.DEPLOYMENTS:
        status = ("rollout", "status", f"deployment/{name}", "--timeout=180s")
        run(*kubectl(settings), "--namespace", addons.NAMESPACE, *status)


def wait_for_node(settings: Settings) -> None:
    wait_until(
        lambda: node_is_ready(settings),
        seconds=120,
        what=f"{settings.node} becoming Ready",
        log=settings.logs / "kubelet.log",
    )


def node_is_ready(settings: Settings) -> bool:
    path = '{.status.conditions[?(@.type=="Ready")].status}'
    return (
        asked(settings, "get", "node", settings.node, f"--output=jsonpath={path}").stdout == "True"
    )


def asked(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return attempt(*kubectl(settings), *arguments)


def kubectl(settings: Settings) -> tuple[str, ...]:
    return (f"{settings.programs}/kubectl", "--kubeconfig", str(settings.kubeconfig))
