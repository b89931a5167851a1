"""What only the operator can know to be wrong, one function each; the first objection is told.

Each gets what was asked and returns None, or a reason with the field and the cure. What the
schema can say, it says (api/): a spec that comes here has passed it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flagos_operator.api import addresses
from flagos_operator.catalog.versions import at_least
from flagos_operator.desired import flagos, flags
from flagos_operator.desired.refusal import Refusal, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flagos_operator.api.outcome import Invalid
    from flagos_operator.api.source import Mirror, Source
    from flagos_operator.desired.asked import Asked

    Check = Callable[[Asked], Invalid | None]


def objection(asked: Asked) -> Invalid | None:
    return next((found for check in CHECKS if (found := check(asked))), None)


def one_node_is_enough(asked: Asked) -> Invalid | None:
    nodes = asked.spec.nodes or 1
    if nodes == 1:
        return None
    return refused(
        Refusal.MULTI_NODE_UNSUPPORTED,
        f"spec.nodes: one replica over {nodes} nodes is not supported; choose a release for one "
        "node, or set nodes to 1 where the devices of one node are enough",
    )


def devices_can_be_asked_for(asked: Asked) -> Invalid | None:
    if not asked.unallocated or asked.chip.visible_devices_env:
        return None
    return refused(
        Refusal.NO_DEVICE_RESOURCE,
        f"spec.devices: chip {asked.spec.chip} has no devices to ask for; "
        "set devices to 0, or name a resource in deviceResourceName",
    )


def devices_have_one_field(asked: Asked) -> Invalid | None:
    said = asked.spec.server.resources or {}
    name = asked.resource_name
    if name not in {*said.get("limits", {}), *said.get("requests", {})}:
        return None
    return refused(
        Refusal.MANAGED_RESOURCE,
        f"spec.server.resources: {name} has a field; set spec.devices and remove it here",
    )


def parallelism_fits(asked: Asked) -> Invalid | None:
    tensor, pipeline = asked.tensor_parallel, asked.pipeline_parallel
    if asked.devices == 0 or tensor * pipeline <= asked.accelerators:
        return None
    return refused(
        Refusal.TOO_FEW_DEVICES,
        f"spec.server: tensorParallelSize {tensor} x pipelineParallelSize {pipeline} needs "
        f"{tensor * pipeline} devices, and spec.devices {asked.devices} gives "
        f"{asked.accelerators}; raise devices or lower the sizes",
    )


def no_managed_flag(asked: Asked) -> Invalid | None:
    if asked.engine == "Custom":
        return None
    found = ((argument, flags.managed(argument)) for argument in asked.spec.server.args)
    for argument, flag in found:
        if flag is not None:
            return refused(
                Refusal.MANAGED_FLAG,
                f"spec.server.args: {argument} means {flag}; {flags.cure(flag)}",
            )
    return None


def operators_have_effect(asked: Asked) -> Invalid | None:
    """Of one object the schema says so; a chip's mode and preference are not known to it."""
    if not asked.spec.flagos.operators.model_fields_set:
        return None
    prefer = flagos.preferred(asked)
    if asked.mode != "FlagOS":
        off, cure = f"mode {asked.mode}", "remove operators, or set flagos.mode to FlagOS"
    elif prefer in {"Vendor", "Reference"}:
        off, cure = f"prefer {prefer}", "remove operators, or set flagos.prefer to FlagOS"
    else:
        return None
    return refused(
        Refusal.WITHOUT_EFFECT,
        f"spec.flagos.operators: {off} turns all FlagGems operators off, so there is nothing "
        f"to choose; {cure}",
    )


def plugin_reads_lists(asked: Asked) -> Invalid | None:
    said = asked.spec.flagos.operators
    field = "allow" if said.allow else "deny"
    if not (said.allow or said.deny) or not flagos.is_first(asked.versions):
        return None
    return refused(
        Refusal.PLUGIN_TOO_OLD,
        f"spec.flagos.operators.{field} needs vllm-plugin-FL {spoken(flagos.LISTS_SINCE)} or "
        f"newer, and the image has {asked.versions.vllm_plugin_fl}, which ignores the list; use "
        "a newer image, or say in spec.versions.vllmPluginFL what the image really has",
    )


