"""What stands behind the particular causes, and what an exit code tells alone."""

from __future__ import annotations

from dataclasses import dataclass

from flagos_operator.status.causes.row import CHECK_FILES, cause
from flagos_operator.status.reasons import Reason

LIBRARIES = (
    r"(?:[NHRMEPSTDX]|DL|IX|MX)CCL|BKCL|CNCL|GLOO|FlagCX|FLAGCX"
    r"|(?:nccl|hccl|rccl|mccl|eccl|gloo|bkcl|cncl|flagcx)"
)

FAULT = (
    "the device or a kernel on it failed: if it repeats on one node, look at that device; "
    "if on all, try spec.flagos.mode: PluginOnly"
)

# Only where no operator of FlagGems is to blame and nothing above was found.
GENERAL = (
    cause(
        r"Only one platform plugin can be activated",
        Reason.PLUGIN_NOT_LOADED,
        "set VLLM_PLUGINS=fl in spec.server.env",
    ),
    cause(
        r"Failed to load plugin (?P<plugin>\w{1,60})",
        Reason.PLUGIN_NOT_LOADED,
        r"plugin \g<plugin> is not in use: correct what its error says, in spec.image or "
        "spec.server.env",
        then=True,
        unless=r"EngineDeadError: ",  # it served without the plugin, and died of something else
    ),
    cause(
        r"illegal memory access|device-side assert|unspecified launch failure|\bXid\b"
        r"|[Mm]emory [Vv]iolation|(?:aicore|vector core|aivec) (?:exception|error|timeout)"
        r"|uncorrectable ECC|[Mm]emory access fault|GPU (?:hang|reset)",
        Reason.DEVICE_FAULT,
        FAULT,
    ),
    cause(
        rf"\b(?:{LIBRARIES})\b.{{0,120}}(?i:error|fail|time[sd]? ?out|unable)"
        r"|nccl(?:System|Internal|UnhandledCuda|InvalidUsage|Remote|UnhandledSystem)\w*"
        r"|Hccl\w+, error|\bEI00\d\d\b|HCCL function error"
        r"|(?:DistStoreError|DistNetworkError|DistBackendError)"
        r"|client socket has (?:timed out|failed)|init_process_group.{0,80}(?i:time|fail)"
        r"|Watchdog caught collective|flagcx\w*(?:Error|Init\w*).{0,60}(?i:error|fail)"
        r"|Failed to (?:initialize|create) .{0,40}(?:communicator|process group)",
        Reason.COLLECTIVE_INIT_FAILED,
        "the devices cannot talk to each other: look at the first rank that failed; check "
        "spec.server.sharedMemory, spec.flagos.flagcxPath and the links of the node",
    ),
    cause(
        r"(?:CUDA|HIP|ACL|NPU|MUSA|MACA|MLU|XPU|GCU|DCU|PPU) (?:runtime )?error\b"
        r"|AcceleratorError|NPU function error|\bE[EZ][0-9A-Z]{4}: |CUBLAS_STATUS|MIOPEN_STATUS"
        r"|hipError[A-Z]\w+|page not present",
        Reason.DEVICE_FAULT,
        FAULT,
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
        "native code of the image failed: try another spec.image, or spec.flagos.mode: PluginOnly",
    ),
    cause(
        r"Failed to find C compiler|(?:gcc|cc|clang)\b.{0,40}: not found"
        r"|No such file or directory: '\S{0,60}\b(?:gcc|cc|clang)'",
        Reason.DEPENDENCY_MISSING,
        "the image has no C compiler, which Triton needs: use another spec.image",
    ),
    cause(
        r"(?:ModuleNotFoundError|ImportError): |cannot open shared object file|undefined symbol: "
        r"|requires the following packages that were not found",
        Reason.DEPENDENCY_MISSING,
        "something is missing in the image: use another spec.image",
    ),
    cause(
        r"JSONDecodeError: ",
        Reason.WEIGHTS_CORRUPT,
        f"a JSON file of the model is damaged: download it again; {CHECK_FILES}",
    ),
)
# Only worth a word when there is no error of any other kind.
LAST_RESORT = (
    cause(
        r"EngineDeadError: |died unexpectedly|Failed core proc\(s\): \{.{0,80}: -9\b"
        r"|terminated by signal 9|SIGKILL|^Killed$|\d Killed +\S",
        Reason.ENGINE_DIED,
        "the engine was killed from outside; the node may have run out of memory: check "
        "spec.server.resources",
        heals=True,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    reason: Reason
    cure: str


# What a code alone tells when the log names no cause. 128 and a signal: ended by that signal.
EXITS = {
    2: Exit(reason=Reason.INVALID_ARGUMENT, cure="correct spec.server.args"),
    126: Exit(reason=Reason.CANNOT_START, cure="correct spec.server.command or the image"),
    127: Exit(reason=Reason.CANNOT_START, cure="correct spec.server.command or the image"),
    132: Exit(
        reason=Reason.INCOMPATIBLE_IMAGE, cure="use an image for this processor: spec.image"
    ),
    134: Exit(reason=Reason.NATIVE_CRASH, cure="native code failed: try another spec.image"),
    135: Exit(reason=Reason.SHARED_MEMORY_TOO_SMALL, cure="raise spec.server.sharedMemory"),
    136: Exit(reason=Reason.NATIVE_CRASH, cure="native code failed: try another spec.image"),
    139: Exit(reason=Reason.NATIVE_CRASH, cure="native code failed: try another spec.image"),
}
