"""The line that starts the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flagos_operator.catalog.versions import at_least

if TYPE_CHECKING:
    from flagos_operator.desired.asked import Asked

COMMAND = {
    "VLLM": ("vllm", "serve"),
    "SGLang": ("python3", "-m", "sglang.launch_server"),
    "Custom": (),
}
SHUTDOWN_SINCE = (0, 20)


def serve(asked: Asked) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A container's command and args. An absent command leaves the image's entrypoint."""
    command = asked.spec.server.command or COMMAND[asked.engine]
    words = {"VLLM": vllm, "SGLang": sglang, "Custom": custom}[asked.engine](asked)
    first = asked.spec.server.pre_start or asked.chip.pre_start
    if first is None:
        return command, words
    # exec: the server must be the process that gets the kubelet's SIGTERM. The braces: whatever
    # the line ends in, a comment or a semicolon, the server comes after it.
    return ("bash", "-c", f'{{ {first.strip()}\n}} && exec "$@"', "--"), (*command, *words)


def vllm(asked: Asked) -> tuple[str, ...]:
    server = asked.spec.server
    drains = at_least(asked.versions.vllm, SHUTDOWN_SINCE)
    return (
        asked.mount_path,
        "--served-model-name", *asked.served_model_names,
        "--host", "0.0.0.0",  # noqa: S104 - the pod's address
        "--port", str(asked.port),
        *option("--trust-remote-code", value=server.trust_remote_code),
        *option("--max-model-len", value=server.max_model_len),
        *option("--gpu-memory-utilization", value=server.gpu_memory_utilization),
        *option("--tensor-parallel-size", value=more_than_one(asked.tensor_parallel)),
        *option("--pipeline-parallel-size", value=more_than_one(asked.pipeline_parallel)),
        *option("--shutdown-timeout", value=asked.drain_seconds if drains else None),
        *asked.chip.args,
        *server.args,
    )  # fmt: skip


def sglang(asked: Asked) -> tuple[str, ...]:
    server = asked.spec.server
    return (
        "--model-path", asked.mount_path,
        "--served-model-name", asked.served_model_names[0],
        "--host", "0.0.0.0",  # noqa: S104 - the pod's address
        "--port", str(asked.port),
        *option("--trust-remote-code", value=server.trust_remote_code),
        *option("--context-length", value=server.max_model_len),
        *option("--mem-fraction-static", value=server.gpu_memory_utilization),
        *option("--tp-size", value=more_than_one(asked.tensor_parallel)),
        *option("--pp-size", value=more_than_one(asked.pipeline_parallel)),
        *option("--api-key", value="$(FLAGOS_API_KEY)" if server.api_key_secret_ref else None),
        *server.args,
    )  # fmt: skip


def custom(asked: Asked) -> tuple[str, ...]:
    return asked.spec.server.args


def option(flag: str, *, value: float | str | bool | None) -> tuple[str, ...]:
    if value is None or value is False:
        return ()
    return (flag,) if value is True else (flag, str(value))


def more_than_one(size: int) -> int | None:
    return size if size > 1 else None