def plugin_can_deny_more(asked: Asked) -> Invalid | None:
    version = asked.versions.vllm_plugin_fl
    if not flagos.operators(asked).deny_more or at_least(version, flagos.DENY_MORE_SINCE):
        return None
    return refused(
        Refusal.PLUGIN_TOO_OLD,
        f"spec.flagos.operators.denyMore needs vllm-plugin-FL {spoken(flagos.DENY_MORE_SINCE)} "
        f"or newer, and the image has {version or 'an unknown version'}; use deny with the whole "
        "list, or say in spec.versions.vllmPluginFL what the image really has",
    )


def some_operators_are_left(asked: Asked) -> Invalid | None:
    if flagos.operators(asked).allow != ():
        return None
    return refused(
        Refusal.WITHOUT_EFFECT,
        "spec.flagos.operators.denyMore names all that the list `allow` of chip "
        f"{asked.spec.chip} has left; name fewer, or set flagos.mode to PluginOnly",
    )


def spoken(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def volumes_have_one_owner(asked: Asked) -> Invalid | None:
    chips = {item["name"] for item in asked.chip.volumes}
    twice = sorted(chips & {item["name"] for item in asked.spec.pod.volumes})
    if not twice:
        return None
    return refused(
        Refusal.RESERVED_NAME,
        f"spec.pod.volumes: {twice[0]} is a volume of chip {asked.spec.chip}; choose another name",
    )


def weights_stay_mounted(asked: Asked) -> Invalid | None:
    layers = (*asked.chip.volume_mounts, *asked.spec.server.volume_mounts)
    if asked.mount_path not in {item["mountPath"] for item in layers}:
        return None
    return refused(
        Refusal.RESERVED_NAME,
        f"spec.server.volumeMounts: the weights lie at {asked.mount_path}; mount elsewhere, "
        "or move them with spec.weights.mountPath",
    )


def something_follows_the_first_line(asked: Asked) -> Invalid | None:
    """A user's own preStart is the schema's to judge; a chip's is not known to it."""
    server = asked.spec.server
    if asked.engine != "Custom" or server.command or not asked.chip.pre_start:
        return None
    return refused(
        Refusal.COMMAND_REQUIRED,
        f"spec.server.command: chip {asked.spec.chip} runs a line before the server, so the "
        "image's own entrypoint is not reached; set the whole line here",
    )


def endpoints_are_hubs(asked: Asked) -> Invalid | None:
    """By what the endpoint says of itself; the download looks where its name leads."""
    allowed = addresses.networks(asked.defaults.fetch_allowed)
    for field, endpoint in endpoints(asked):
        host = addresses.host_of(endpoint)
        if host is None:
            return refused(
                Refusal.INVALID_SOURCE,
                f"{field}: {endpoint} has no host; write http(s)://host[:port]",
            )
        if what := addresses.objection(host, allowed=allowed):
            return refused(
                Refusal.INVALID_SOURCE,
                f"{field}: {endpoint} is {what}; name a hub, or have the administrator allow it "
                "(chart value operand.fetch.allowedAddresses)",
            )
    return None


def endpoints(asked: Asked) -> Iterator[tuple[str, str]]:
    source = asked.spec.source
    holders: list[tuple[str, Source | Mirror]] = [("spec.source", source)]
    for place, each in enumerate(source.mirrors):
        holders.append((f"spec.source.mirrors[{place}]", each))
    for at, holder in holders:
        for kind, hub in (("modelscope", holder.modelscope), ("huggingface", holder.huggingface)):
            if hub is not None and hub.endpoint is not None:
                yield f"{at}.{kind}.endpoint", hub.endpoint


CHECKS: tuple[Check, ...] = (
    one_node_is_enough,
    devices_can_be_asked_for,
    devices_have_one_field,
    parallelism_fits,
    no_managed_flag,
    operators_have_effect,
    plugin_reads_lists,
    plugin_can_deny_more,
    some_operators_are_left,
    volumes_have_one_owner,
    weights_stay_mounted,
    something_follows_the_first_line,
    endpoints_are_hubs,
)
