"""The kinds of object that the operator reads, and how each becomes facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from flagos_operator.observed.facts import (
    ChildFacts,
    DeploymentFacts,
    JobFacts,
    ModelFacts,
    PinFacts,
    PodFacts,
)
from flagos_operator.observed.parse import (
    child_facts,
    deployment_facts,
    job_facts,
    model_facts,
    pin_facts,
    pod_facts,
)

Body = Mapping[str, Any]
Facts = ModelFacts | PodFacts | DeploymentFacts | JobFacts | ChildFacts | PinFacts

MANAGED = "app.kubernetes.io/managed-by=flagos-operator"


class Key(NamedTuple):
    """Names one object of a known kind; of a model, it is also what the queue holds."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    name: str
    group: str
    version: str
    plural: str
    selector: str = ""  # other objects stay on the server

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if namespace else ""
        rest = "".join(f"/{part}" for part in (name, subresource) if part)
        return f"{root}{scope}/{self.plural}{rest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Resource):
    """A resource whose objects the operator follows."""

    facts: Callable[[Body], Facts]
    selector: str = MANAGED
    spared: bool = False  # most models have none: without the right to read it all else goes on


MODEL = Kind(
    name="FlagOSModel",
    group="flagos.io",
    version="v1alpha1",
    plural="flagosmodels",
    facts=model_facts,
    selector="",
)
POD = Kind(name="Pod", group="", version="v1", plural="pods", facts=pod_facts)
DEPLOYMENT = Kind(
    name="Deployment", group="apps", version="v1", plural="deployments", facts=deployment_facts
)
SERVICE = Kind(
    name="Service",
    group="",
    version="v1",
    plural="services",
    facts=partial(child_facts, kind="Service"),
)
CONFIG_MAP = Kind(
    name="ConfigMap",
    group="",
    version="v1",
    plural="configmaps",
    facts=partial(child_facts, kind="ConfigMap"),
)
CLAIM = Kind(
    name="PersistentVolumeClaim",
    group="",
    version="v1",
    plural="persistentvolumeclaims",
    facts=partial(child_facts, kind="PersistentVolumeClaim"),
)
JOB = Kind(name="Job", group="batch", version="v1", plural="jobs", facts=job_facts, spared=True)
PIN = Kind(
    name="ControllerRevision",
    group="apps",
    version="v1",
    plural="controllerrevisions",
    facts=pin_facts,
    spared=True,
)
# Read of pods that wait for their volumes (complaints.py), and written by recorder.py.
EVENT = Resource(name="Event", group="", version="v1", plural="events")
LEASE = Resource(name="Lease", group="coordination.k8s.io", version="v1", plural="leases")
# Listed for a choice (inventory.py) or a named chip (fleets.py), and followed by nobody.
NODE = Resource(name="Node", group="", version="v1", plural="nodes")
ANY_POD = Resource(name="Pod", group="", version="v1", plural="pods")
# Of the whole cluster, and known also without it (cluster/rows.py).
CHIP = Resource(name="FlagOSChip", group="flagos.io", version="v1alpha1", plural="flagoschips")
RELEASE = Resource(
    name="FlagOSRelease", group="flagos.io", version="v1alpha1", plural="flagosreleases"
)
ROWS = (CHIP, RELEASE)
# Models first: a child is only worth a look once its model is known.
KINDS = (MODEL, PIN, CONFIG_MAP, CLAIM, SERVICE, JOB, DEPLOYMENT, POD)
BY_NAME = {kind.name: kind for kind in KINDS}
ROW_BY_NAME = {kind.name: kind for kind in ROWS}
