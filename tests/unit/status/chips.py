# ruff: noqa: E501 - each line of a log is one line here
"""Lines of chips and of what compiles for them, as their sources and public reports have them.

No rule was made for one line: each is here for the kind that it is of.
"""

from __future__ import annotations

LINES = [
    # Ascend: torch_npu, CANN (vllm-ascend issues 4972, 7676; torch_npu's and HCCL's error codes)
    (
        "[Error]: The aicore execution times out.",
        "DeviceFault",
    ),
    (
        "[Error]: Vector core execution timed out.",
        "DeviceFault",
    ),
    ("RuntimeError: ACL stream synchronize failed, error code:507018", "DeviceFault"),
    (
        "RuntimeError: call aclnnAddmm failed, detail:the shape of bias is odd",
        "DeviceFault",
    ),
    ("E19999: Inner Error!", "DeviceFault"),
    (
        "RuntimeError: Initialize:compiler_depend.ts:267 NPU function error: aclInit(nullptr), error code is 507008",
        "DeviceNotFound",
    ),
    (
        "RuntimeError: SetDevice:compiler_depend.ts:60 NPU function error: aclrtSetDevice(device), error code is 507033",
        "DeviceNotFound",
    ),
    ("EI9999: Inner Error! socket timeout", "CollectiveInitFailed"),
    (
        "RuntimeError: Failed to load the backend extension: torch_npu. You can disable extension auto-loading with TORCH_DEVICE_BACKEND_AUTOLOAD=0.",
        "DependencyMissing",
    ),
    (
        'loc("/tmp/kernel.ttadapter.mlir":3:3): error: ub overflow, requires 3072256 bits while 1572864 bits available!',
        "UnsupportedModel",
    ),
    # MetaX: the runtime's own names of errors
    ("RuntimeError: mcErrorIllegalAddress", "DeviceFault"),
    ("[10:00:01.200][MCR][E]mx_device.cpp :1202: ATU Fault", "DeviceFault"),
    ("RuntimeError: mcErrorInvalidDevice", "TooFewDevices"),
    ("RuntimeError: mcErrorMemoryAllocation", "DeviceOutOfMemory"),
    ("RuntimeError: mcErrorNotReady", "DeviceFault"),
    # Hygon and AMD
    (
        "rocBLAS error: Cannot read /opt/dtk/lib/rocblas/library/TensileLibrary.dat: No such file or directory for GPU arch : gfx906",
        "IncompatibleImage",
    ),
    ("MIOpen Error: hipoc_program.cpp:100: Failed creating module", "DeviceFault"),
    ("node1:95:95 [0] RCCL WARN NET/Socket : no interface found", "CollectiveInitFailed"),
    # Moore Threads: torch_musa's check of muDNN
    ("RuntimeError: MuDNNFlashSDPAFwd MUDNN failed in: Run SDPA", "DeviceFault"),
    ("RuntimeError: musaErrorLaunchFailure", "DeviceFault"),
    # Kunlunxin: the names and words of its runtime
    ("RuntimeError: (External) XPU API error: XPUERR_NOMEM", "DeviceOutOfMemory"),
    ("RuntimeError: XPU error, Device memory not enough", "DeviceOutOfMemory"),
    ("[XPU] xpu_malloc(0x7f, 1024) failed", "DeviceOutOfMemory"),
    ("RuntimeError: XPUERR_NODEV: Invalid XPU device", "DeviceNotFound"),
    ("RuntimeError: xpu_wait failed: XPUERR_KERNEXCEPTION", "DeviceFault"),
    # Iluvatar and NVIDIA
    (
        "RuntimeError: Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling NumCudaDevices()",
        "DeviceNotFound",
    ),
    ("Failed to initialize NVML: Unknown Error", "DeviceNotFound"),
    ("NVRM: GPU 0000:3b:00.0: GPU has fallen off the bus.", "DeviceFault"),
    ("RuntimeError: FlashAttention only supports Ampere GPUs or newer.", "UnsupportedModel"),
    (
        "ptxas /tmp/tmp.ptx, line 9; fatal   : Unsupported .version 8.7; current version is '8.4'",
        "DependencyMissing",
    ),
    (
        "RuntimeError: The detected CUDA version (12.4) mismatches the version that was used to compile PyTorch (13.0).",
        "DependencyMissing",
    ),
    # What compiles
    ("main.c:3:10: fatal error: Python.h: No such file or directory", "DependencyMissing"),
    (
        "subprocess.CalledProcessError: Command '['/usr/bin/gcc', '/tmp/main.c']' returned non-zero exit status 1.",
        "DependencyMissing",
    ),
    (
        "RuntimeError: Cannot find a working triton installation. Either the package is not installed or it is too old.",
        "DependencyMissing",
    ),
    # The plugin's dispatcher, and FlagGems
    (
        "RuntimeError: No available implementation for op='rms_norm'. Registered: ['default.flagos']",
        "UnsupportedModel",
    ),
    ("RuntimeError: The thead device is not supported currently.", "PluginNotLoaded"),
    ("RuntimeError: No device were detected on your machine !", "DeviceNotFound"),
    # vLLM and SGLang
    (
        "ValueError: The output_size of gate's and up's weight = 192 is not divisible by weight quantization block_n = 128.",
        "InvalidArgument",
    ),
    ("AssertionError: num_heads 32 must be divisible by tp_size 3", "InvalidArgument"),
    (
        "ValueError: Unrecognized configuration class <class 'x'> for this kind of AutoModel",
        "UnsupportedModel",
    ),
    ("ValueError: No tokenizer file found in directory: /models/x", "WeightsMissing"),
    (
        "OSError: Can't load the configuration of '/models/x'. If you were trying to load it from a hub",
        "WeightsMissing",
    ),
    (
        "OSError: Unable to load weights from pytorch checkpoint file for '/models/x/pytorch_model.bin'",
        "WeightsCorrupt",
    ),
    # Beside them
    (
        "[E1125 02:23:51.2 socket.cpp:207] [c10d] The server socket has failed to listen on any local network address.",
        "PortInUse",
    ),
    ("sqlite3.OperationalError: unable to open database file", "PathNotWritable"),
    ("sqlite3.OperationalError: attempt to write a readonly database", "PathNotWritable"),
    ("sqlite3.OperationalError: disk I/O error", "StorageFailed"),
    ("sqlite3.DatabaseError: database disk image is malformed", "CacheLocked"),
    ("exec /entrypoint.sh: no such file or directory", "CannotStart"),
]
