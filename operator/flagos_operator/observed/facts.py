"""The little that is kept of each object: facts, not bodies.

Raw camelCase keys are read in this package and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from flagos_operator.catalog.rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """A FlagOSModel as it was last seen. `raw` is the whole object, for parsing."""

    namespace: str
    name: str
    uid: str
    generation: int
    resource_version: str
    deleting: bool
    raw: Mapping[str, Any]
    status: Mapping[str, Any]
    created: datetime | None = None
    claims: frozenset[str] = frozenset()  # that the spec names, valid or not
    verify: str = ""  # annotation flagos.io/verify-weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    type: str
    status: str
    reason: str
    message: str
    since: datetime | None = None  # of the last flip


@dataclass(frozen=True, slots=True, kw_only=True)
class Termination:
    """How a container ended. `message` is what it wrote, or its last log lines (<= 2 KiB)."""

    exit_code: int
    reason: str
    message: str
    started: datetime | None = None
    finished: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFacts:
    """State of one container; `init` tells which list it came from."""

    name: str
    init: bool
    ready: bool
    started: bool
    restarts: int
    state: str  # waiting | running | terminated
    reason: str  # of the waiting state, e.g. ImagePullBackOff
    message: str
    image_id: str
    ended: Termination | None  # the current state, when terminated
    last: Termination | None  # the run before this one
    since: datetime | None = None  # start of the current run, when running


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFacts:
    namespace: str
    name: str
    uid: str
    model: str
    template: str  # annotation flagos.io/template
    phase: str
    node: str
    deleting: bool
    ready: bool
    created: datetime
    reason: str  # e.g. Evicted, NodeLost
    message: str
    conditions: tuple[Condition, ...]
    containers: tuple[ContainerFacts, ...]
    gone_by: datetime | None = None  # end of the grace period, when deleting


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFacts:
    """What somebody in the cluster says of an object. `at` is when it was said last."""

    reason: str
    message: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentFacts:
    namespace: str
    name: str
    uid: str
    model: str
    owner_uid: str  # of the controlling owner reference, empty without one
    generation: int
    observed_generation: int
    template: str  # annotation flagos.io/template
    fetch_image: str  # image of the init container, empty without one
    wanted: int
    replicas: int
    updated: int
    ready: int
    available: int
    deleting: bool
    conditions: tuple[Condition, ...]
    version: str  # moves when somebody changed the spec: metadata.generation
    # (claim, path on it) that its containers may read, but for the download; "" is all of it.
    mounts: frozenset[tuple[str, str]] = frozenset()
    budget_seconds: int = 0  # as its startup probe gives them
    restarted: str = ""  # when somebody last asked for a restart: kubectl rollout restart


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildFacts:
    """A Service, ConfigMap or claim: whether it is ours and as we applied it."""

    kind: str
    namespace: str
    name: str
    uid: str
    model: str
    owner_uid: str
    deleting: bool
    phase: str  # of a claim: Pending, Bound, Lost
    version: str  # moves with any write: metadata.resourceVersion
    capacity: str = field(default="")
    keepers: frozenset[str] = frozenset()  # uids of the models that own it, one of them or several


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """A Job of a model: one that removes weights has no owner and names its model by uid."""

    namespace: str
    name: str
    uid: str
    model: str
    owner_uid: str  # of the controlling owner, else of the model that it names
    purpose: str  # label flagos.io/job
    claim: str
    directory: str
    image: str
    suspended: bool
    ended: str  # Complete, Failed, or empty
    message: str  # why
    deleting: bool
    version: str  # moves when somebody changed the spec: metadata.generation


@dataclass(frozen=True, slots=True, kw_only=True)
class PinFacts:
    """A ControllerRevision of a model: the rows that it was made from when it was Ready."""

    namespace: str
    name: str
    uid: str
    model: str
    owner_uid: str
    deleting: bool
    revision: int
    restarted: str  # annotation flagos.io/restarted: the last restart that is in it
    chip: Row
    release: Row | None
    proven: bool = True  # pods made from them have been ready; as all had of older operators
