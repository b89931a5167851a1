"""Every decision about one model, taken once: render and status both read it here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRef:
    """Names one child: enough to delete it or to know that it is wanted."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """What the API server knows of the model's object and the spec does not."""

    namespace: str
    name: str
    uid: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """The operator's own settings as far as they reach operands."""

    fetch_image: str
    fetch_pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()
    registry_rewrite: Mapping[str, str]
    operand_uid: int | None = 65534
    fetch_env: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The decisions. Public fields below are read by status; DESIRED adds what render needs."""

    meta: Meta
    suspended: bool
    replicas: int  # pods wanted now: 0 when suspended
    chip: str
    resource_name: str | None  # None: no device is asked for
    devices: int  # per pod
    image: str  # after the registry rewrite
    served_model_name: str
    url: str  # http://<name>.<namespace>.svc:<service port>
    source: str  # display: modelscope:FlagRelease/X, huggingface:a/b, persistentVolumeClaim:c, hostPath:/p
    revision: str | None
    fetches: bool  # an init container downloads
    budget_seconds: int
    mode: str | None  # FlagOS | PluginOnly | Native
    template: str  # digest of the rendered pod template
    owns: frozenset[ObjectRef]
