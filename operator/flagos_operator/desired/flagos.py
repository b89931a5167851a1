"""The FlagOS stack as environment: every value here is managed, users have fields for them.

USE_FLAGGEMS is always the literal "1" or "0": unset it is on, and version 0.0.0 of the plugin
compares with "1" in one place and with ("1", "true") in another.
FLAGCX_PATH is absent when off: up to plugin 0.2.0 an empty value still selects FlagCX.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flagos_operator.catalog.versions import at_least, below

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flagos_operator.api.flagos import OperatorLists
    from flagos_operator.catalog.versions import Versions
    from flagos_operator.desired.asked import Asked

DENY_MORE_SINCE = (0, 3, 0)
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
    prefer = asked.spec.flagos.prefer or asked.chip.flagos.prefer
    return {
        **({"FLAGCX_PATH": path} if path else {}),
        **({"VLLM_FL_PREFER": preference(prefer, asked.versions)} if prefer else {}),
        **operator_lists(operators(asked)),
    }


def operators(asked: Asked) -> OperatorLists:
    """A model's lists replace the chip's as a whole: the plugin refuses two of them at once."""
    said = asked.spec.flagos.operators
    if asked.mode != "FlagOS" or said.model_fields_set:
        return said
    return asked.chip.flagos.operators


def operator_lists(lists: OperatorLists) -> Mapping[str, str]:
    variables = {
        "VLLM_FL_FLAGOS_WHITELIST": lists.allow,
        "VLLM_FL_FLAGOS_BLACKLIST": lists.deny,
        "VLLM_FL_FLAGOS_BLACKLIST_APPEND": lists.deny_more,
    }
    return {name: ",".join(names) for name, names in variables.items() if names}


def preference(prefer: str, versions: Versions) -> str:
    """Plugin 0.0.0 said flaggems, 0.1.0 renamed it; later builds may still say they are 0.0.0."""
    renamed = not below(versions.vllm_plugin_fl, (0, 1)) or at_least(versions.vllm, (0, 20))
    return prefer.lower() if renamed or prefer != "FlagOS" else "flaggems"
