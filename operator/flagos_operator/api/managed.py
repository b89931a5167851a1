"""Flags and variables that have a field: written twice, one of them would be ignored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from flagos_operator.api.rules import Rule, quoted

# By field, the flags of vLLM and SGLang that it renders; the first is the name people know.
FLAGS: Mapping[str, tuple[str, ...]] = {
    "spec.source": ("--model", "--model-path"),
    "spec.server.servedModelNames": ("--served-model-name",),
    "spec.server.port": ("--port",),
    "spec.server.trustRemoteCode": ("--trust-remote-code", "--no-trust-remote-code"),
    "spec.server.maxModelLen": ("--max-model-len", "--context-length"),
    "spec.server.gpuMemoryUtilization": ("--gpu-memory-utilization", "--mem-fraction-static"),
    "spec.server.tensorParallelSize": ("--tensor-parallel-size", "-tp", "--tp-size", "--tp"),
    "spec.server.pipelineParallelSize": ("--pipeline-parallel-size", "-pp", "--pp-size", "--pp"),
    "spec.server.apiKeySecretRef": ("--api-key",),
    "spec.server.drainSeconds": ("--shutdown-timeout",),
}
# No field, because any other value would cut the server off from its probes and its Service.
FIXED_FLAG = "--host"

# By field, the variables that it renders. An empty or differently spelled value of most of these
# means something else than it seems to; the field cannot be misspelled.
ENV: Mapping[str, tuple[str, ...]] = {
    "spec.flagos.mode": ("USE_FLAGGEMS",),
    "spec.flagos.flagcxPath": ("FLAGCX_PATH",),
    "spec.flagos.prefer": ("VLLM_FL_PREFER", "VLLM_FL_PREFER_ENABLED"),
    "spec.flagos.operators.allow": ("VLLM_FL_FLAGOS_WHITELIST",),
    "spec.flagos.operators.deny": ("VLLM_FL_FLAGOS_BLACKLIST",),
    "spec.flagos.operators.denyMore": ("VLLM_FL_FLAGOS_BLACKLIST_APPEND",),
    "spec.server.apiKeySecretRef": ("VLLM_API_KEY",),
    "spec.server.port": ("VLLM_PORT", "FLAGOS_PORT"),
    "spec.server.servedModelNames": ("FLAGOS_SERVED_MODEL_NAME",),
    "spec.weights.mountPath": ("FLAGOS_MODEL_PATH",),
    "spec.devices": ("FLAGOS_DEVICES",),
}

FETCH_ENV: Mapping[str, tuple[str, ...]] = {
    "spec.source.<hub>.tokenSecretRef": (
        "FLAGOS_FETCH_TOKEN",
        "HF_TOKEN",
        "HUGGING_FACE_HUB_TOKEN",
        "MODELSCOPE_API_TOKEN",
    ),
    "spec.source.<hub>.endpoint": (
        "FLAGOS_FETCH_ENDPOINT",
        "HF_ENDPOINT",
        "MODELSCOPE_ENDPOINT",
        "MODELSCOPE_DOMAIN",
    ),
    "spec.source.caBundleConfigMapRef": ("FLAGOS_FETCH_CA_BUNDLE",),
    "spec.weights.verify": ("FLAGOS_FETCH_VERIFY",),
}


def managed_flag(flags: Sequence[str], message: str) -> Rule:
    """Exact flags only. argparse takes unique prefixes too, which CEL cannot know."""
    words = [word for flag in flags for word in spelled(flag)]
    starts = " || ".join(f"arg.startsWith('{word}=')" for word in words)
    custom = "has(self.engine) && self.engine == 'Custom'"
    return Rule(
        cel=(
            f"!has(self.args) || ({custom}) || "
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


def managed_flags() -> Iterator[Rule]:
    for field, flags in FLAGS.items():
        also = f" ({', '.join(flags[1:])})" if flags[1:] else ""
        yield managed_flag(flags, f"{flags[0]}{also} has a field: {field}")
    yield managed_flag((FIXED_FLAG,), f"{FIXED_FLAG} is set by the operator: remove it")


def managed_env(table: Mapping[str, Sequence[str]]) -> Iterator[Rule]:
    for field, names in table.items():
        yield managed_variables(names, f"{', '.join(names)}: this variable has a field: {field}")


def managed_variables(names: Sequence[str], message: str) -> Rule:
    return Rule(
        cel=f"!has(self.env) || !self.env.exists(item, item.name in {quoted(names)})",
        message=message,
        holds=lambda it: all(item["name"] not in names for item in it.get("env", ())),
        field="env",
    )
