"""The flags of `docker run`, and of podman and nerdctl where theirs differ: what becomes of each.

A flag whose `use` is not empty is read by the part of this package of that name; the others are
left out, and `why` says what stands for them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    takes: bool
    why: str = ""
    use: str = ""


DEPLOYMENT = "left out: a Deployment starts the server, keeps it running and restarts it"
LOGS = "left out: the node's container runtime keeps the logs, see `kubectl logs`"
NAMED = "left out: the name of the model, metadata.name, names its pods and its Service"
PULLED = "left out: Kubernetes pulls the image; imagePullPolicy and imagePullSecrets say how"
DEVICES = "replaced: the device plugin hands out what `chip` and `devices` ask for"
NETWORK = "left out: a Service gives the model its address; pod.hostNetwork for the node's network"
LIMITS = (
    "left out: Kubernetes has no field for limits of a process; a soft one can be set in "
    "server.preStart, e.g. `ulimit -n 65535`"
)
PRIVILEGED = (
    "left out: the chip's profile says what its pods need; for more, server.securityContext"
)
RESOURCES = "left out: server.resources {limits, requests} sets CPU and memory"
SHARED = (
    "replaced: /dev/shm is a volume of the pod's own, sized by the chip or the number of devices; "
    "server.sharedMemory sets it"
)
LABELS = "left out: pod.labels and pod.annotations set them"
DNS = "left out: pod.dnsPolicy and pod.dnsConfig set it"
HEALTH = "left out: the operator probes the server's own health path"
TUNING = "left out: Kubernetes has no field for it"
STORAGE = "left out: volumes of the pod are pod.volumes and server.volumeMounts"


def off(why: str, *names: str) -> dict[str, Flag]:
    """Switches without a value."""
    return dict.fromkeys(names, Flag(takes=False, why=why))


def drop(why: str, *names: str) -> dict[str, Flag]:
    """Flags with a value."""
    return dict.fromkeys(names, Flag(takes=True, why=why))


def use(what: str, *names: str, why: str = "") -> dict[str, Flag]:
    return dict.fromkeys(names, Flag(takes=True, use=what, why=why))


TABLE: dict[str, Flag] = {
    **use("env", "-e", "--env"),
    **use("env-file", "--env-file"),
    **use("volume", "-v", "--volume"),
    **use("mount", "--mount"),
    **use("device", "--device", why=DEVICES),
    **use("gpus", "--gpus", why=DEVICES),
    **use("runtime", "--runtime", why="left out: the chip's profile or pod.runtimeClassName"),
    **use("user", "-u", "--user"),
    **use("workdir", "-w", "--workdir"),
    **use("entrypoint", "--entrypoint"),
    **use("publish", "-p", "--publish"),
    **use("name", "--name", why=NAMED),
    **use("add-host", "--add-host"),
    **off(
        DEPLOYMENT,
        *("-d", "--detach", "-i", "--interactive", "-t", "--tty", "--rm", "--init"),
        *("--sig-proxy", "--no-healthcheck", "--oom-kill-disable", "--replace"),
    ),
    **drop(
        DEPLOYMENT,
        *("--restart", "--stop-signal", "--stop-timeout", "-a", "--attach", "--detach-keys"),
        *("--cidfile", "--init-path", "--pidfile", "--conmon-pidfile", "--systemd", "--sdnotify"),
    ),
    **drop(LOGS, "--log-driver", "--log-opt", "--log-level"),
    **drop(NAMED, "-h", "--hostname", "--domainname", "--network-alias", "--net-alias", "--pod"),
    **drop(PULLED, "--pull", "--platform", "--authfile", "--arch", "--os", "--variant"),
    **off(PULLED, "-q", "--quiet", "--disable-content-trust", "--tls-verify"),
    **drop(DEVICES, "--device-cgroup-rule"),
    **drop(
        NETWORK,
        *("--net", "--network", "--ip", "--ip6", "--mac-address", "--link", "--expose"),
        *("--link-local-ip", "--netns"),
    ),
    **off(NETWORK, "-P", "--publish-all", "--no-hosts"),
    **drop(
        "left out: nothing of a single pod needs the node's namespaces; pod.hostIPC and "
        "pod.hostPID share them",
        *("--ipc", "--pid", "--uts", "--userns", "--cgroupns", "--uidmap", "--gidmap"),
    ),
    **off(PRIVILEGED, "--privileged"),
    **drop(
        PRIVILEGED,
        *("--cap-add", "--cap-drop", "--security-opt", "--group-add", "--volume-driver"),
    ),
    **off("left out: the root of a server is read-only unless it is privileged", "--read-only"),
    **drop(LIMITS, "--ulimit", "--pids-limit", "--oom-score-adj", "--sysctl"),
    **drop(
        RESOURCES,
        *("-m", "--memory", "--memory-swap", "--memory-reservation", "--memory-swappiness"),
        *("-c", "--cpus", "--cpu-shares", "--cpu-period", "--cpu-quota", "--cpu-count"),
        *("--cpu-percent", "--cpu-rt-period", "--cpu-rt-runtime", "--kernel-memory"),
    ),
    **drop(
        "left out: pinning to CPUs is the node's work, the static CPU policy of its kubelet",
        *("--cpuset-cpus", "--cpuset-mems"),
    ),
    **drop(SHARED, "--shm-size"),
    **drop(
        "replaced: /tmp and /dev/shm are volumes of the pod's own, and programs may run there",
        "--tmpfs",
    ),
    **drop(LABELS, "-l", "--label", "--label-file", "--annotation"),
    **drop(DNS, "--dns", "--dns-opt", "--dns-option", "--dns-search"),
    **drop(
        HEALTH,
        *("--health-cmd", "--health-interval", "--health-retries", "--health-start-period"),
        *("--health-start-interval", "--health-timeout"),
    ),
    **drop(
        TUNING,
        *("--blkio-weight", "--blkio-weight-device", "--device-read-bps", "--device-read-iops"),
        *("--device-write-bps", "--device-write-iops", "--cgroup-parent", "--isolation"),
        *("--io-maxbandwidth", "--io-maxiops", "--hooks-dir", "--rdt-class"),
    ),
    **drop(STORAGE, "--volumes-from", "--storage-opt", "--secret", "--rootfs"),
    **off("left out: the variables of a host are not known here", "--env-host", "--http-proxy"),
}
CLUSTERED = {
    name[1] for name, flag in TABLE.items() if not name.startswith("--") and not flag.takes
}
