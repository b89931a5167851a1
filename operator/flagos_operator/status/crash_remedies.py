"""What the reasons of failed starts mean; the log's own line and cure are in the message."""

from __future__ import annotations

from flagos_operator.status.reasons import Reason
from flagos_operator.status.remedy import Remedy

CRASHES = {
    Reason.DEVICE_BUSY: Remedy(
        "Another process holds the device or its memory.",
        "Free it. It is tried again by itself. Or lower spec.server.gpuMemoryUtilization.",
    ),
    Reason.DEVICE_FAULT: Remedy(
        "The device, or a kernel on it, failed while the server ran.",
        "If it repeats on one node, look at that device; if on all, try spec.flagos.mode "
        "PluginOnly, which leaves the FlagGems operators out.",
    ),
    Reason.COLLECTIVE_INIT_FAILED: Remedy(
        "The devices of a server could not talk to each other (NCCL, HCCL, FlagCX and the like).",
        "Look for the first rank that failed. Check spec.server.sharedMemory, "
        "spec.flagos.flagcxPath and the links between the devices.",
    ),
    Reason.PORT_IN_USE: Remedy(
        "The port of the server is taken inside its pod.",
        "Change spec.server.port, or the container in spec.pod that has it. A port that is only "
        "left over is free again by itself.",
    ),
    Reason.CACHE_LOCKED: Remedy(
        "Several processes wanted one tuning database at once.",
        "Set FLAGGEMS_DB_URL to sqlite:///:memory: in spec.server.env.",
    ),
    Reason.STORAGE_FAILED: Remedy(
        "A disk, or the server of a network volume, did not answer or gave an error.",
        "Look at the node and the storage behind the volume that the message names.",
    ),
    Reason.NATIVE_CRASH: Remedy(
        "Native code of the image crashed (segmentation fault, abort).",
        "Try another spec.image, or spec.flagos.mode PluginOnly.",
    ),
    Reason.ENGINE_TIMEOUT: Remedy(
        "A step of the engine took longer than vLLM waits; kernels may have been compiled in it.",
        "Raise VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS in spec.server.env.",
    ),
    Reason.TERMINATED: Remedy(
        "The server was told to end while it started, or was lost as its node or the container "
        "runtime there started again.",
        "Nothing to do in the model; it is started again.",
    ),
    Reason.INVALID_ARGUMENT: Remedy(
        "The server refuses a flag, a value or a variable; the message has its words.",
        "Correct the field that the message names, mostly spec.server.args.",
    ),
    Reason.KV_CACHE_TOO_SMALL: Remedy(
        "The cache does not hold one request of full length: that is all that the weights leave "
        "of the memory, or something in the spec keeps the cache short.",
        "Do what the message says: set spec.server.maxModelLen, raise what keeps the cache short "
        "(--kv-cache-memory-bytes in spec.server.args, on a processor VLLM_CPU_KVCACHE_SPACE in "
        "spec.server.env), or use more devices (spec.devices).",
    ),
    Reason.DEVICE_OUT_OF_MEMORY: Remedy(
        "The memory of the device does not hold the model and what it needs to run. The memory "
        "of the host is OutOfMemory.",
        "Use more devices (spec.devices), or lower spec.server.maxModelLen or "
        "spec.server.gpuMemoryUtilization.",
    ),
    Reason.DEVICE_NOT_FOUND: Remedy(
        "No device, or not its driver, is to be seen in the container.",
        "Check spec.devices, spec.chip, and the device plugin and driver of the node.",
    ),
    Reason.DRIVER_MISMATCH: Remedy(
        "The driver of the node and what the image was built for do not fit.",
        "Update the driver on the node, or use an image for its driver (spec.image).",
    ),
    Reason.INCOMPATIBLE_IMAGE: Remedy(
        "The image was built for another chip or processor.",
        "Use an image for this one (spec.image), or another spec.chip.",
    ),
    Reason.UNSUPPORTED_MODEL: Remedy(
        "The vLLM in the image, or the chip, cannot run this model, its type or quantization.",
        "Use a newer spec.image, another spec.chip or another model.",
    ),
    Reason.REMOTE_CODE_REFUSED: Remedy(
        "The model needs code that comes with its weights, which is not run unasked.",
        "Set spec.server.trustRemoteCode to true if you trust the repository.",
    ),
    Reason.WEIGHTS_MISSING: Remedy(
        "The directory, weights or tokenizer files of the model are not there or cannot be read.",
        "Check spec.source with its include and exclude, and the mode of the files.",
    ),
    Reason.WEIGHTS_CORRUPT: Remedy(
        "A file of the model is cut off, damaged or a mere pointer to the real one.",
        "Set spec.weights.verify to Always: bad files are found and fetched again. Brought by "
        "hand: flagos-operator verify names them.",
    ),
    Reason.WEIGHTS_MISMATCH: Remedy(
        "config.json and the weights are of different models.",
        "Correct spec.source, or what was copied together.",
    ),
    Reason.OPERATOR_CRASH: Remedy(
        "An operator of FlagGems fails on this chip; status.lastFailure.operator names it.",
        "Set spec.flagos.operators.denyMore to what the message says. Where deny or allow is set "
        "in its place, or the plugin is older than 0.3, change or use those lists.",
    ),
    Reason.PLUGIN_NOT_LOADED: Remedy(
        "The FlagOS plugin is not in use, so vLLM runs without it or not at all.",
        "Correct what the message says in spec.image or spec.server.env, or set "
        "spec.flagos.mode: Native.",
    ),
    Reason.DEPENDENCY_MISSING: Remedy(
        "A Python package, a library or the C compiler is missing in the image.",
        "Use another spec.image.",
    ),
    Reason.SHARED_MEMORY_TOO_SMALL: Remedy(
        "The shared memory of the server (/dev/shm) is full.",
        "Raise spec.server.sharedMemory.",
    ),
    Reason.LIMIT_TOO_LOW: Remedy(
        "A limit of open files, processes or locked memory was reached.",
        "Raise it where the container runtime of the node sets it.",
    ),
    Reason.PERMISSION_DENIED: Remedy(
        "The user of the container may not use a path or a device.",
        "Set spec.server.securityContext, or change the owner of what the message names.",
    ),
    Reason.PATH_NOT_WRITABLE: Remedy(
        "The server writes where it may only read.",
        "Give that path a writable volume (spec.pod.volumes, spec.server.volumeMounts).",
    ),
    Reason.DISK_FULL: Remedy(
        "A volume or the disk of the node is full.",
        "Enlarge the volume that the message names, or free space on the node.",
    ),
}
