"""Finds the line of a log that tells why a server ended: it is seldom the last one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

LONGEST = 400  # of what is told
WIDEST = 4000  # of what is looked at: one line can hold all architectures of the world


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """The line, without the prefix that differs on every run, and what to do about it."""

    line: str
    cure: str = ""
    needs_user: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A known cause. `cure` may take up groups of the pattern; `heals` without the user.

    `above` is how many lines before the one that matches belong to it.
    """

    pattern: re.Pattern[str]
    cure: str
    heals: bool = False
    above: int = 0


def cause(pattern: str, cure: str, *, heals: bool = False, above: int = 0) -> Cause:
    return Cause(pattern=re.compile(pattern), cure=cure, heals=heals, above=above)


# The first that is found anywhere in the log wins, so the particular stands above the general.
# Lines as written by vLLM 0.13 to 0.33.
CAUSES = (
    # Command line
    cause(r"error: unrecognized arguments: .+", "correct spec.server.args"),
    cause(r"error: argument [^:]+: .+", "correct spec.server.args"),
    cause(r"error: .*(required|expected|invalid choice).*", "correct spec.server.args"),
    cause(
        r"Input should be .*\[type=",
        "correct the value in spec.server",
        above=1,  # pydantic names the field on a line of its own
    ),
    cause(
        r"--enable-auto-tool-choice requires --tool-call-parser",
        "add --tool-call-parser to spec.server.args",
    ),
    cause(
        r"User-specified max_model_len \(\d+\) is greater than the derived max_model_len "
        r"\(\w+=(?P<length>\d+)",
        r"set spec.server.maxModelLen to at most \g<length>",
    ),
    cause(r"must be divisible by tensor parallel size", "correct spec.server.tensorParallelSize"),
    cause(
        r"World size \(\d+\) is larger than the number of available GPUs",
        "raise spec.devices, or lower spec.server.tensorParallelSize",
    ),
    cause(r"Not enough allowed NUMA nodes to bind", "set VLLM_CPU_OMP_THREADS_BIND=nobind"),
    cause(r"VLLM_PORT '.*' appears to be a URI", "rename the Service that injects VLLM_PORT"),
    # Memory of the device
    cause(
        r"estimated maximum model length is (?P<length>\d+)",
        r"set spec.server.maxModelLen to at most \g<length>",
    ),
    cause(
        r"is needed, which is larger than the available KV cache memory",
        "lower spec.server.maxModelLen",
    ),
    cause(
        r"No available memory for the cache blocks",
        "raise spec.server.gpuMemoryUtilization, or use more devices",
    ),
    cause(
        r"Free memory on device .*is less than desired GPU memory utilization",
        "another process holds memory of this device; free it or lower "
        "spec.server.gpuMemoryUtilization",
        heals=True,
    ),
    cause(
        r"OutOfMemoryError: .*|(CUDA|HIP|NPU|MUSA|XPU) out of memory.*",
        "use more devices, or lower spec.server.maxModelLen or gpuMemoryUtilization",
    ),
    cause(
        r"is out of bounds for 0 devices", "no device reached the container: check spec.devices"
    ),
    # Files of the model
    cause(
        r"Model architectures \[.*?\] are not supported",
        "use an image whose vLLM knows this model",
    ),
    cause(
        r"contains custom code which must be executed|trust_remote_code=True",
        "set spec.server.trustRemoteCode: true if you trust the repository",
    ),
    cause(
        r"Repo id must be in the form 'repo_name' or 'namespace/repo_name'",
        "the model directory does not exist: check spec.source and spec.weights.mountPath",
    ),
    cause(
        r"Invalid repository ID or local directory specified",
        "the model directory has no config.json: check spec.source",
    ),
    cause(r"is not a valid JSON file", "the file is damaged: download it again"),
    cause(
        r"outgoing traffic has been disabled",
        "the server was told to load from a hub: let spec.source bring the weights",
    ),
    cause(r"SafetensorError: .*", "a weights file is damaged or incomplete: download it again"),
    cause(
        r"Following weights were not initialized from checkpoint",
        "weights files are missing: check source.include and source.exclude",
    ),
    cause(
        r"FileNotFoundError: .*\.(safetensors|bin|json)",
        "the file is missing, or the user of the container may not read it",
    ),
    cause(r"Cannot find any model weights", "the directory holds no weights: check spec.source"),
    cause(
        r"exceeds dimension size|size mismatch for",
        "config.json and the weights do not belong together",
    ),
    cause(
        r"Couldn't instantiate the backend tokenizer",
        "tokenizer files are missing: check source.include and source.exclude",
    ),
    # Surroundings
    cause(r"Address already in use", "another container of the pod uses the port", heals=True),
    cause(r"Cannot set both VLLM_FL_FLAGOS_WHITELIST and", "use only one of the operator lists"),
    cause(r"Permission denied: .*", "the user of the container may not use that path"),
    cause(r"Read-only file system: .*", "give that path a writable volume"),
    cause(r"No space left on device", "enlarge the volume; /dev/shm: spec.server.sharedMemory"),
    cause(r"Unsupported CPU attention configuration", "this model does not run on a CPU"),
)
# Only worth a word when there is no other.
LAST_RESORT = (
    cause(
        r"EngineDeadError: ",
        "the engine was killed from outside; the node may have run out of memory",
        heals=True,
    ),
)

