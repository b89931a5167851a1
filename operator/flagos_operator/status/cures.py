"""The cure of a known cause, fitted to what one model says: its line, its devices, its limits."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flagos_operator.desired.plan import Plan
from flagos_operator.status.causes.row import ALL_ALIKE, MORE_MEMORY, OR_WITHOUT, WHERE_SET
from flagos_operator.status.pods import FETCH, SERVER
from flagos_operator.status.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from flagos_operator.status.loglines import Telling
    from flagos_operator.status.view import View

CACHE_BYTES = "--kv-cache-memory-bytes"
# Of vLLM, and the last one of SGLang: with any of them no share of a device's memory counts.
CACHE_FLAGS = (CACHE_BYTES, "--num-gpu-blocks-override", "--max-total-tokens")
CACHE_OF_A_CPU = "VLLM_CPU_KVCACHE_SPACE"
FIRST_LINE = "--"
OF_FIRST_LINE = re.compile(r"--: line \d+: (?!exec: )")
TO_A_LENGTH = "set spec.server.maxModelLen"
SHORTER = "lower spec.server.maxModelLen"
FEWER_PARTS = "lower spec.server.tensorParallelSize"


def fitted(told: Telling, *, plan: Plan) -> Telling:
    fit = _FITS.get(told.reason) if told.reason else None
    return replace(told, cure=fit(told, plan)) if fit and told.cure else told


def of_first_line(told: Telling, view: View) -> str:
    """Of `preStart`: bash tells its lines by the name that the operator gives it."""
    plan = view.plan
    runs = isinstance(plan, Plan) and plan.pod.server.command[-1:] == (FIRST_LINE,)
    if not runs or not OF_FIRST_LINE.match(told.line):
        return ""
    server = (view.model.raw.get("spec") or {}).get("server") or {}
    whose = "" if "preStart" in server else ", instead of that of the chip or release"
    return f"correct spec.server.preStart{whose}"


def memory_field(plan: Plan, *, container: str) -> str:
    return f"{place(plan, container=container)}.resources.limits.memory"


def memory_limit(plan: Plan, *, container: str) -> str:
    """As the spec, or the operator for it, has set it; empty where nobody has."""
    limits = _resources(plan, container=container).get("limits") or {}
    return str(limits.get("memory", ""))


def place(plan: Plan, *, container: str) -> str:
    """Where the spec says of this container what can be said."""
    if container in {SERVER, FETCH}:
        return f"spec.{container}"
    first = any(each["name"] == container for each in plan.pod.init_containers)
    return f"spec.pod.{'initContainers' if first else 'containers'}[{container}]"


def _resources(plan: Plan, *, container: str) -> Mapping[str, Any]:
    if container == SERVER:
        return plan.pod.server.resources
    if container == FETCH:
        return plan.pod.fetch.resources if plan.pod.fetch else {}
    others = (*plan.pod.init_containers, *plan.pod.containers)
    found: Any = next((each for each in others if each["name"] == container), {})
    return found.get("resources") or {}


def _cache(told: Telling, plan: Plan) -> str:
    """A longer cache where something keeps it short; else more of the memory that there is."""
    if limit := next(_limits(plan), None):
        if told.cure.startswith(TO_A_LENGTH):
            return f"{told.cure}, or raise {limit}"
        return f"raise {limit}, or {SHORTER}"
    if plan.devices or told.cure.startswith((TO_A_LENGTH, SHORTER)):
        return told.cure.replace(WHERE_SET, "")
    return (
        f"set {CACHE_OF_A_CPU} (GiB) in spec.server.env, raise "
        f"{memory_field(plan, container=SERVER)}, or {SHORTER}"
    )


def _limits(plan: Plan) -> Iterator[str]:
    """What keeps the cache short, the strongest first."""
    server = plan.pod.server
    for field, line in (("args", server.args), ("command", server.command)):
        words = _apart(line)
        for flag in CACHE_FLAGS:
            if (value := _value(flag, words)) is not None:
                yield _named(flag, value, field=field)
    for item in () if plan.devices else server.env:
        if item["name"] == CACHE_OF_A_CPU:
            yield _named(CACHE_OF_A_CPU, str(item.get("value", "")), field="env")


def _apart(words: Iterable[str]) -> list[str]:
    """A whole line for a shell is one argument."""
    return [part for word in words for part in word.split()]


def _value(flag: str, words: list[str]) -> str | None:
    """The last one counts; None where the flag is not there, empty where it has no value."""
    found = None
    for place, word in enumerate(words):
        name, _, value = word.partition("=")
        if name.replace("_", "-") == flag:
            found = value or next(iter(words[place + 1 :]), "")
    return found


def _named(name: str, value: str, *, field: str) -> str:
    now = f" (now {value})" if value else ""
    return f"{name}{now} in spec.server.{field}"


def _device_memory(told: Telling, plan: Plan) -> str:
    cure = told.cure if plan.devices else f"{SHORTER} or spec.server.gpuMemoryUtilization"
    kept = next((each for each in _limits(plan) if each.startswith(CACHE_BYTES)), None)
    return f"lower {kept}; or {cure}" if kept else cure


def _host_memory(told: Telling, plan: Plan) -> str:
    limit = memory_limit(plan, container=SERVER)
    raised = told.cure.endswith(MORE_MEMORY)
    return f"{told.cure} (now {limit})" if limit and raised else told.cure


def _no_device(told: Telling, plan: Plan) -> str:
    """A chip that asks for none gets none: there it is the image that looks for one."""
    if plan.devices:
        return told.cure
    return (
        f"chip {plan.chip} asks for no device: use an image that needs none (spec.image), or name "
        "the chip that it is for (spec.chip)"
    )


def _fault(told: Telling, plan: Plan) -> str:
    """Without FlagGems there is nothing of it to leave out."""
    if plan.mode == "FlagOS":
        return told.cure
    return told.cure.replace(ALL_ALIKE, "try another spec.image").replace(OR_WITHOUT, "")


def _parts(told: Telling, plan: Plan) -> str:
    return told.cure if plan.devices else FEWER_PARTS


_FITS: dict[Reason, Callable[[Telling, Plan], str]] = {
    Reason.KV_CACHE_TOO_SMALL: _cache,
    Reason.DEVICE_OUT_OF_MEMORY: _device_memory,
    Reason.OUT_OF_MEMORY: _host_memory,
    Reason.ENGINE_DIED: _host_memory,
    Reason.TOO_FEW_DEVICES: _parts,
    Reason.DEVICE_NOT_FOUND: _no_device,
    Reason.DEVICE_FAULT: _fault,
    Reason.NATIVE_CRASH: _fault,
}
