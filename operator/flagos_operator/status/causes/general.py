"""What stands behind the particular causes, and what an exit code tells alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flagos_operator.status.causes.row import (
    ALL_ALIKE,
    CHECK_FILES,
    MORE_MEMORY,
    OR_WITHOUT,
    cause,
)
from flagos_operator.status.reasons import Reason

LIBRARIES = (
    r"(?:[NHRMEPSTDX]|DL|IX|MX)CCL|BKCL|CNCL|GLOO|FlagCX|FLAGCX"
    r"|(?:nccl|hccl|rccl|mccl|eccl|gloo|bkcl|cncl|flagcx|nvshmem)"
)

# What the other ranks say once one has gone: why is what that one said, if it said anything.
FOLLOWS = re.compile(
    rf"remote process exited|there are other ranks th"
    rf"|(?:{LIBRARIES}|TCPStore|ProcessGroup).{{0,200}}"
    r"(?:closed by peer|reset by peer|closed by remote|Broken pipe)"
)
APART = (
    "the devices cannot talk to each other: look at the first rank that failed; check "
    "spec.server.sharedMemory, spec.flagos.flagcxPath and the links of the node"
)
MISFIT = "the FlagOS plugin does not fit what is beside it in the image: use another spec.image"
NO_GRAPHS = (
    "what this model does cannot be put into a graph here: add --enforce-eager to spec.server.args"
)
FAULT = (
    "the device or a kernel on it failed: if it repeats on one node, look at that device; "
    f"if on all, {ALL_ALIKE}"
)

# Only where no operator of FlagGems is to blame and nothing above was found.
GENERAL = (
    cause(
        r"Only one platform plugin can be activated",
        Reason.PLUGIN_NOT_LOADED,
        "set spec.flagos.mode, which picks one, or VLLM_PLUGINS=fl in spec.server.env",
    ),
    cause(
        r"Failed to load plugin (?P<plugin>\w{1,60})",
        Reason.PLUGIN_NOT_LOADED,
        r"plugin \g<plugin> is not in use: correct what its error says, in spec.image or "
        "spec.server.env",
        then=True,
        early=True,
        unless=r"EngineDeadError: ",  # it served without the plugin, and died of something else
    ),
    cause(
        r"not found in VENDOR_DEVICE_MAP|The \w{2,20} device is not supported currently",
        Reason.PLUGIN_NOT_LOADED,
        "the FlagOS plugin in the image does not know this chip: use another spec.image",
    ),
    cause(
        r"No module named '(?:vllm_fl|flag_gems)\b",
        Reason.PLUGIN_NOT_LOADED,
        MISFIT,
    ),
    cause(
        r"(?:ModuleNotFoundError|ImportError): ",
        Reason.PLUGIN_NOT_LOADED,
        MISFIT,
        near=r"/vllm_fl/",
    ),
    cause(
        r"ErrorNotSupported\b|error: operation not supported",
        Reason.DEVICE_FAULT,
        NO_GRAPHS,
        near=r"capture_begin|, in capture_model$|CUDAGraph",
    ),
    cause(
        r"not permitted when stream is capturing|StreamCapture(?:Unsupported|Invalidated)"
        r"|previous error during capture",
        Reason.DEVICE_FAULT,
        NO_GRAPHS,
    ),
    cause(
        r"illegal memory access|device-side assert(?!ions)|unspecified launch failure|\bXid\b"
        r"|[Mm]emory [Vv]iolation|ATU Fault|fallen off the bus|(?:GPU|device) is lost"
        r"|[a-z]Error(?:IllegalAddress|LaunchFailure|LaunchFailed)\b"
        r"|(?i:aicore|vector core|aivec)(?: execution)? (?:exception|error|time[sd]? ?out)"
        r"|uncorrectable ECC|[Mm]emory access fault|GPU (?:[Hh]ang|[Rr]eset)|HSA_STATUS_ERROR"
        r"|\bioctl .{0,60}fail|\bcu\w{1,40}\(\) failed .{0,80}status",
        Reason.DEVICE_FAULT,
        FAULT,
    ),
    cause(
        rf"\b(?:{LIBRARIES})\b.{{0,120}}(?i:error|fail|time[sd]? ?out|unable)"
        r"|nccl(?:System|Internal|UnhandledCuda|InvalidUsage|Remote|UnhandledSystem)\w*"
        r"|Hccl\w+, error|\bEI(?:00|99)\d\d\b|HCCL function error"
        r"|\b[NRMH]CCL WARN .{0,60}[Nn]o (?:socket )?interface found"
        r"|(?:DistStoreError|DistNetworkError|DistBackendError)"
        r"|client socket has (?:timed out|failed)|init_process_group.{0,80}(?i:time|fail)"
        r"|Watchdog caught collective|flagcx\w*(?:Error|Init\w*).{0,60}(?i:error|fail)"
        r"|Failed to (?:initialize|create) .{0,40}(?:communicator|process group)",
        Reason.COLLECTIVE_INIT_FAILED,
        APART,
    ),
    cause(
        r"running Ray instance|[Ff]ailed to connect to GCS",
        Reason.COLLECTIVE_INIT_FAILED,
        "no Ray cluster answers: start it before the server, in spec.server.preStart",
    ),
    cause(
        r"(?:CUDA|HIP|ACL|NPU|MUSA|MACA|MLU|XPU|GCU|DCU|PPU) (?:runtime |driver )?error\b"
        r"|\b(?:CNNL|CNRT|CNDRV) error|Triton Error \["
        r"|AcceleratorError|NPU function error|\bE[EZ][0-9A-Z]{4}: |\bE[0-9A-Z]9999\b"
        r"|\bcall aclnn\w{1,60} failed|\bACL \w{1,40} \w{1,40} failed, error code"
        r"|[A-Z]BLAS_STATUS|MIOPEN_STATUS|MIOpen Error|\bMUDNN failed in|XPUERR_\w+"
        r"|\b(?:hip|ix|mc|maca|musa|cnrt|tops)Error[A-Z]\w+|page not present",
        Reason.DEVICE_FAULT,
        FAULT,
    ),
    cause(
        r"\w{2,5} overflow, requires \d+ bits while \d+ bits",  # of an Ascend core's buffer
        Reason.UNSUPPORTED_MODEL,
        "a kernel cannot be made for this chip: try another spec.image",
    ),
    cause(
        r"out of resource: |CompilationError: |PassManager::run failed",
        Reason.UNSUPPORTED_MODEL,
        "a kernel cannot be made for this chip: try another spec.image",
    ),
    cause(
        r"Segmentation fault|SIGSEGV|SIGABRT|core dumped|Fatal Python error: (?!Aborted$)"
        r"|double free|Failed core proc\(s\): \{.{0,80}: -(?:11|6|8)\b",
        Reason.NATIVE_CRASH,
        f"native code of the image failed: try another spec.image{OR_WITHOUT}",
    ),
    cause(
        r"HarmonyError: .{0,80}vocab",
        Reason.DEPENDENCY_MISSING,
        "the image lacks the vocabulary that gpt-oss needs and may not download it: mount it and "
        "set TIKTOKEN_ENCODINGS_BASE in spec.server.env",
    ),
    cause(
        r"getpwuid\(\): uid not found",
        Reason.DEPENDENCY_MISSING,
        "the image knows no user of this number: set USER=nobody in spec.server.env",
    ),
    cause(
        r"(?:ModuleNotFoundError|ImportError): |cannot open shared object file|undefined symbol: "
        r"|requires the following packages that were not found|python\S{0,8}: No module named "
        r"|Cannot find a working triton installation|Failed to load the backend extension"
        r"|\b[A-Z]{2,12}_HOME environment variable is not set|No matching distribution found",
        Reason.DEPENDENCY_MISSING,
        "something is missing in the image: use another spec.image",
    ),
    cause(
        r"JSONDecodeError: ",
        Reason.WEIGHTS_CORRUPT,
        f"a JSON file of the model is damaged: bring it anew; {CHECK_FILES}",
    ),
    cause(
        r"failed to be inspected",
        Reason.UNSUPPORTED_MODEL,
        "the image cannot load the class of this model, the log says why: use another spec.image",
    ),
)
# Only worth a word when there is no error of any other kind.
LAST_RESORT = (
    cause(
        r"(?:^|: )(?:exec: )?(?!\S{0,99}(?:smi|gmi|mon|lspci|nvcc|hipcc|which|lsof|ip|ps):)"
        r"\S{1,100}: (?:command )?not found$|^exec \S{1,200}: no such file or directory$",
        Reason.CANNOT_START,
        "correct spec.server.command, spec.server.preStart or spec.image",
    ),
    cause(
        r"EngineDeadError: |died unexpectedly|SIGQUIT received|[Rr]eceived sigquit"
        r"|Failed core proc\(s\): \{.{0,80}: -9\b"
        r"|terminated by signal 9|SIGKILL|^Killed$|\d Killed +\S",
        Reason.ENGINE_DIED,
        f"the engine was killed from outside, as for want of host memory: {MORE_MEMORY}",
    ),
    cause(FOLLOWS.pattern, Reason.COLLECTIVE_INIT_FAILED, APART, follows=True),
    # Of an engine that was killed before it was known the one in front has no code to tell.
    cause(
        r"Engine core initialization failed\b.{0,80}Failed core proc\(s\): \{\}",
        Reason.ENGINE_DIED,
        "the engine ended without a word: it was killed from outside, as for want of host memory: "
        f"{MORE_MEMORY}",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    reason: Reason
    cure: str


# What a code alone tells when the log names no cause. 128 and a signal: ended by that signal.
EXITS = {
    2: Exit(reason=Reason.INVALID_ARGUMENT, cure="correct spec.server.args"),
    126: Exit(reason=Reason.CANNOT_START, cure="correct spec.server.command or spec.image"),
    127: Exit(reason=Reason.CANNOT_START, cure="correct spec.server.command or spec.image"),
    132: Exit(
        reason=Reason.INCOMPATIBLE_IMAGE, cure="use an image for this processor: spec.image"
    ),
    134: Exit(reason=Reason.NATIVE_CRASH, cure="native code failed: try another spec.image"),
    135: Exit(reason=Reason.SHARED_MEMORY_TOO_SMALL, cure="raise spec.server.sharedMemory"),
    136: Exit(reason=Reason.NATIVE_CRASH, cure="native code failed: try another spec.image"),
    139: Exit(reason=Reason.NATIVE_CRASH, cure="native code failed: try another spec.image"),
    143: Exit(
        reason=Reason.TERMINATED,
        cure="it was told to end (SIGTERM): by its probe (raise spec.startup.budgetSeconds), or "
        "with its pod",
    ),
}
