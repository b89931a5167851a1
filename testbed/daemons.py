"""The command lines of the node's daemons, as values, and how to start and stop one."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testbed import cgroups, configs, kwok, node, pki
from testbed.settings import FIRST
from testbed.shell import TestbedError, wait_until

if TYPE_CHECKING:
    from testbed.settings import Settings

ETCD = "http://127.0.0.1:2379"
# Only some tests need it: `python3 -m testbed start kwok`.
ON_REQUEST = frozenset({"kwok"})
# One node's worth of controllers at their default 20 requests a second looks at the first
# Deployment after five seconds.
UNHURRIED = ("--kube-api-qps=300", "--kube-api-burst=600")


def commands(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Every node runs pods; the first one has the control plane beside them."""
    runs_pods = {
        "containerd": ("containerd", "--config", f"{settings.node_dir}/containerd.toml"),
        "kubelet": kubelet(settings),
        "kube-proxy": ("kube-proxy", f"--config={settings.node_dir}/kube-proxy.json"),
    }
    return control_plane(settings) | runs_pods if settings.number == FIRST else runs_pods


def control_plane(settings: Settings) -> dict[str, tuple[str, ...]]:
    return {
        "etcd": etcd(),
        "kube-apiserver": apiserver(settings),
        "kube-controller-manager": controller_manager(settings),
        "kube-scheduler": scheduler(settings),
        "kwok": kwok.command(settings),
    }


def etcd() -> tuple[str, ...]:
    """In the node's own memory: quicker than a disk that honours fsync, and gone with the node."""
    return (
        "etcd",
        "--data-dir=/run/etcd",
        f"--listen-client-urls={ETCD}",
        f"--advertise-client-urls={ETCD}",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--log-level=warn",
        "--logger=zap",
    )


def apiserver(settings: Settings) -> tuple[str, ...]:
    keys, network = settings.pki, settings.network
    return (
        "kube-apiserver",
        f"--etcd-servers={ETCD}",
        f"--advertise-address={settings.address}",
        f"--service-cluster-ip-range={network.services}",
        "--allow-privileged",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        # Debian's etcd lacks what this needs: kwok's watches would be refused, time and again.
        "--feature-gates=WatchList=false",
        f"--client-ca-file={keys}/ca.crt",
        f"--tls-cert-file={keys}/apiserver.crt",
        f"--tls-private-key-file={keys}/apiserver.key",
        f"--kubelet-client-certificate={keys}/kubelet-client.crt",
        f"--kubelet-client-key={keys}/kubelet-client.key",
        f"--kubelet-certificate-authority={keys}/ca.crt",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={keys}/sa.pub",
        f"--service-account-signing-key-file={keys}/sa.key",
        f"--requestheader-client-ca-file={keys}/ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={keys}/front-proxy-client.crt",
        f"--proxy-client-key-file={keys}/front-proxy-client.key",
    )


def controller_manager(settings: Settings) -> tuple[str, ...]:
    keys, network = settings.pki, settings.network
    return (
        "kube-controller-manager",
        *identified_by(keys / "controller-manager.conf"),
        "--leader-elect=false",
        *UNHURRIED,
        "--controllers=*",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={keys}/sa.key",
        f"--root-ca-file={keys}/ca.crt",
        f"--cluster-signing-cert-file={keys}/ca.crt",
        f"--cluster-signing-key-file={keys}/ca.key",
        f"--cluster-cidr={network.pods}",
        f"--service-cluster-ip-range={network.services}",
        f"--flex-volume-plugin-dir={settings.volume_plugins}",
    )


def scheduler(settings: Settings) -> tuple[str, ...]:
    identity = identified_by(settings.pki / "scheduler.conf")
    return ("kube-scheduler", *identity, "--leader-elect=false", *UNHURRIED)


def kubelet(settings: Settings) -> tuple[str, ...]:
    return (
        "kubelet",
        f"--config={settings.node_dir}/kubelet.json",
        f"--kubeconfig={settings.pki}/{settings.node}.conf",
        f"--node-ip={settings.address}",
        f"--hostname-override={settings.node}",
    )


def identified_by(kubeconfig: Path) -> tuple[str, ...]:
    """Who it is to the apiserver, and whom it asks about those who call it."""
    kinds = ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")
    return tuple(f"--{kind}={kubeconfig}" for kind in kinds)


def write_configs(settings: Settings) -> None:
    home = settings.node_dir
    (home / "cni").mkdir(exist_ok=True)
    (home / "containerd.toml").write_text(configs.containerd(settings))
    write_json(home / "cni" / "10-pods.conflist", configs.pod_network(settings))
    write_json(home / "kubelet.json", configs.kubelet(settings))
    write_json(home / "kube-proxy.json", configs.kube_proxy(settings))
    if settings.number == FIRST:
        kwok.write_config(settings)
    for identity in kubeconfigs(settings):
        path = settings.pki / f"{identity}.conf"
        pki.write_kubeconfig(settings, identity=identity, path=path)


def kubeconfigs(settings: Settings) -> tuple[str, ...]:
    of_node = ("proxy", settings.node)
    return ("controller-manager", "scheduler", *of_node) if settings.number == FIRST else of_node


def write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2))


def start(settings: Settings, name: str, *, binaries: Path) -> None:
    command = known(settings, name)
    path = f"{binaries}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    in_node = node.inside(settings, "env", f"PATH={path}", *command)
    node.spawn(in_node, log=settings.logs / f"{name}.log")


def stop(settings: Settings, name: str) -> None:
    """As if it crashed: no chance to say goodbye. Its ports are free when this returns."""
    known(settings, name)
    pids = running(settings, name)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_until(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids),
        seconds=20,
        what=f"the end of {name}",
        log=settings.logs / f"{name}.log",
    )


def running(settings: Settings, name: str) -> list[int]:
    """By what was executed: nsenter, which waits outside, has the name as an argument only."""
    return [pid for pid in cgroups.processes(settings.cgroup) if program_of(pid) == name]


def program_of(pid: int) -> str:
    lines = cgroups.read_lines(Path(f"/proc/{pid}/cmdline"))
    return Path(lines[0].split("\0")[0]).name if lines else ""


def known(settings: Settings, name: str) -> tuple[str, ...]:
    found = commands(settings)
    if name not in found:
        raise TestbedError(f"no daemon is called {name}", cure=f"one of {', '.join(found)}")
    return found[name]
