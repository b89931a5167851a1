"""Every decision about one model, taken once: render and status both read it here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flagos_operator.api.spec import CompleteSpec
from flagos_operator.desired import (
    checks,
    chipnames,
    fetch,
    fits,
    labels,
    names,
    reclaim,
    verification,
    weights,
)
from flagos_operator.desired.asked import Asked
from flagos_operator.desired.placement import of_the_chip
from flagos_operator.desired.pod import Pod, pod, template
from flagos_operator.desired.resolution import incomplete

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flagos_operator.api.outcome import Invalid
    from flagos_operator.api.spec import FlagOSModelSpec
    from flagos_operator.catalog.chips import Chips
    from flagos_operator.catalog.memory.estimate import Load
    from flagos_operator.desired.fits import Doubt
    from flagos_operator.desired.given import Defaults, Meta
    from flagos_operator.desired.room import Room


SERVICE_PORT = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRef:
    """Names one child: enough to delete it or to know that it is wanted."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The decisions. Status reads the first part; render writes objects from all of it."""

    meta: Meta
    suspended: bool
    replicas: int  # pods wanted now: 0 when suspended
    release: str | None  # the row that the spec was resolved with
    chip: str
    resource_name: str | None  # None: no device is asked for
    devices: int  # per pod
    chip_labels: Mapping[str, str]  # that a node must have for the chip alone
    room: Room | None  # for the weights, where the chip tells its memory
    boards: int  # devices of each resource; 0: no memory that labels tell is that of one
    published: int | None  # bytes of the release's weights, as its row says
    load: Load | None  # on a device, of weights and memory yet unknown; None: nothing to reckon by
    doubts: tuple[Doubt, ...]  # of what is known without a look at the cluster; refuses nothing
    image: str  # after the registry rewrite
    served_model_name: str
    url: str  # http://<name>.<namespace>.svc:<service port>
    source: str  # to display: modelscope:FlagRelease/X, hostPath:/share/x
    revision: str | None
    fetches: bool  # an init container downloads, or checks what was brought by hand
    budget_seconds: int
    budget_origin: str  # how it came about
    stall_seconds: int | None  # silence that somebody has set; None: by step and chip
    engine: str  # VLLM | SGLang | Custom
    mode: str | None  # FlagOS | PluginOnly | Native
    strict: bool  # without FlagOS it is not Ready
    template: str  # digest of the rendered pod template
    owns: frozenset[ObjectRef]
    pod: Pod  # all that rolls pods; nothing outside of it does
    surge: bool  # whether a new pod may start before an old one ends
    claim: weights.Claim | None
    reclaim: reclaim.Reclaim | None  # what is to be removed when the model is
    verification: verification.Verification | None
    fetch_settings: Mapping[str, str]
    service: Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    type: str
    port: int
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def decide(
    spec: FlagOSModelSpec, *, meta: Meta, defaults: Defaults, chips: Chips
) -> Plan | Invalid:
    """Same spec, same plan: nothing here knows the time, the cluster or an earlier plan."""
    if not isinstance(spec, CompleteSpec):
        return incomplete()
    chip = chips.get(spec.chip)
    if chip is None:
        return chipnames.unknown(spec.chip, field="spec.chip", known=chips)
    asked = Asked(spec=spec, meta=meta, defaults=defaults, chip=chip)
    return checks.objection(asked) or plan(asked)


