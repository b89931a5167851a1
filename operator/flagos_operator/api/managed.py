"""Flags and variables that have a field: written twice, one of them would be ignored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flagos_operator.api.rules import Rule, quoted

# Flags of vLLM and SGLang, and the field that renders each.
FLAGS: Mapping[str, str] = {
    "--model": "spec.source",
    "--model-path": "spec.source",
    "--served-model-name": "spec.server.servedModelNames",
    "--port": "spec.server.port",
    "--trust-remote-code": "spec.server.trustRemoteCode",
    "--no-trust-remote-code": "spec.server.trustRemoteCode",
    "--max-model-len": "spec.server.maxModelLen",
    "--context-length": "spec.server.maxModelLen",
    "--gpu-memory-utilization": "spec.server.gpuMemoryUtilization",
    "--mem-fraction-static": "spec.server.gpuMemoryUtilization",
    "--tensor-parallel-size": "spec.server.tensorParallelSize",
    "-tp": "spec.server.tensorParallelSize",
    "--tp-size": "spec.server.tensorParallelSize",
    "--tp": "spec.server.tensorParallelSize",
    "--pipeline-parallel-size": "spec.server.pipelineParallelSize",
    "-pp": "spec.server.pipelineParallelSize",
    "--pp-size": "spec.server.pipelineParallelSize",
    "--pp": "spec.server.pipelineParallelSize",
    "--api-key": "spec.server.apiKeySecretRef",
    "--shutdown-timeout": "spec.server.drainSeconds",
}
# No field, because any other value would cut the server off from its probes and its Service.
FIXED_FLAG = "--host"

# Variables of the server. An empty or differently spelled value of most of these means something
# else than it seems to; a field cannot be misspelled.
ENV: Mapping[str, str] = {
    "USE_FLAGGEMS": "spec.flagos.mode",
    "FLAGCX_PATH": "spec.flagos.flagcxPath",
    "VLLM_FL_PREFER": "spec.flagos.prefer",
    "VLLM_FL_PREFER_ENABLED": "spec.flagos.prefer",
    "VLLM_FL_FLAGOS_WHITELIST": "spec.flagos.operators.allow",
    "VLLM_FL_FLAGOS_BLACKLIST": "spec.flagos.operators.deny",
    "VLLM_FL_FLAGOS_BLACKLIST_APPEND": "spec.flagos.operators.denyMore",
    "VLLM_API_KEY": "spec.server.apiKeySecretRef",
    "VLLM_PORT": "spec.server.port",
    "FLAGOS_PORT": "spec.server.port",
    "FLAGOS_SERVED_MODEL_NAME": "spec.server.servedModelNames",
    "FLAGOS_MODEL_PATH": "spec.weights.mountPath",
    "FLAGOS_DEVICES": "spec.devices",
}

# Variables of the download; the hubs' own clients would read most of them too.
FETCH_ENV: Mapping[str, str] = {
    "HF_TOKEN": "spec.source.huggingface.tokenSecretRef",
    "HUGGING_FACE_HUB_TOKEN": "spec.source.huggingface.tokenSecretRef",
    "HF_ENDPOINT": "spec.source.huggingface.endpoint",
    "MODELSCOPE_API_TOKEN": "spec.source.modelscope.tokenSecretRef",
    "MODELSCOPE_ENDPOINT": "spec.source.modelscope.endpoint",
    "MODELSCOPE_DOMAIN": "spec.source.modelscope.endpoint",
    "FLAGOS_FETCH_TOKEN": "tokenSecretRef of the hub in spec.source",
    "FLAGOS_FETCH_ENDPOINT": "endpoint of the hub in spec.source",
    "FLAGOS_FETCH_CA_BUNDLE": "spec.source.caBundleConfigMapRef",
    "FLAGOS_FETCH_VERIFY": "spec.weights.verify",
    "FLAGOS_FETCH_MIRRORS": "spec.source.mirrors",
}
# Variables of the download that no model may set: the chart's value says them for all.
FETCH_FORBIDDEN = {
    "FLAGOS_FETCH_ALLOWED_ADDRESSES": "the chart's value operand.fetch.allowedAddresses",
}
TOKENS_OF_MIRRORS = "FLAGOS_FETCH_TOKEN_"


def managed_flags() -> Iterator[Rule]:
    for flag, field in FLAGS.items():
        yield managed_flag(flag, message=f"{flag} has a field: {field}")
    yield managed_flag(FIXED_FLAG, message=f"{FIXED_FLAG} is set by the operator: remove it")


def managed_flag(flag: str, *, message: str) -> Rule:
    """The exact flag only. argparse takes unique prefixes too, which CEL cannot know."""
    words = spelled(flag)
    starts = " || ".join(f"arg.startsWith('{word}=')" for word in words)
    return Rule(
        cel=(
            "!has(self.args) || (has(self.engine) && self.engine == 'Custom') || "
            f"!self.args.exists(arg, arg in {quoted(words)} || {starts})"
        ),
        message=message,
        holds=lambda it: (
            it.get("engine") == "Custom"
            or not any(arg.split("=", 1)[0] in words for arg in it.get("args", ()))
        ),
        field="args",
    )


def spelled(flag: str) -> tuple[str, ...]:
    """Both engines read `--max_model_len` as `--max-model-len`."""
    underscored = "--" + flag[2:].replace("-", "_")
    return (flag, underscored) if flag.startswith("--") and underscored != flag else (flag,)


def managed_env(table: Mapping[str, str]) -> Iterator[Rule]:
    for name, field in table.items():
        yield managed_variable(name, message=f"{name}: this variable has a field: {field}")


def managed_variable(name: str, *, message: str) -> Rule:
    return Rule(
        cel=f"!has(self.env) || !self.env.exists(item, item.name == '{name}')",
        message=message,
        holds=lambda it: all(item["name"] != name for item in it.get("env", ())),
        field="env",
    )


def fetch_env() -> Iterator[Rule]:
    yield from managed_env(FETCH_ENV)
    for name, where in FETCH_FORBIDDEN.items():
        message = f"{name} is set by the operator, from {where}: remove it"
        yield managed_variable(name, message=message)
    yield Rule(
        cel=(
            "!has(self.env) || "
            f"!self.env.exists(item, item.name.startsWith('{TOKENS_OF_MIRRORS}'))"
        ),
        message=f"{TOKENS_OF_MIRRORS}* has a field: tokenSecretRef of a mirror in spec.source",
        holds=lambda it: (
            not any(item["name"].startswith(TOKENS_OF_MIRRORS) for item in it.get("env", ()))
        ),
        field="env",
    )
