"""Input: a failed run and what the model says. Asserted: the cure, which must help that model."""

from __future__ import annotations

from typing import Any

import pytest

from flagos_operator.status.summary import summarize
from tests.unit.status.build import (
    a_container,
    a_model,
    a_plan,
    a_pod,
    a_view,
    crashed,
    ended,
    fetched,
)
from tests.unit.status.read import ready

NO_ROOM = (
    "ValueError: No available memory for the cache blocks. Try increasing "
    "`gpu_memory_utilization` when initializing the engine."
)
TOO_LONG = (
    "ValueError: To serve at least one request with the model's max seq len (40960), (4.4 GiB KV "
    "cache is needed, which is larger than the available KV cache memory (4.1 GiB). Based on the "
    "available memory, the estimated maximum model length is 37872. Try increasing "
    "`gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine."
)
OF_A_CPU = "ValueError: Not enough memory: raise VLLM_CPU_KVCACHE_SPACE"
NPU = "torch.OutOfMemoryError: NPU out of memory. Tried to allocate 2.00 GiB"
BYTES = ["--kv-cache-memory-bytes", "16777216"]
SPACE = [{"name": "VLLM_CPU_KVCACHE_SPACE", "value": "1"}]


def message(line: str, *, chip: str = "nvidia", code: int = 1, **server: Any) -> str:
    said = {"chip": chip, "server": server} | ({"devices": None} if chip == "cpu" else {})
    pod = a_pod(fetched(), crashed(ended(code, message=line)))
    return str(ready(summarize(a_view(pod, plan=a_plan(said=said))))["message"])


@pytest.mark.parametrize(
    ("line", "server", "expected"),
    [
        (
            NO_ROOM,
            {},
            "(raise spec.server.gpuMemoryUtilization, or use more devices (spec.devices))",
        ),
        (
            NO_ROOM,
            {"args": BYTES},
            (
                "(raise --kv-cache-memory-bytes (now 16777216) in spec.server.args, or lower "
                "spec.server.maxModelLen)"
            ),
        ),
        (
            NO_ROOM,
            {"args": ["--num_gpu_blocks_override=8"]},
            (
                "(raise --num-gpu-blocks-override (now 8) in spec.server.args, or lower "
                "spec.server.maxModelLen)"
            ),
        ),
        (
            NO_ROOM,
            {"command": ["bash", "-c", "exec vllm serve --kv-cache-memory-bytes=1 $0"]},
            (
                "(raise --kv-cache-memory-bytes (now 1) in spec.server.command, or lower "
                "spec.server.maxModelLen)"
            ),
        ),
        (TOO_LONG, {}, "(set spec.server.maxModelLen to at most 37872)"),
        (
            TOO_LONG,
            {"args": BYTES},
            (
                "(set spec.server.maxModelLen to at most 37872, or raise --kv-cache-memory-bytes "
                "(now 16777216) in spec.server.args)"
            ),
        ),
        (
            NO_ROOM,
            {"chip": "cpu", "args": BYTES, "env": SPACE},
            (
                "(raise --kv-cache-memory-bytes (now 16777216) in spec.server.args, or lower "
                "spec.server.maxModelLen)"
            ),
        ),
        (
            OF_A_CPU,
            {"chip": "cpu", "env": SPACE},
            (
                "(raise VLLM_CPU_KVCACHE_SPACE (now 1) in spec.server.env, or lower "
                "spec.server.maxModelLen)"
            ),
        ),
        (
            NO_ROOM,
            {"chip": "cpu"},
            (
                "(set VLLM_CPU_KVCACHE_SPACE (GiB) in spec.server.env, raise "
                "spec.server.resources.limits.memory, or lower spec.server.maxModelLen)"
            ),
        ),
        # Of a chip the variable of a processor limits nothing.
        (
            NO_ROOM,
            {"env": SPACE},
            "(raise spec.server.gpuMemoryUtilization, or use more devices (spec.devices))",
        ),
        (
            NPU,
            {"args": BYTES},
            (
                "(lower --kv-cache-memory-bytes (now 16777216) in spec.server.args; or use more "
                "devices (spec.devices), or lower spec.server.maxModelLen or "
                "spec.server.gpuMemoryUtilization)"
            ),
        ),
        (
            "MemoryError",
            {"resources": {"limits": {"memory": "8Gi"}}},
            "(raise spec.server.resources.limits.memory (now 8Gi))",
        ),
        ("MemoryError", {}, "(raise spec.server.resources.limits.memory)"),
        (
            "Killed",
            {"resources": {"limits": {"memory": "8Gi"}}},
            "as for want of host memory: raise spec.server.resources.limits.memory (now 8Gi))",
        ),
        (
            "RuntimeError: CUDA error: invalid device ordinal",
            {"chip": "cpu"},
            "(lower spec.server.tensorParallelSize)",
        ),
    ],
)
def test_the_cure_is_what_this_model_can_change(line: str, server: Any, expected: str) -> None:
    assert message(line, **server).endswith(expected)


