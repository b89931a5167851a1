"""The configuration files of the node's daemons, as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from testbed.settings import Settings

UNUSED_PLUGINS = (
    "io.containerd.internal.v1.tracing",
    "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.zfs",
    "io.containerd.tracing.processor.v1.otlp",
)


def containerd(settings: Settings) -> str:
    """TOML, which the standard library reads but does not write.

    restrict_oom_score_adj: root without CAP_SYS_RESOURCE may not lower a score, and no pod would
    start for the pause container's -998.
    """
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""\
version = 2
root = "{settings.node_dir}/containerd"
state = "/run/containerd"
disabled_plugins = {list(UNUSED_PLUGINS)}

[grpc]
address = "{settings.containerd_socket}"

[{cri}]
sandbox_image = "localhost/pause:1"
restrict_oom_score_adj = true

[{cri}.containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"

[{cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[{cri}.containerd.runtimes.runc.options]
SystemdCgroup = false

[{cri}.cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{settings.node_dir}/cni"
"""


def pod_network(settings: Settings) -> dict[str, Any]:
    """No masquerading: pods are reached, and seen, by their own addresses."""
    return {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": True,
                "ipMasq": False,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "dataDir": "/run/cni-ipam",
                    "ranges": [[{"subnet": str(settings.pods)}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def kubelet(settings: Settings) -> dict[str, Any]:
    pki = settings.pki
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "containerRuntimeEndpoint": f"unix://{settings.containerd_socket}",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{pki}/{settings.node}.crt",
        "tlsPrivateKeyFile": f"{pki}/{settings.node}.key",
        "clusterDNS": [str(settings.network.dns)],
        "clusterDomain": "cluster.local",
        "resolvConf": f"{settings.node_dir}/fake/resolv.conf",
        "volumePluginDir": str(settings.volume_plugins),
        "serializeImagePulls": False,
        # No registry could give an image back that was collected because the disk is rather full.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {
            "memory.available": "200Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
    }


def kube_proxy(settings: Settings) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clusterCIDR": str(settings.network.pods),
        "hostnameOverride": settings.node,
        "clientConnection": {"kubeconfig": f"{settings.pki}/proxy.conf"},
        # Zero leaves alone what is the machine's, or not there until a first rule needs it.
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
        "nodePortAddresses": ["primary"],
    }
