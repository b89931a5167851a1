"""Whether the cluster is up, and which of its daemons runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed import cluster, daemons, node
from testbed.settings import SECOND

if TYPE_CHECKING:
    from testbed.settings import Settings


def healthy(settings: Settings) -> bool:
    wanted = daemons.commands(settings).keys() - daemons.ON_REQUEST
    running = all(daemons.running(settings, name) for name in wanted)
    return running and cluster.node_is_ready(settings)


def describe(settings: Settings) -> str:
    if not node.running(settings):
        return "no cluster is running; `make cluster` starts one"
    rows = [(name, describe_daemon(settings, name)) for name in daemons.commands(settings)]
    rows += [(each.node, describe_node(each)) for each in nodes(settings)]
    rows += [("KUBECONFIG", str(settings.kubeconfig))]
    return "\n".join(f"{name:24} {words}" for name, words in rows)


def nodes(settings: Settings) -> list[Settings]:
    """The second one is there only if somebody asked for it."""
    second = settings.of_node(SECOND)
    return [settings, second] if node.running(second) else [settings]


def describe_node(settings: Settings) -> str:
    return "Ready" if cluster.node_is_ready(settings) else f"not Ready; see {settings.logs}"


def describe_daemon(settings: Settings, name: str) -> str:
    pids = daemons.running(settings, name)
    if not pids and name in daemons.ON_REQUEST:
        return "not asked for"
    return f"running (process {pids[0]})" if pids else f"stopped; see {settings.logs / name}.log"
