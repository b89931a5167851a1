"""etcd, the API server and kwok of this project's own cluster: to be killed, stopped, started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from testbed import cluster, daemons, node
from testbed.settings import Settings
from testbed.shell import run
from tests.bench.waiting import until

ROOT = Path(__file__).parents[2]
BACK = 60.0
# Without an API server these sleep, in the end for a minute: that is not what is tested.
SLEEPY = ("kube-controller-manager", "kube-scheduler")


class BorrowedClusterError(Exception):
    """The cluster is somebody's who would not like it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    settings: Settings

    async def kill(self, daemon: str) -> None:
        """As a crash would."""
        await asyncio.to_thread(daemons.stop, self.settings, daemon)

    async def start_anew(self, *names: str) -> None:
        for name in names:
            await self.kill(name)
            await self.start(name)

    async def start(self, daemon: str) -> None:
        # By a process of its own, as a daemon outlives whoever starts it.
        words = (sys.executable, "-m", "testbed", "start", daemon)
        await asyncio.to_thread(run, *words, cwd=ROOT)
        await until(self.answers, within=BACK, every=0.2)

    @contextlib.asynccontextmanager
    async def without(self, daemon: str) -> AsyncIterator[None]:
        """Without the API server, or without etcd.

        kwok begins again afterwards, as it forgets a pod whose write met an answer of 500 or a cut
        connection (`shouldRetry` in its pkg/kwok/controllers/utils.go). A kubelet would not.
        """
        await self.kill(daemon)
        try:
            yield
        finally:
            await self.start_anew(daemon, "kwok")

    async def answers(self) -> bool:
        asked = await asyncio.to_thread(cluster.asked, self.settings, "get", "--raw=/readyz")
        return asked.returncode == 0

    async def compact(self, version: str) -> None:
        """Let etcd forget all versions before this one."""
        words = ("etcdctl", f"--endpoints={daemons.ETCD}", "compact", version)
        await asyncio.to_thread(run, *node.inside(self.settings, *words))


def own() -> ControlPlane:
    """Of the cluster that KUBECONFIG names, if it is one that may be broken."""
    settings = Settings.from_environment(os.environ, home=Path.home())
    named = Path(os.environ.get("KUBECONFIG", "")).absolute()
    if named != settings.kubeconfig or not node.running(settings):
        raise BorrowedClusterError(
            "these tests kill etcd and the API server, so they run on this project's own cluster "
            f"alone, and KUBECONFIG={os.environ.get('KUBECONFIG', '')!r} does not name it: "
            "run `make cluster`, then eval $(make -s env)"
        )
    return ControlPlane(settings=settings)


@contextlib.asynccontextmanager
async def with_kwok(plane: ControlPlane) -> AsyncIterator[None]:
    already = daemons.running(plane.settings, "kwok")
    if not already:
        await plane.start("kwok")
    try:
        yield
    finally:
        if not already:
            await plane.kill("kwok")
