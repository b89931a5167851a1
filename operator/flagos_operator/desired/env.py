"""The server's environment in its classes.

default   what makes a pod work; yields to the chip, and that to the user
chip      what one vendor's stack needs; device variables only where no plugin allocates
managed   what a field says; users who set it otherwise are refused (see checks.py)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flagos_operator.catalog.versions import at_least
from flagos_operator.desired import flagos
from flagos_operator.desired.manifest import Manifest, by_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flagos_operator.api.references import SecretKeyReference
    from flagos_operator.desired.asked import Asked

SCRATCH = "/tmp"  # noqa: S108 - a volume of the pod's own, not a shared directory
KEY_VARIABLE = {"VLLM": "VLLM_API_KEY", "SGLang": "FLAGOS_API_KEY", "Custom": "FLAGOS_API_KEY"}


def server(asked: Asked) -> tuple[Manifest, ...]:
    layers = (
        literals(line(asked)),
        literals(defaults(asked)),
        chip(asked),
        literals(flagos.managed(asked)),
        api_key(asked),
        asked.spec.server.env,
    )
    # In this order: $(FLAGOS_PORT) of a user's variable sees only what stands before it.
    return by_key(*layers, key="name")


def literals(values: Mapping[str, str]) -> list[Manifest]:
    return [{"name": name, "value": value} for name, value in values.items()]


def secret(name: str, reference: SecretKeyReference, **more: bool) -> Manifest:
    chosen = {"name": reference.name, "key": reference.key, **more}
    return {"name": name, "valueFrom": {"secretKeyRef": chosen}}


def line(asked: Asked) -> dict[str, str]:
    """What a line of the user's own may refer to, as $(FLAGOS_PORT)."""
    if asked.engine != "Custom":
        return {}
    return {
        "FLAGOS_MODEL_PATH": asked.mount_path,
        "FLAGOS_PORT": str(asked.port),
        "FLAGOS_SERVED_MODEL_NAME": asked.served_model_names[0],
        "FLAGOS_DEVICES": str(asked.accelerators),
    }


def defaults(asked: Asked) -> dict[str, str]:
    return {"HOME": SCRATCH, "TMPDIR": SCRATCH, **vllm(asked), **flagos_stack(asked)}


def vllm(asked: Asked) -> dict[str, str]:
    if asked.engine != "VLLM":
        return {}
    ready = {"VLLM_ENGINE_READY_TIMEOUT_S": str(asked.budget.seconds)}
    return {
        "VLLM_NO_USAGE_STATS": "1",
        **(ready if at_least(asked.versions.vllm, (0, 20)) else {}),
    }


def flagos_stack(asked: Asked) -> dict[str, str]:
    return plugins(asked) | (patience(asked) if asked.mode == "FlagOS" else {})


def plugins(asked: Asked) -> dict[str, str]:
    """An unset VLLM_PLUGINS loads all: two platforms in one image refuse to start."""
    chosen = {"FlagOS": "fl", "PluginOnly": "fl", "Native": ""}
    if asked.mode is None or asked.engine == "SGLang":
        return {}
    return {"VLLM_PLUGINS": chosen[asked.mode]}


def patience(asked: Asked) -> dict[str, str]:
    """Kernels are compiled inside the first steps, and workers share no tuning database.

    A SQLite file that several workers write dies of "database is locked".
    """
    timeouts = ("VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS", "VLLM_ENGINE_ITERATION_TIMEOUT_S")
    steps = {name: str(asked.budget.step_seconds) for name in timeouts}
    return {"FLAGGEMS_DB_URL": "sqlite:///:memory:", **(steps if asked.engine == "VLLM" else {})}


def chip(asked: Asked) -> list[Mapping[str, object]]:
    allocated = asked.resource_name is not None
    kept = [
        item
        for item in asked.chip.env
        if not (allocated and item["name"].endswith("_VISIBLE_DEVICES"))
    ]
    return [*kept, *literals(visible_devices(asked))]


def visible_devices(asked: Asked) -> dict[str, str]:
    name = asked.chip.visible_devices_env
    if name is None or not asked.unallocated:
        return {}
    return {name: ",".join(str(index) for index in range(asked.devices))}


def api_key(asked: Asked) -> list[Manifest]:
    reference = asked.spec.server.api_key_secret_ref
    return [secret(KEY_VARIABLE[asked.engine], reference)] if reference else []
