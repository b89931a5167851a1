"""What the place lacks that the server runs in: memory, devices, drivers, rights, time."""

from __future__ import annotations

from flagos_operator.status.causes.row import LENGTH, MORE_MEMORY, WHERE_SET, cause
from flagos_operator.status.reasons import Reason

MEMORY = (
    cause(r"estimated maximum model length is (?P<length>\d+)", Reason.KV_CACHE_TOO_SMALL, LENGTH),
    cause(
        r"larger than the maximum number of tokens that can be stored in KV cache "
        r"\((?P<length>\d+)\)",
        Reason.KV_CACHE_TOO_SMALL,
        LENGTH,
    ),
    cause(
        r"is needed, which is larger than the available KV cache memory",
        Reason.KV_CACHE_TOO_SMALL,
        "lower spec.server.maxModelLen",
    ),
    cause(
        r"VLLM_CPU_KVCACHE_SPACE",
        Reason.KV_CACHE_TOO_SMALL,
        "raise VLLM_CPU_KVCACHE_SPACE in spec.server.env, or lower spec.server.maxModelLen",
    ),
    cause(
        r"No available memory for the cache blocks"
        r"|Not enough memory\. Please try .{0,60}mem-fraction-static",
        Reason.KV_CACHE_TOO_SMALL,
        f"raise spec.server.gpuMemoryUtilization{WHERE_SET}, or use more devices (spec.devices)",
    ),
    cause(
        r"Free memory on device .{0,200}is less than desired GPU memory utilization",
        Reason.DEVICE_BUSY,
        "another process holds memory of this device; free it or lower "
        "spec.server.gpuMemoryUtilization",
        heals=True,
    ),
    # In a container PyTorch may not know its own number, as the driver tells the node's: then it
    # calls itself "Process N", too, and nothing is told of "this process". Ten GiB and more: a
    # sibling in the same pod that only looks at the device holds less. Stages of one model share
    # a device by intention, and the driver may tell an amount without sense.
    cause(
        r"out of memory\..{0,160}\bProcess \d+ has \d{2,3}\.\d+ GiB memory in use"
        r".{0,80}\b[Tt]his process has \d",
        Reason.DEVICE_BUSY,
        "another process holds memory of this device; free it or lower "
        "spec.server.gpuMemoryUtilization",
        heals=True,
        unless=r"\[Stage-\d|vllm_omni",
    ),
    cause(
        r"Error in memory profiling\. Initial|may be occupied by other processes"
        r"|last training process is running",
        Reason.DEVICE_BUSY,
        "another process came or went on this device; it must be alone there",
        heals=True,
    ),
    cause(
        r"device\(?s?\)? is/are busy|(?:device|[GN]PU|DCU)\b.{0,60}\b(?:is busy|in use by another)"
        r"|all CUDA-capable devices are busy|(?:cuda|hip)ErrorDevicesUnavailable",
        Reason.DEVICE_BUSY,
        "another process holds this device; free it",
        heals=True,
    ),
    cause(
        r"DefaultCPUAllocator: |(?<!Of)MemoryError\b|std::bad_alloc|\[Errno 12\]"
        r"|(?:mmap failed|fork|malloc|memory)\b.{0,80}Cannot allocate memory|oom-kill|OOMKilled"
        r"|Out of memory: Killed process|running low on memory"
        r"|^memory allocation of \d+ bytes fail|unable to mmap .{0,200}Cannot allocate"
        r"|Cannot allocate memory \(os error",
        Reason.OUT_OF_MEMORY,
        MORE_MEMORY,
    ),
    cause(
        r"OutOfMemoryError: |\b[A-Z]{2,5} out of memory|(?<!host )\bout of (?:device )?memory\b"
        r"|ERROR_OUT_OF_MEMORY|Error(?:MemoryAllocation|OutOfMemory)|STATUS_ALLOC_FAILED"
        r"|EL0004|EE1001.{0,80}memory|\b207001\b|XPUERR_NOMEM|[Dd]evice memory not enough"
        r"|(?:aclrt|rt|mc|mu|cn|hip|cuda|tops|xpu_)[Mm]alloc\w{0,20}\b.{0,60}(?:fail|no memory)",
        Reason.DEVICE_OUT_OF_MEMORY,
        "use more devices (spec.devices), or lower spec.server.maxModelLen or "
        "spec.server.gpuMemoryUtilization",
    ),
)
SURROUNDINGS = (
    cause(
        r"(?:/dev/shm|shared memory|/torch_|/psm_).{0,160}No space left"
        r"|No space left.{0,160}(?:/dev/shm|shared memory|/psm_|/sem\.)"
        r"|Error while creating shared memory segment|insufficient shared memory"
        r"|unable to (?:allocate|open|mmap|resize|write).{0,40}(?:shared memory|</torch_)"
        r"|out of shared memory\. Please|\bBus error\b|SIGBUS"
        r"|Failed core proc\(s\): \{.{0,80}: -7\b",
        Reason.SHARED_MEMORY_TOO_SMALL,
        "raise spec.server.sharedMemory",
    ),
    cause(
        r"No space left on device",
        Reason.SHARED_MEMORY_TOO_SMALL,
        "raise spec.server.sharedMemory",
        near=r"shared_memory\.py|shm_broadcast",
    ),
    cause(
        r"No space left on device|Disk quota exceeded",
        Reason.DISK_FULL,
        "enlarge the volume that it names (spec.weights, spec.pod.volumes) or the node's disk; "
        "/dev/shm: spec.server.sharedMemory",
    ),
    cause(
        r"\[Errno 5\]|[Ii]nput/output error|disk I/O error|Stale file handle"
        r"|Transport endpoint is not connected",
        Reason.STORAGE_FAILED,
        "the disk or the server of that volume fails: look at the node and the storage",
    ),
    cause(
        r"Too many open files|inotify .{0,40}limit|can't start new thread"
        r"|pthread_create.{0,60}fail"
        r"|Resource temporarily unavailable"
        r"|(?:[Mm]emlock|RLIMIT_\w{1,20}).{0,60}(?:low|small|fail|exceed)"
        r"|\bibv_\w{1,20} failed.{0,40}Cannot allocate",
        Reason.LIMIT_TOO_LOW,
        "raise the limit of open files, processes or locked memory that the container runtime "
        "sets on the node",
    ),
    cause(
        r"database is locked",
        Reason.CACHE_LOCKED,
        "several processes share one tuning database: set "
        "FLAGGEMS_DB_URL=sqlite:///:memory: in spec.server.env",
        heals=True,
    ),
    cause(
        r"database disk image is malformed",
        Reason.CACHE_LOCKED,
        "several processes have damaged one tuning database: remove it, or set "
        "FLAGGEMS_DB_URL=sqlite:///:memory: in spec.server.env",
    ),
    cause(
        r"[Aa]ddress already in use|EADDRINUSE|bind the IP port"
        r"|port \d+ is already (?:in use|allocated)"
        r"|server socket has failed to (?:listen|bind)(?!.{0,200}\b(?:13|EACCES)\b)",
        Reason.PORT_IN_USE,
        "another container of the pod uses the port; change spec.server.port",
        heals=True,
    ),
    cause(
        r"/dev/\w.{0,80}(?:[Pp]ermission denied|[Oo]peration not permitted)"
        r"|(?:[Pp]ermission denied|[Oo]peration not permitted).{0,60}'?/dev/(?!shm)\w",
        Reason.PERMISSION_DENIED,
        "the user of the container may not use that device: spec.pod.securityContext, "
        "spec.server.securityContext",
    ),
    cause(
        r"to bind on address.{0,80}permission denied",
        Reason.PERMISSION_DENIED,
        "ports below 1024 need a right that the container lacks: raise spec.server.port",
    ),
    cause(
        r"failed to map segment from shared object",
        Reason.PERMISSION_DENIED,
        "that path is mounted noexec: give it a volume that may be executed from "
        "(spec.server.volumeMounts)",
    ),
)
NO_DEVICE = (
    "no device reached the container: check spec.devices, spec.chip and the device plugin on the "
    "node"
)
DEVICES = (
    cause(
        r"\b[Dd]river\b.{0,100}\b(?:too old|insufficient|mismatch|not match\w*|incompatible"
        r"|not compatible|unsupported|too low|lower than|older than)"
        r"|(?:unsupported|mismatch\w*|incompatible).{0,60}\bdriver\b"
        r"|forward compatibility was attempted|InsufficientDriver|with an unsupported toolchain"
        r"|lib(?:cuda|musa|ascend_hal|hsa-runtime64|mcruntime|mxc-runtime|cnrt|cndrv|xpurt)\.so"
        r"\S{0,20}: undefined symbol",
        Reason.DRIVER_MISMATCH,
        "update the driver on the node, or use an image for its driver (spec.image)",
    ),
    cause(
        r"Error 802|system not yet initialized",
        Reason.DEVICE_NOT_FOUND,
        "start the vendor's fabric manager on the node",
    ),
    cause(
        r"is out of bounds for 0 devices|(?i:\bno (?:\w+[- ]){0,2}(?:GPU|device|NPU|DCU|MLU|XPU"
        r"|GCU|accelerator|NVIDIA driver)s?\b.{0,40}\b(?:available|found|detected|on your))"
        r"|(?i:found no (?:NVIDIA|\w{2,12}) driver)"
        r"|DriverNotLoaded|NVML Shared Library Not Found|CUDA unknown error"
        r"|Device string must not be empty|\b0 active drivers|[a-z]ErrorNoDevice|ERROR_NO_DEVICE"
        r"|is NOT loaded, possibly no|CUDA call failed lazily|int\(\) .{0,40}'(?:MIG|GPU)-"
        r"|lib(?:cuda|ascend_hal|hsa-runtime64|mcruntime|musa|cnrt|mcdrv)\.so\S*: cannot"
        r"|dcmi (?:model|module) initiali[sz]ed? failed|Failed to initialize NVML"
        r"|Unexpected error from \w{2,8}GetDeviceCount|XPUERR_NODEV|Invalid XPU device"
        r"|\b(?:aclInit|aclrtSetDevice)\b.{0,60}error code"
        r"|[Gg]et\w{0,40}[Dd]ev\w{0,40}(?:Count|Num)\b.{0,40}fail",
        Reason.DEVICE_NOT_FOUND,
        NO_DEVICE,
    ),
    cause(
        r"Failed to infer device type",
        Reason.DEVICE_NOT_FOUND,
        NO_DEVICE,
        unless=r"Failed to load plugin (?!\w{0,40}(?:lora|resolver))",  # of the platform: why
    ),
    cause(
        r"no kernel image is available|kernel image is invalid|invalid device function"
        r"|NoBinaryForG[Pp][Uu]|for GPU arch ?:|is not defined for option 'gpu-name'"
        r"|[Ee]xec format error|GLIBC\w*_[\d.]+.{0,4} not found|Illegal instruction|SIGILL",
        Reason.INCOMPATIBLE_IMAGE,
        "use an image that was built for this chip and processor (spec.image)",
    ),
)
# Whatever kernel is compiled first meets these, so they are no fault of its operator.
TOOLS = (
    cause(
        r"fatal error: \S{1,200}: No such file"
        r"|CalledProcessError: Command '\['\S{0,100}\b(?:gcc|cc|clang)'",
        Reason.DEPENDENCY_MISSING,
        "the C compiler of the image cannot build what Triton needs, as where Python's headers "
        "are missing: use another spec.image",
    ),
    cause(
        r"Failed to find C compiler|(?:gcc|cc|clang)\b.{0,40}: not found"
        r"|No such file or directory: '\S{0,60}\b(?:gcc|cc|clang)'",
        Reason.DEPENDENCY_MISSING,
        "the image has no C compiler, which Triton needs: use another spec.image",
    ),
    cause(
        r"No such file or directory.{0,200}(?:libdevice|/ptxas|ld\.lld|bishengir-|/nvvm/)"
        r"|fatal +: Unsupported \.version|mismatches the version that was used to compile",
        Reason.DEPENDENCY_MISSING,
        "the image lacks what compiles kernels for its chip, or has it too old: use another "
        "spec.image",
    ),
)
# Scripts print these without harm, so they stand behind what programs raise.
RIGHTS = (
    cause(
        r"Read-only file system|unable to open database file|write a readonly database",
        Reason.PATH_NOT_WRITABLE,
        "give that path a writable volume (spec.server.volumeMounts)",
    ),
    cause(
        r"PermissionError: |[Pp]ermission denied|[Oo]peration not permitted(?! when stream)",
        Reason.PERMISSION_DENIED,
        "the user of the container may not use that path: spec.server.securityContext, or "
        "the owner of the files",
    ),
)
WAITING = (
    cause(
        r"Timed out waiting for engine|Did not receive response from front-end"
        r"|VLLM_ENGINE_READY_TIMEOUT_S|did not (?:start|become ready) within"
        r"|Engine core .{0,40}timed? ?out",
        Reason.STARTUP_BUDGET_EXCEEDED,
        "raise spec.startup.budgetSeconds",
    ),
    cause(
        r"RPC call to \w+ timed out|^Watchdog timeout"
        r"|(?:execute_model|sample_tokens).{0,60}timed out"
        r"|No available shared memory broadcast block found in .{0,40}giving up",
        Reason.ENGINE_TIMEOUT,
        "raise VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS in spec.server.env",
    ),
    cause(
        r"KeyboardInterrupt: terminated|SystemExit: 143",
        Reason.TERMINATED,
        "somebody told the server to end while it started: nothing to cure in the model",
        heals=True,
    ),
)
