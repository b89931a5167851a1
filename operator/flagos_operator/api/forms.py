"""How to write what is of another type than a field: in YAML, as one would write it there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

LONGEST = 60  # of what was written, repeated in the form that is meant

# By a field's own name; those of one name mean the same.
OBJECTS: Mapping[str, str] = {
    "model": "{name: MiniCPM-o-4.5}",
    "versions": "{vllm: 0.20.2}",
    "source": "{modelscope: {repo: owner/name}}",
    "modelscope": "{repo: owner/name}",
    "huggingface": "{repo: owner/name}",
    "weights": "{volumeClaimTemplate: {size: 100Gi}}",
    "volumeClaimTemplate": "{size: 100Gi}",
    "persistentVolumeClaim": "{claimName: weights}",
    "hostPath": "{path: /share}",
    "emptyDir": "{sizeLimit: 40Gi}",
    "tokenSecretRef": "{name: hub, key: token}",
    "apiKeySecretRef": "{name: api, key: key}",
    "caBundleConfigMapRef": "{name: company-ca, key: ca.crt}",
    "fetch": "{resources: {limits: {memory: 2Gi}}}",
    "flagos": "{mode: FlagOS}",
    "operators": "{deny: [mm]}",
    "server": "{maxModelLen: 32768}",
    "resources": "{limits: {memory: 64Gi}}",
    "requests": "{cpu: 500m}",
    "limits": "{memory: 64Gi}",
    "securityContext": "{runAsUser: 0}",
    "startup": "{budgetSeconds: 3600}",
    "service": "{type: NodePort}",
    "pod": "{nodeSelector: {kubernetes.io/arch: amd64}}",
    "nodeSelector": "{kubernetes.io/arch: amd64}",
    "affinity": "{podAntiAffinity: {}}",
    "dnsConfig": "{nameservers: [10.0.0.10]}",
    "labels": "{team: a}",
    "annotations": "{example.com/note: any text}",
}
LISTS: Mapping[str, str] = {
    "env": '[{name: A, value: "1"}]',
    "envFrom": "[{configMapRef: {name: more}}]",
    "imagePullSecrets": "[{name: harbor}]",
    "mirrors": "[{huggingface: {}}]",
    "claims": "[{name: nic}]",
    "tolerations": "[{key: nvidia.com/gpu, operator: Exists}]",
    "topologySpreadConstraints": "[{maxSkew: 1, topologyKey: zone}]",
    "hostAliases": "[{ip: 10.0.0.1, hostnames: [hub.example.com]}]",
    "resourceClaims": "[{name: nic, resourceClaimTemplateName: rdma}]",
    "volumes": "[{name: data, emptyDir: {}}]",
    "volumeMounts": "[{name: data, mountPath: /data}]",
    "initContainers": "[{name: warm-up, image: busybox}]",
    "containers": "[{name: metrics, image: busybox}]",
}


def meant(kind: str, *, field: str, given: object) -> str:
    """After `must be of type ...:`; nothing where that says all."""
    writes = {
        "string": text(given),
        "integer": number(given, pattern=r"\d{1,9}", example="a whole number, e.g. 1"),
        "integer or string": "write e.g. 8, 500m or 64Gi",
        "number": number(given, pattern=r"\d*\.?\d{1,9}", example="a number, e.g. 0.9"),
        "boolean": "write true or false, without quotes",
        "object": f"write e.g. {OBJECTS.get(field, '{name: value}')}",
        "array": f"write e.g. {LISTS.get(field) or listed(given)}",
    }
    return writes.get(kind, "")


def text(given: object) -> str:
    """What stood there is not repeated: of 0.20 the reader of YAML has left 0.2."""
    if isinstance(given, bool | int | float):
        return "put it in quotes, YAML reads it as something else"
    return "write one word or one text"


def number(given: object, *, pattern: str, example: str) -> str:
    if isinstance(given, str) and re.fullmatch(pattern, given, re.ASCII):
        return f"write {given} without quotes"
    return f"write {example}"


def listed(given: object) -> str:
    fits: Any = isinstance(given, str) and given.isprintable() and 0 < len(given) <= LONGEST
    return f"[{', '.join(str(given).split())}]" if fits else "[a, b]"
