"""The kinds that the fake API serves, and how it finds them by path."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    kind: str
    group: str
    version: str
    plural: str
    subresources: tuple[str, ...] = ()
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


SERVED = (
    Served(
        kind="FlagOSModel",
        group="flagos.io",
        version="v1alpha1",
        plural="flagosmodels",
        subresources=("status", "scale"),
    ),
    Served(
        kind="FlagOSChip",
        group="flagos.io",
        version="v1alpha1",
        plural="flagoschips",
        namespaced=False,
    ),
    Served(
        kind="FlagOSRelease",
        group="flagos.io",
        version="v1alpha1",
        plural="flagosreleases",
        namespaced=False,
    ),
    Served(kind="Deployment", group="apps", version="v1", plural="deployments"),
    Served(kind="ControllerRevision", group="apps", version="v1", plural="controllerrevisions"),
    Served(kind="Job", group="batch", version="v1", plural="jobs"),
    Served(kind="Pod", group="", version="v1", plural="pods", subresources=("log",)),
    Served(kind="Node", group="", version="v1", plural="nodes"),
    Served(kind="Service", group="", version="v1", plural="services"),
    Served(kind="ConfigMap", group="", version="v1", plural="configmaps"),
    Served(kind="PersistentVolumeClaim", group="", version="v1", plural="persistentvolumeclaims"),
    Served(kind="Lease", group="coordination.k8s.io", version="v1", plural="leases"),
    Served(kind="Event", group="", version="v1", plural="events"),
)
BY_PLURAL = {each.plural: each for each in SERVED}
BY_KIND = {each.kind: each for each in SERVED}
