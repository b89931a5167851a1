"""The FlagOS stack as environment: every value here is managed, users have fields for them.

USE_FLAGGEMS is always the literal "1" or "0": unset it is on, and version 0.0.0 of the plugin
compares with "1" in one place and with ("1", "true") in another.
FLAGCX_PATH is absent when off: up to plugin 0.2.0 an empty value still selects FlagCX.

Lists of operators, by the version of the plugin:

    before 0.1.0    none is read, in silence
    0.1.0           a list of what may run, or one of what may not: both end the server at once.
                    What may not run stands in place of the list that the plugin has for the chip
    0.3.0           a third one adds to the plugin's list for the chip
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flagos_operator.catalog.versions import at_least, below

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flagos_operator.api.flagos import OperatorLists
    from flagos_operator.catalog.versions import Versions
    from flagos_operator.desired.asked import Asked

LISTS_SINCE = (0, 1, 0)
DENY_MORE_SINCE = (0, 3, 0)
# The number of the plugin was raised late: a build for a vLLM this new is no 0.0.0.
RAISED_WITH_VLLM = (0, 20)
FLAGGEMS = {"FlagOS": "1", "PluginOnly": "0", "Native": "0"}


def managed(asked: Asked) -> dict[str, str]:
    if asked.mode is None:
        return {}
    return {"USE_FLAGGEMS": FLAGGEMS[asked.mode], **plugin(asked)}


def plugin(asked: Asked) -> dict[str, str]:
    """What a plugin that is not loaded would not read stays away."""
    if asked.mode == "Native":
        return {}
    path = asked.spec.flagos.flagcx_path or asked.chip.flagos.flagcx_path
    prefer = preferred(asked)
    return {
        **({"FLAGCX_PATH": path} if path else {}),
        **({"VLLM_FL_PREFER": preference(prefer, asked.versions)} if prefer else {}),
        **operator_lists(operators(asked)),
    }


def preferred(asked: Asked) -> str | None:
    return asked.spec.flagos.prefer or asked.chip.flagos.prefer


def operators(asked: Asked) -> OperatorLists:
    """A model's lists replace the chip's, but for denyMore, which adds to what the chip says."""
    said, chips = asked.spec.flagos.operators, asked.chip.flagos.operators
    if asked.mode != "FlagOS":
        return said
    if said.deny_more:
        return added(said.deny_more, chips)
    return said if said.model_fields_set else of_chip(chips, asked.versions)


def added(more: tuple[str, ...], chips: OperatorLists) -> OperatorLists:
    """What the model denies, over the list of its chip, whichever that one has."""
    if chips.allow is not None:
        left = tuple(name for name in chips.allow if name not in more)
        return chips.model_copy(update={"allow": left})
    if chips.deny is not None:
        return chips.model_copy(update={"deny": joined(chips.deny, more)})
    return chips.model_copy(update={"deny_more": joined(chips.deny_more or (), more)})


def joined(first: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *more)))


def of_chip(chips: OperatorLists, versions: Versions) -> OperatorLists:
    """A chip speaks to plugins of every age: where one cannot add, it gets the list itself."""
    if not chips.deny_more or at_least(versions.vllm_plugin_fl, DENY_MORE_SINCE):
        return chips
    whole = None if is_first(versions) else chips.deny_more
    return chips.model_copy(update={"deny": whole, "deny_more": None})


def is_first(versions: Versions) -> bool:
    """Whether the plugin is known to be from before its first release."""
    newer = at_least(versions.vllm, RAISED_WITH_VLLM)
    return below(versions.vllm_plugin_fl, LISTS_SINCE) and not newer


def operator_lists(lists: OperatorLists) -> Mapping[str, str]:
    variables = {
        "VLLM_FL_FLAGOS_WHITELIST": lists.allow,
        "VLLM_FL_FLAGOS_BLACKLIST": lists.deny,
        "VLLM_FL_FLAGOS_BLACKLIST_APPEND": lists.deny_more,
    }
    return {name: ",".join(names) for name, names in variables.items() if names}


def preference(prefer: str, versions: Versions) -> str:
    """Plugin 0.0.0 said flaggems, 0.1.0 renamed it; later builds may still say they are 0.0.0."""
    return prefer.lower() if not is_first(versions) or prefer != "FlagOS" else "flaggems"
