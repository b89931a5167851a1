"""What only the operator can know to be wrong, one function each; the first objection is told.

Each gets what was asked and returns None, or a reason with the field and the cure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flagos_operator.catalog.versions import at_least
from flagos_operator.desired import flagos, flags
from flagos_operator.desired.refusal import Refusal, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flagos_operator.api.outcome import Invalid
    from flagos_operator.api.passthrough import NamedItem
    from flagos_operator.desired.asked import Asked

    Check = Callable[[Asked], Invalid | None]

CONTAINERS = frozenset({"server", "fetch"})
VOLUMES = frozenset({"weights", "shm", "cache", "scratch", "fetch-ca"})


def objection(asked: Asked) -> Invalid | None:
    return next((found for check in CHECKS if (found := check(asked))), None)


def devices_can_be_asked_for(asked: Asked) -> Invalid | None:
    if not asked.unallocated or asked.chip.visible_devices_env:
        return None
    return refused(
        Refusal.NO_DEVICE_RESOURCE,
        f"devices: chip {asked.spec.chip} has no devices to ask for; "
        "set devices to 0, or name a resource in deviceResourceName",
    )


def devices_have_one_field(asked: Asked) -> Invalid | None:
    said = asked.spec.server.resources or {}
    name = asked.resource_name
    if name not in {*said.get("limits", {}), *said.get("requests", {})}:
        return None
    return refused(
        Refusal.MANAGED_RESOURCE,
        f"server.resources: {name} is asked for by the field devices; set it and remove this",
    )


def parallelism_fits(asked: Asked) -> Invalid | None:
    tensor, pipeline = asked.tensor_parallel, asked.pipeline_parallel
    if asked.devices == 0 or tensor * pipeline <= asked.accelerators:
        return None
    return refused(
        Refusal.TOO_FEW_DEVICES,
        f"server.tensorParallelSize {tensor} x server.pipelineParallelSize {pipeline} needs "
        f"{tensor * pipeline} devices, and devices: {asked.devices} gives {asked.accelerators}; "
        "raise devices or lower them",
    )


def no_managed_flag(asked: Asked) -> Invalid | None:
    for argument in asked.spec.server.args:
        field = flags.field_of(argument, engine=asked.engine)
        if field is not None:
            return refused(
                Refusal.MANAGED_FLAG,
                f"server.args: {argument} has a field; set {field} and remove it here",
            )
    return None


def no_managed_env(asked: Asked) -> Invalid | None:
    for item in asked.spec.server.env:
        field = flagos.MANAGED.get(item["name"])
        if field is not None:
            return refused(
                Refusal.MANAGED_ENV,
                f"server.env: {item['name']} has a field; set {field} and remove it here",
            )
    return None


def plugin_can_deny_more(asked: Asked) -> Invalid | None:
    since = ".".join(map(str, flagos.DENY_MORE_SINCE))
    version = asked.versions.vllm_plugin_fl
    if not flagos.operators(asked).deny_more or at_least(version, flagos.DENY_MORE_SINCE):
        return None
    return refused(
        Refusal.PLUGIN_TOO_OLD,
        f"flagos.operators.denyMore needs vllm-plugin-FL {since} or newer, and this image has "
        f"{version or 'an unknown version'}; use deny with the whole list, or, if the image has "
        f"it, say so in versions.vllmPluginFL",
    )


def no_reserved_name(asked: Asked) -> Invalid | None:
    for field, name in taken(asked):
        return refused(
            Refusal.RESERVED_NAME,
            f"pod.{field}: the name {name} is the operator's own; choose another one",
        )
    return None


def taken(asked: Asked) -> Iterator[tuple[str, str]]:
    pod = asked.spec.pod
    yield from clashes("containers", names(pod.containers), CONTAINERS)
    yield from clashes("initContainers", names(pod.init_containers), CONTAINERS)
    yield from clashes("volumes", names(pod.volumes), VOLUMES | names(asked.chip.volumes))


def names(items: Iterable[NamedItem]) -> frozenset[str]:
    return frozenset(item["name"] for item in items)


def clashes(field: str, said: frozenset[str], ours: frozenset[str]) -> Iterator[tuple[str, str]]:
    yield from ((field, name) for name in sorted(said & ours))


def pre_start_has_a_command(asked: Asked) -> Invalid | None:
    server = asked.spec.server
    first = server.pre_start or asked.chip.pre_start
    if asked.engine != "Custom" or server.command or not first:
        return None
    return refused(
        Refusal.COMMAND_REQUIRED,
        "server.command: a line runs before the server (server.preStart or the chip's), so the "
        "image's own entrypoint is not reached; set server.command to the whole line",
    )


CHECKS: tuple[Check, ...] = (
    devices_can_be_asked_for,
    devices_have_one_field,
    parallelism_fits,
    no_managed_flag,
    no_managed_env,
    plugin_can_deny_more,
    no_reserved_name,
    pre_start_has_a_command,
)
