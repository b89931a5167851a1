"""Flags of the engine that have a field: said twice, the later one would win in silence.

argparse takes any unique prefix of a long flag and any spelling with underscores, so
--tensor_parallel=4 is --tensor-parallel-size, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VLLM: Mapping[str, str] = {
    "--model": "source",
    "--served-model-name": "server.servedModelNames",
    "--host": "server.port",
    "--port": "server.port",
    "--trust-remote-code": "server.trustRemoteCode",
    "--no-trust-remote-code": "server.trustRemoteCode",
    "--max-model-len": "server.maxModelLen",
    "--gpu-memory-utilization": "server.gpuMemoryUtilization",
    "--tensor-parallel-size": "server.tensorParallelSize",
    "--pipeline-parallel-size": "server.pipelineParallelSize",
    "--shutdown-timeout": "server.drainSeconds",
    "--api-key": "server.apiKeySecretRef",
}
SGLANG: Mapping[str, str] = {
    "--model-path": "source",
    "--model": "source",
    "--served-model-name": "server.servedModelNames",
    "--host": "server.port",
    "--port": "server.port",
    "--trust-remote-code": "server.trustRemoteCode",
    "--context-length": "server.maxModelLen",
    "--mem-fraction-static": "server.gpuMemoryUtilization",
    "--tensor-parallel-size": "server.tensorParallelSize",
    "--tp-size": "server.tensorParallelSize",
    "--pipeline-parallel-size": "server.pipelineParallelSize",
    "--pp-size": "server.pipelineParallelSize",
    "--api-key": "server.apiKeySecretRef",
}
MANAGED: Mapping[str, Mapping[str, str]] = {"VLLM": VLLM, "SGLang": SGLANG, "Custom": {}}
SHORT = {"-tp": "server.tensorParallelSize", "-pp": "server.pipelineParallelSize"}


def field_of(argument: str, *, engine: str) -> str | None:
    """The field that says what this argument says, or None for an argument of the user's own."""
    name = argument.partition("=")[0].replace("_", "-")
    if name.startswith("--"):
        return next((field for flag, field in MANAGED[engine].items() if means(name, flag)), None)
    shorts = SHORT if MANAGED[engine] else {}
    return next((field for short, field in shorts.items() if name.startswith(short)), None)


def means(name: str, flag: str) -> bool:
    return len(name) > len("--") and flag.startswith(name)
