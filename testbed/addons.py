"""What a cluster needs beyond its daemons: names (CoreDNS) and volumes (local-path)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from testbed.settings import Settings

Manifest = dict[str, Any]

NAMESPACE = "kube-system"
DEPLOYMENTS = ("coredns", "local-path-provisioner")
PROVISIONER = "local-path-provisioner"

# Port 53 would need a capability. Nothing is forwarded: names outside fail at once.
COREFILE = """\
.:5353 {
    errors
    health :8080 {
        lameduck 1s
    }
    ready :8181
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        ttl 5
    }
    cache 5
}
"""

# Under kubelet's directory, the one place that is both on the machine's disk and the node's own.
VOLUMES = {
    "nodePathMap": [
        {"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": ["/var/lib/kubelet/local-path"]}
    ]
}
SETUP = '#!/bin/sh\nset -eu\nmkdir -m 0777 -p "$VOL_DIR"\n'
TEARDOWN = '#!/bin/sh\nset -eu\nrm -rf "$VOL_DIR"\n'


def manifests(settings: Settings) -> Manifest:
    items = [*dns(settings), *volumes()]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def dns(settings: Settings) -> list[Manifest]:
    watched = [
        rule(resources=["endpoints", "services", "pods", "namespaces"], verbs=["list", "watch"]),
        rule("discovery.k8s.io", resources=["endpointslices"], verbs=["list", "watch"]),
    ]
    return [
        service_account("coredns"),
        *granted("coredns", rules=watched),
        config_map("coredns", data={"Corefile": COREFILE}),
        coredns_deployment(),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata("kube-dns", labels={"k8s-app": "kube-dns"}),
            "spec": {
                "clusterIP": str(settings.network.dns),
                "selector": {"k8s-app": "kube-dns"},
                "ports": [
                    {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 5353},
                    {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 5353},
                ],
            },
        },
    ]


def coredns_deployment() -> Manifest:
    container = {
        "name": "coredns",
        "image": "localhost/coredns:1",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"memory": "170Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns"}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
        "livenessProbe": {"httpGet": {"path": "/health", "port": 8080}},
    }
    pod = {
        "serviceAccountName": "coredns",
        "priorityClassName": "system-cluster-critical",
        "dnsPolicy": "Default",
        "terminationGracePeriodSeconds": 2,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }
    return deployment("coredns", labels={"k8s-app": "kube-dns"}, pod=pod)


def volumes() -> list[Manifest]:
    read, every = ["get", "list", "watch"], ["get", "list", "watch", "create", "patch", "delete"]
    watched = ["nodes", "persistentvolumeclaims", "configmaps", "pods", "pods/log"]
    rules = [
        rule(resources=watched, verbs=read),
        rule(resources=["persistentvolumes"], verbs=[*every, "update"]),
        rule(resources=["pods"], verbs=["create", "delete"]),
        rule(resources=["events"], verbs=["create", "patch"]),
        rule("storage.k8s.io", resources=["storageclasses"], verbs=read),
    ]
    return [
        service_account(PROVISIONER),
        *granted(PROVISIONER, rules=rules),
        config_map(PROVISIONER, data=provisioner_config()),
        provisioner_deployment(),
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": "local-path",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": "rancher.io/local-path",
            "volumeBindingMode": "WaitForFirstConsumer",
            "reclaimPolicy": "Delete",
        },
    ]


def provisioner_config() -> dict[str, str]:
    return {
        "config.json": json.dumps(VOLUMES),
        "setup": SETUP,
        "teardown": TEARDOWN,
        "helperPod.yaml": json.dumps(helper_pod()),
    }


def helper_pod() -> Manifest:
    """Makes and removes the directory of a volume."""
    helper = {
        "name": "helper-pod",
        "image": "localhost/busybox:1",
        "imagePullPolicy": "IfNotPresent",
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "helper-pod"},
        "spec": {
            "priorityClassName": "system-node-critical",
            "tolerations": [{"operator": "Exists"}],
            "containers": [helper],
        },
    }


def provisioner_deployment() -> Manifest:
    namespace = {"fieldRef": {"fieldPath": "metadata.namespace"}}
    # It looks for an account and a config map of other names unless told, and says so late.
    named = ["--service-account-name", PROVISIONER, "--configmap-name", PROVISIONER]
    container = {
        "name": "provisioner",
        "image": f"localhost/{PROVISIONER}:1",
        "args": ["start", "--config", "/etc/config/config.json", *named],
        "env": [
            {"name": "POD_NAMESPACE", "valueFrom": namespace},
            {"name": "CONFIG_MOUNT_PATH", "value": "/etc/config/"},
        ],
        "volumeMounts": [{"name": "config", "mountPath": "/etc/config/"}],
    }
    pod = {
        "serviceAccountName": PROVISIONER,
        "terminationGracePeriodSeconds": 2,
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": PROVISIONER}}],
    }
    return deployment(PROVISIONER, labels={"app": PROVISIONER}, pod=pod)


def metadata(name: str, *, labels: dict[str, str] | None = None) -> Manifest:
    return {"name": name, "namespace": NAMESPACE, "labels": labels or {}}


def service_account(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(name)}


def config_map(name: str, *, data: dict[str, str]) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(name), "data": data}


def deployment(name: str, *, labels: dict[str, str], pod: Manifest) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(name, labels=labels),
        "spec": {
            "replicas": 1,
            "minReadySeconds": 1,  # what dies of a wrong configuration dies within it
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def rule(group: str = "", *, resources: list[str], verbs: list[str]) -> Manifest:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def granted(account: str, *, rules: list[Manifest]) -> list[Manifest]:
    group, name = "rbac.authorization.k8s.io", f"system:{account}"
    subject = {"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}
    return [
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name},
            "rules": rules,
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
            "subjects": [subject],
        },
    ]