@pytest.mark.parametrize("line", [NO_ROOM, TOO_LONG, OF_A_CPU, NPU])
def test_a_processor_is_never_told_to_use_more_devices(line: str) -> None:
    assert "spec.devices" not in message(line, chip="cpu")


SOURCED = "--: line 1: /opt/dtk/env.sh: No such file or directory"


def test_a_crash_in_the_line_before_the_server_names_its_field() -> None:
    run = crashed(ended(1, message=SOURCED))
    said = {"server": {"preStart": "source /opt/dtk/env.sh"}}
    plan = a_plan(said=said)
    model = a_model(raw={"spec": said})
    told = ready(summarize(a_view(a_pod(fetched(), run), plan=plan, model=model)))["message"]
    assert told.endswith(f"{SOURCED} (correct spec.server.preStart)")
    of_the_chip = ready(summarize(a_view(a_pod(fetched(), run), plan=plan)))["message"]
    assert of_the_chip.endswith(
        "(correct spec.server.preStart, instead of that of the chip or release)"
    )


def test_a_server_that_is_not_there_is_not_blamed_on_the_line_before_it() -> None:
    line = "--: line 2: exec: vllm: not found"
    assert "(correct spec.server.command, " in message(line, code=127, preStart="true")
    assert "preStart" not in message(SOURCED)


def killed(container: str = "server", *, said: Any = None, pod: Any = None) -> str:
    run = crashed(ended(137, reason="OOMKilled"), name=container, init=container == "fetch")
    others = () if container in {"server", "fetch"} else (a_container(ready=False, started=False),)
    view = a_view(a_pod(run, *others), plan=a_plan(said=said, pod=pod))
    return str(ready(summarize(view))["message"])


def test_a_kill_for_memory_says_the_limit_in_force_and_its_field() -> None:
    server = {"resources": {"limits": {"memory": "64Gi"}}}
    assert killed(said={"server": server}) == (
        "container server used more host memory than its limit and was killed; raise "
        "spec.server.resources.limits.memory, which is 64Gi"
    )
    assert killed("fetch").endswith("raise spec.fetch.resources.limits.memory, which is 2Gi")


def test_a_kill_without_a_limit_says_that_there_is_none() -> None:
    assert killed().endswith(
        "spec.server.resources.limits.memory is not set, so the limit is of a LimitRange of the "
        "namespace, or all that the node has: set it to what the container needs"
    )


def test_a_container_of_the_users_own_is_cured_where_it_is_written() -> None:
    mine = {"name": "proxy", "image": "p", "resources": {"limits": {"memory": "1Gi"}}}
    assert killed("proxy", pod={"containers": [mine]}).endswith(
        "raise spec.pod.containers[proxy].resources.limits.memory, which is 1Gi"
    )
    pod = a_pod(a_container(ready=False), crashed(ended(1, message="MemoryError"), name="proxy"))
    view = a_view(pod, plan=a_plan(pod={"containers": [mine]}))
    assert ready(summarize(view))["message"] == (
        "container proxy ended with exit code 1: MemoryError (act on what it says, in "
        "spec.pod.containers[proxy])"
    )


LENGTH_OF_VLLM = (
    "  Value error, User-specified max_model_len (131072) is greater than the derived "
    "max_model_len "
    "(max_position_embeddings=40960.0 or model_max_length=None in model's config.json). To allow "
    "overriding this maximum, set the env var VLLM_ALLOW_LONG_MAX_MODEL_LEN=1. "
    "VLLM_ALLOW_LONG_MAX_MODEL_LEN must be used with extreme caution. If the model uses relative "
    "position encoding (RoPE), positions exceeding derived_max_model_len lead to nan. "
    "[type=value_error, input_value=ArgsKwargs((), {'model': 'x'}), input_type=ArgsKwargs]"
)


def test_the_engines_own_advice_gives_way_to_the_cure() -> None:
    assert message(f"1 validation error for ModelConfig\n{LENGTH_OF_VLLM}") == (
        "container server ended with exit code 1: Value error, "
        "User-specified max_model_len (131072) is greater than the derived max_model_len "
        "(max_position_embeddings=40960.0 or model_max_length=None in model's config.json) "
        "(set spec.server.maxModelLen to at most 40960)"
    )
    assert "gpu_memory_utilization" not in message(TOO_LONG) + message(NO_ROOM)


def test_a_long_line_is_cut_between_two_words() -> None:
    told = message("RuntimeError: " + "wonderful " * 100)
    assert "wonderful...; all of it: kubectl logs" in told
    assert len(told) < 550