PREFIX = re.compile(
    r"^(\x1b\[[0-9;]*m)*"
    r"(\([\w ]+ pid=\d+\) )?"
    r"((DEBUG|INFO|WARNING|ERROR|CRITICAL) [-\d]+ [:.\d]+ \[[^\]]+\] ?)?"
)
# Lines that only report that something else went wrong, or frame it.
HOLLOW = re.compile(
    r"See root cause above|Engine core initialization failed|For further information visit"
    r"|EngineCore encountered an issue|^Traceback |^\s*File \"|^ {4}|^[\s^~]*$|^usage: "
    r"|^During handling of|^The above exception was|warnings\.warn\(|UserWarning: "
    r"|Application (shutdown|startup)|leaked (semaphore|shared_memory)"
    r"|Failed to import from vllm\._C|throughput: "
)
ERROR = re.compile(
    r"^\s*[\w.]*(Error|Exception|Interrupt|Failure)(:|$)|\berror: |^Fatal |Segmentation fault"
)
ENGINE_ERROR = re.compile(r"^\((EngineCore|Worker)[^)]*\) (ERROR|CRITICAL) ")


@lru_cache(maxsize=64)  # one pass over a model asks several times
def telling(log: str) -> Telling | None:
    """The line that tells the cause, or the likeliest; None when there is no line at all."""
    lines = [line[:WIDEST] for line in log.splitlines()]
    return _known(lines, CAUSES) or _likeliest(lines)


def bare(line: str) -> str:
    return PREFIX.sub("", line).strip()


def _known(lines: list[str], causes: tuple[Cause, ...]) -> Telling | None:
    for each in causes:
        for number, line in enumerate(lines):
            if found := each.pattern.search(line):
                whole = ": ".join(map(bare, lines[max(number - each.above, 0) : number + 1]))
                cure = found.expand(each.cure)
                return Telling(line=whole[:LONGEST], cure=cure, needs_user=not each.heals)
    return None


def _likeliest(lines: list[str]) -> Telling | None:
    spoken = [line for line in reversed(lines) if not HOLLOW.search(PREFIX.sub("", line))]
    errors = [line for line in spoken if ERROR.search(PREFIX.sub("", line))]
    engine = [line for line in errors if ENGINE_ERROR.match(line)]
    if best := next(iter(engine or errors), None):
        return Telling(line=bare(best)[:LONGEST])
    last = next(iter(spoken), None)
    return _known(lines, LAST_RESORT) or (Telling(line=bare(last)[:LONGEST]) if last else None)
