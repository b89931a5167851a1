"""The telling line of a log: the last 100 lines that vLLM 0.24 wrote on an H200 or H100."""

from __future__ import annotations

from pathlib import Path

import pytest

from flagos_operator.status.loglines import LONGEST, telling

LOGS = Path(__file__).parent / "logs"

FROM_LOGS = [
    (
        "bad-value",
        "gpu_memory_utilization: Input should be less than or equal to 1",
        "spec.server",
    ),
    ("both-operator-lists", "ValueError: Cannot set both VLLM_FL_FLAGOS_WHITELIST", "only one"),
    ("cache-read-only", "OSError: [Errno 30] Read-only file system", "writable"),
    ("custom-code", "Value error, The repository", "trustRemoteCode: true"),
    ("device-busy", "ValueError: Free memory on device cuda:0 (10.49/139.8 GiB)", "another"),
    ("device-out-of-memory", "torch.OutOfMemoryError: CUDA out of memory", "another process"),
    ("engine-killed", "vllm.v1.engine.exceptions.EngineDeadError", "killed from outside"),
    ("home-not-writable", "PermissionError: [Errno 13] Permission denied", "user"),
    ("hub-name-offline", "huggingface_hub.errors.LocalEntryNotFoundError", "spec.source"),
    ("kv-cache-too-small", "ValueError: To serve at least one request", "at most 37872"),
    ("no-config", "Value error, Invalid repository ID or local directory", "config.json"),
    ("no-device", "AssertionError: DP adjusted local rank 0 is out of bounds", "spec.devices"),
    ("no-directory", "huggingface_hub.errors.HFValidationError: Repo id must", "does not exist"),
    ("no-weights", "RuntimeError: Cannot find any model weights", "spec.source"),
    ("port-taken", "OSError: [Errno 98] Address already in use", "port"),
    ("shape-mismatch", "RuntimeError: start (0) + length (2048) exceeds", "belong together"),
    ("shard-missing", "ValueError: Following weights were not initialized", "source.include"),
    ("shard-truncated", "safetensors._safetensors_rust.SafetensorError: Error", "damaged"),
    ("shard-unreadable", "FileNotFoundError: No such file or directory: /tmp/", "may not read"),
    ("too-few-devices", "Value error, World size (2) is larger than the number", "spec.devices"),
    ("unknown-architecture", "Value error, Model architectures ['FooFor", "vLLM knows"),
    ("unknown-flag", "main.py: error: unrecognized arguments: --no-such-flag", "server.args"),
]

# Single lines of vLLM 0.32 on a CPU and of other failures, as they were seen.
FROM_LINES = [
    ("vllm: error: argument --max-model-len: invalid value: 'abc'", "server.args"),
    ("vllm serve: error: the following arguments are required: --x", "server.args"),
    ("TypeError: Error: --enable-auto-tool-choice requires --tool-call-parser", "tool-call"),
    (
        "User-specified max_model_len (9999) is greater than the derived max_model_len (m=2048.0",
        "at most 2048",
    ),
    (
        "Total number of attention heads (2) must be divisible by tensor parallel size (9)",
        "tensor",
    ),
    ("AssertionError: Not enough allowed NUMA nodes to bind threads of 2", "nobind"),
    ("ValueError: VLLM_PORT 'tcp://10.96.3.4:8000' appears to be a URI.", "VLLM_PORT"),
    (
        "ValueError: 5 GiB is needed, which is larger than the available KV cache memory",
        "maxModelLen",
    ),
    ("ValueError: No available memory for the cache blocks.", "gpuMemoryUtilization"),
    ("RuntimeError: HIP out of memory. Tried to allocate 2 GiB", "more devices"),
    ("OSError: It looks like the config file at 'x' is not a valid JSON file.", "damaged"),
    ("ValueError: Couldn't instantiate the backend tokenizer from one of", "tokenizer"),
    ("OSError: [Errno 28] No space left on device", "enlarge"),
    ("RuntimeError: Unsupported CPU attention configuration: head_dim=16", "CPU"),
]


@pytest.mark.parametrize(("name", "line", "cure"), FROM_LOGS)
def test_a_known_failure_is_found_in_its_log(name: str, line: str, cure: str):
    told = telling((LOGS / f"{name}.txt").read_text())
    assert told
    assert told.line.startswith(line)
    assert cure in told.cure


@pytest.mark.parametrize(("line", "cure"), FROM_LINES)
def test_a_known_line_has_its_cure(line: str, cure: str):
    told = telling(line)
    assert told
    assert cure in told.cure


def test_the_line_has_no_prefix_that_differs_from_run_to_run():
    for pid in (7, 8):
        log = f"(EngineCore pid={pid}) ERROR 11-23 22:11:2{pid} [core.py:1231] KeyError: 'x'"
        told = telling(log)
        assert told
        assert told.line == "KeyError: 'x'"


def test_the_engines_error_counts_more_than_that_of_the_front():
    log = (
        "(EngineCore_DP0 pid=5) ERROR 11-23 22:11:23 [core.py:9] KeyError: 'the cause'\n"
        "(APIServer pid=1) ValueError: the consequence\n"
    )
    told = telling(log)
    assert told
    assert told.line == "KeyError: 'the cause'"


def test_the_last_error_counts_when_no_engine_spoke():
    told = telling("KeyError: 'first'\nfoo.bar.OddError: second\nsome more words\n")
    assert told
    assert told.line == "foo.bar.OddError: second"
    assert told.needs_user is None


def test_without_any_error_the_last_line_that_says_something_is_told():
    told = telling('loading\nhalf done\nTraceback (most recent call last):\n  File "x"\n\n')
    assert told
    assert told.line == "half done"


@pytest.mark.parametrize("log", ["", "\n\n", "Traceback (most recent call last):\n    raise\n"])
def test_a_log_that_says_nothing_tells_nothing(log: str):
    assert telling(log) is None


def test_a_line_without_end_is_cut():
    told = telling("ValueError: " + "x" * 9000)
    assert told
    assert len(told.line) == LONGEST


def test_an_error_without_words_is_told_with_its_code():
    frame = '  File "/x/y.py", line 3, in f\n'
    log = f"{frame}    assert heads % size == 0\n           ^^^^^\nAssertionError\n"
    told = telling(log)
    assert told
    assert (told.line, told.number) == ("AssertionError: assert heads % size == 0", 4)
