"""Where everything is, and which addresses the cluster uses. Decided once, passed around."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# The first one is always there and has the control plane; the second comes when it is asked for.
FIRST, SECOND = NODES = (1, 2)
PINNED_KUBERNETES = "v1.36.3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One /16 holds every address, so that nothing else on the machine can collide in part."""

    whole: IPv4Network

    @property
    def machine(self) -> IPv4Address:
        return self.whole[1]

    def node(self, number: int) -> IPv4Address:
        return self.whole[10 + number]

    @property
    def control_plane(self) -> IPv4Address:
        return self.node(FIRST)

    @property
    def link_prefix(self) -> int:
        return 24

    @property
    def pods(self) -> IPv4Network:
        """Room for 64 nodes of 256 pods."""
        return IPv4Network((self.whole[64 << 8], 18))

    def node_pods(self, number: int) -> IPv4Network:
        return IPv4Network((self.whole[(64 + number) << 8], 24))

    @property
    def fake_pods(self) -> IPv4Network:
        """Of pods that only kwok knows: nothing answers there."""
        return IPv4Network((self.whole[80 << 8], 20))

    @property
    def services(self) -> IPv4Network:
        """Room for 16,000: the bench makes a Service for each of 5,000 models."""
        return IPv4Network((self.whole[128 << 8], 18))

    @property
    def api_service(self) -> IPv4Address:
        return self.services[1]

    @property
    def dns(self) -> IPv4Address:
        return self.services[10]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`name` tells clusters on one machine apart: it names their links and cgroups.

    `number` is that of the node whose things are meant.
    """

    cache: Path
    name: str = "flagos"
    network: Network = field(default_factory=lambda: Network(whole=IPv4Network("10.89.0.0/16")))
    number: int = FIRST

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], *, home: Path) -> Settings:
        default = home / ".cache" / "flagos-operator"
        return cls(
            cache=Path(environ.get("FLAGOS_CACHE") or default).absolute(),
            name=environ.get("FLAGOS_CLUSTER") or "flagos",
            network=Network(whole=IPv4Network(environ.get("FLAGOS_NETWORK") or "10.89.0.0/16")),
        )

    def environment(self) -> dict[str, str]:
        """By which whatever comes later, this program too, finds the same cluster."""
        return {
            "KUBECONFIG": str(self.kubeconfig),
            "FLAGOS_CACHE": str(self.cache),
            "FLAGOS_CLUSTER": self.name,
            "FLAGOS_NETWORK": str(self.network.whole),
        }

    def of_node(self, number: int) -> Settings:
        return replace(self, number=number)

    @property
    def images(self) -> Path:
        return self.cache / "images"

    @property
    def programs(self) -> Path:
        """What a person puts on PATH: links to the programs that are current."""
        return self.cache / "path"

    @property
    def run(self) -> Path:
        return self.cache / ("run" if self.name == "flagos" else f"run-{self.name}")

    @property
    def pki(self) -> Path:
        return self.run / "pki"

    @property
    def kubeconfig(self) -> Path:
        return self.run / "admin.conf"

    @property
    def node(self) -> str:
        return f"node{self.number}"

    @property
    def address(self) -> IPv4Address:
        return self.network.node(self.number)

    @property
    def pods(self) -> IPv4Network:
        return self.network.node_pods(self.number)

    @property
    def node_dir(self) -> Path:
        return self.run / self.node

    @property
    def logs(self) -> Path:
        return self.node_dir / "log"

    @property
    def volume_plugins(self) -> Path:
        """Kubernetes makes this directory, and outside the cluster's own unless it is told."""
        return self.node_dir / "volume-plugins"

    @property
    def containerd_socket(self) -> Path:
        return self.node_dir / "containerd.sock"

    @property
    def link(self) -> str:
        """The machine's end of the cable to the first node."""
        return f"{self.name}0"

    @property
    def cgroup(self) -> str:
        return f"{self.name}-{self.node}"