def plan(asked: Asked) -> Plan:
    suspended = bool(asked.spec.suspend)
    decided = pod(asked)
    address = service(asked)
    removal = reclaim.reclaim(asked, decided)
    look = verification.verification(asked, decided)
    return Plan(
        meta=asked.meta,
        suspended=suspended,
        replicas=0 if suspended else asked.spec.replicas,
        release=None,
        chip=asked.spec.chip,
        resource_name=asked.resource_name if asked.devices else None,
        devices=asked.devices,
        chip_labels=of_the_chip(asked),
        room=asked.room,
        boards=0 if asked.is_of_unknown_size else asked.chip.devices_per_resource,
        published=None,
        load=load(asked),
        doubts=doubts(asked),
        image=decided.server.image,
        served_model_name=asked.served_model_names[0],
        url=f"http://{names.service(asked.meta.name)}.{asked.meta.namespace}.svc:{address.port}",
        source=weights.display(asked),
        revision=asked.hub.revision if asked.hub else None,
        fetches=decided.fetch is not None,
        budget_seconds=asked.budget.seconds,
        budget_origin=asked.budget.origin,
        stall_seconds=asked.stall_seconds,
        engine=asked.engine,
        mode=asked.mode,
        strict=asked.strict,
        template=template(decided)["metadata"]["annotations"][labels.TEMPLATE],
        owns=owned(asked) | jobs(asked, removal, look),
        pod=decided,
        surge=surge(asked),
        claim=weights.claim(asked),
        reclaim=removal,
        verification=look,
        fetch_settings=fetch.settings(asked),
        service=address,
    )


def owned(asked: Asked) -> frozenset[ObjectRef]:
    model = asked.meta.name
    children = {"Deployment": names.deployment(model), "Service": names.service(model)}
    if asked.hub is not None or asked.checked_in_place:
        children["ConfigMap"] = names.fetch_settings(model)
    if weights.claim(asked) is not None:
        children["PersistentVolumeClaim"] = names.claim(model)
    return frozenset(
        ObjectRef(kind=kind, namespace=asked.meta.namespace, name=name)
        for kind, name in children.items()
    )


def jobs(
    asked: Asked, removal: reclaim.Reclaim | None, look: verification.Verification | None
) -> frozenset[ObjectRef]:
    """That of a look stays after it, for those who want to read its log."""
    names = [removal.name] if removal else []
    names += [look.name] if look and not look.impossible else []
    return frozenset(
        ObjectRef(kind="Job", namespace=asked.meta.namespace, name=name) for name in names
    )


def keeping(plan: Plan, found: Iterable[tuple[str, str]]) -> Plan:
    """The plan with the Job that there is, if it is as wanted but for the operator's image.

    `found` are names and images of Jobs. So an upgrade of the operator makes none anew.
    """
    wanted = plan.reclaim
    kept = ((name, replace(wanted, image=image)) for name, image in found) if wanted else ()
    return next((with_reclaim(plan, each) for name, each in kept if each.name == name), plan)


def doubts(asked: Asked) -> tuple[Doubt, ...]:
    """The name of an image is a hint: it may lie, so it is told and nothing is refused for it."""
    spec = asked.spec
    image = fits.image(spec.image, chip=spec.chip, said=spec.versions.chip)
    return tuple(each for each in (fits.devices(asked), image) if each)


def load(asked: Asked) -> Load | None:
    """How other engines than vLLM share out a device's memory was not read."""
    reckoned = asked.engine == "VLLM" and asked.devices and not asked.is_of_unknown_size
    return fits.load(asked, device_memory=None) if reckoned else None


def with_release(plan: Plan, name: str, *, weights: int | None) -> Plan:
    """`weights` are bytes, as the row says; None where the model serves others."""
    return replace(plan, release=name, published=weights)


def with_reclaim(plan: Plan, wanted: reclaim.Reclaim | None) -> Plan:
    def ref(job: reclaim.Reclaim) -> ObjectRef:
        return ObjectRef(kind="Job", namespace=plan.meta.namespace, name=job.name)

    before = {ref(plan.reclaim)} if plan.reclaim else set()
    now = {ref(wanted)} if wanted else set()
    return replace(plan, reclaim=wanted, owns=plan.owns - before | now)


def surge(asked: Asked) -> bool:
    """Old pods may hold the last chip or the volume: a new one would wait for them for ever."""
    return asked.devices == 0 and not weights.one_node(asked)


def service(asked: Asked) -> Service:
    said = asked.spec.service
    return Service(
        type=said.type or "ClusterIP",
        port=said.port or SERVICE_PORT,
        labels=said.labels,
        annotations=said.annotations,
    )
