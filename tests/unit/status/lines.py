"""Lines and traces that name a cause: what the tests try and what the document shows."""

from __future__ import annotations

from pathlib import Path

LOGS = Path(__file__).parent / "logs"

# By the program that writes the line. Chips whose words could not be had are told by the pattern
# that vendors keep: CUDA's sentence under another name.
LINES = [
    # vLLM
    ("python3: can't open file '/serve.py': [Errno 2] No such file", "InvalidArgument"),
    ("bash: line 1: vllm: command not found", "CannotStart"),
    ("/bin/sh: 1: vllm: not found", "CannotStart"),
    (
        "vllm: error: argument --dtype: invalid choice: 'fp17' (choose from 'auto')",
        "InvalidArgument",
    ),
    ("ValueError: VLLM_FL_OP_CONFIG file not found: /nonexistent.json", "PluginNotLoaded"),
    (
        (
            "ValueError: The model's max seq len (32768) is larger than the maximum number of "
            "tokens that can be stored in KV cache (17984). Try increasing it"
        ),
        "KVCacheTooSmall",
    ),
    (
        "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.",
        "KVCacheTooSmall",  # SGLang
    ),
    (
        "TimeoutError: Timed out waiting for engine core processes to start.",
        "StartupBudgetExceeded",
    ),
    ("TimeoutError: RPC call to sample_tokens timed out.", "EngineTimeout"),
    ("KeyboardInterrupt: terminated", "Terminated"),
    ("ValueError: Unknown quantization method: w8a8_new.", "UnsupportedModel"),
    (
        "ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0.",
        "UnsupportedModel",
    ),
    (
        (
            "ValueError: The checkpoint you are trying to load has model type `qwen9` but "
            "Transformers does not recognize this architecture."
        ),
        "UnsupportedModel",
    ),
    (
        "ValueError: There is no module or parameter named 'lm_head.q' in Qwen3ForCausalLM",
        "WeightsMismatch",
    ),
    (
        ("RuntimeError: Only one platform plugin can be activated, but got: ['ascend', 'fl']"),
        "PluginNotLoaded",
    ),
    ("ERROR 11-23 22:09:37 [__init__.py:64] Failed to load plugin fl", "PluginNotLoaded"),
    ("  Value error, tool_parser must be registered", "InvalidArgument"),
    ("RuntimeError: Failed to infer device type", "DeviceNotFound"),
    (
        (
            "RuntimeError: Engine core initialization failed. See root cause above. "
            "Failed core proc(s): {'EngineCore_DP0': -11}"
        ),
        "NativeCrash",
    ),
    (
        (
            "RuntimeError: Engine core initialization failed. See root cause above. "
            "Failed core proc(s): {}"
        ),
        "EngineDied",
    ),
    # Memory of the host
    (
        (
            "RuntimeError: [enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: "
            "can't allocate memory: you tried to allocate 8589934592 bytes. Error code 12"
        ),
        "OutOfMemory",
    ),
    ("MemoryError", "OutOfMemory"),
    (
        "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 9.00 GiB for an array",
        "OutOfMemory",
    ),
    ("OSError: [Errno 12] Cannot allocate memory", "OutOfMemory"),
    ("terminate called after throwing an instance of 'std::bad_alloc'", "OutOfMemory"),
    ("ValueError: Not enough memory: raise VLLM_CPU_KVCACHE_SPACE", "KVCacheTooSmall"),
    # Memory of the device, by chip
    ("torch.OutOfMemoryError: NPU out of memory. Tried to allocate 2.00 GiB", "DeviceOutOfMemory"),
    ("RuntimeError: MUSA out of memory. Tried to allocate 1.16 GiB", "DeviceOutOfMemory"),
    ("RuntimeError: MACA error: out of memory", "DeviceOutOfMemory"),
    ("RuntimeError: CUDA error: out of memory", "DeviceOutOfMemory"),
    ("RuntimeError: HIP error: hipErrorOutOfMemory", "DeviceOutOfMemory"),
    (
        "EL0004: [PID: 211] 2026-09-01 Failed to allocate memory. Possible Cause: not enough",
        "DeviceOutOfMemory",
    ),
    ("RuntimeError: TOPS error: device out of memory on gcu0", "DeviceOutOfMemory"),
    # Devices and drivers, by chip
    (
        "RuntimeError: CUDA error: all CUDA-capable devices are busy or unavailable",
        "DeviceBusy",
    ),
    (
        "RuntimeError: The NVIDIA driver on your system is too old (found version 12080).",
        "DriverMismatch",
    ),
    (
        "RuntimeError: CUDA error: CUDA driver version is insufficient for CUDA runtime version",
        "DriverMismatch",
    ),
    (
        (
            "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 804: forward "
            "compatibility was attempted on non supported HW"
        ),
        "DriverMismatch",
    ),
    ("Failed to initialize NVML: Driver/library version mismatch", "DriverMismatch"),
    ("RuntimeError: MACA driver version 2.1 does not match runtime 3.7", "DriverMismatch"),
    ("[ERROR] CANN: the driver version 24.1 is lower than required", "DriverMismatch"),
    (
        (
            "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 802: system not yet "
            "initialized"
        ),
        "DeviceNotFound",
    ),
    ("RuntimeError: No CUDA GPUs are available", "DeviceNotFound"),
    ("RuntimeError: No HIP GPUs are available", "DeviceNotFound"),
    ("pynvml.NVMLError_DriverNotLoaded: Driver Not Loaded", "DeviceNotFound"),
    ("RuntimeError: no NPU devices found", "DeviceNotFound"),
    ("RuntimeError: Found no NVIDIA driver on your system.", "DeviceNotFound"),
    ("dcmi model initialized failed, because the device is used. ret is -8020", "DeviceNotFound"),
    (
        "ImportError: libascend_hal.so: cannot open shared object file: No such file",
        "DeviceNotFound",
    ),
    (
        "        rtGetDeviceCount execution failed, reason=driver error:internal error[FUNC:x]",
        "DeviceNotFound",  # vllm-ascend issue 13399
    ),
    ("RuntimeError: CUDA error: invalid device ordinal", "TooFewDevices"),
    (
        "RuntimeError: CUDA error: no kernel image is available for execution on the device",
        "IncompatibleImage",
    ),
    ("exec /usr/local/bin/vllm: exec format error", "IncompatibleImage"),
    (
        "ImportError: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found",
        "IncompatibleImage",
    ),
    (
        "torch.AcceleratorError: CUDA error: an illegal memory access was encountered",
        "DeviceFault",
    ),
    ("RuntimeError: The Inner error is reported: aicore exception", "DeviceFault"),
    ("RuntimeError: MUSA error: unspecified launch failure", "DeviceFault"),
    ("Memory access fault by GPU node-4 on address 0x7f. Reason: Unknown.", "DeviceFault"),
    ("RuntimeError: ACL error: 507899", "DeviceFault"),
    (
        "triton.runtime.errors.OutOfResources: out of resource: shared memory, Required: 163840",
        "UnsupportedModel",
    ),
    # Between devices
    (
        (
            "torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:94, "
            "unhandled system error"
        ),
        "CollectiveInitFailed",
    ),
    (
        "node1:95:95 [0] NCCL WARN Bootstrap : no socket interface found: error",
        "CollectiveInitFailed",
    ),
    (
        (
            "RuntimeError: create:build/CMakeFiles/torch_npu.dir/compiler_depend.ts:89 HCCL "
            "function error: HcclCommInitRootInfo(numRanks, &rootInfo, rank)"
        ),
        "CollectiveInitFailed",
    ),
    (
        (
            "EI0006: [PID: 1292363] 2025-04-08 Getting socket times out. Reason: Remote Rank did "
            "not send the data in time."
        ),
        "CollectiveInitFailed",
    ),
    (
        "torch.distributed.DistStoreError: Timed out after 1801 seconds waiting for clients.",
        "CollectiveInitFailed",
    ),
    ("RuntimeError: MCCL error in mccl.cpp:12: remote process exited", "CollectiveInitFailed"),
    ("RuntimeError: flagcxCommInitRank failed: 3", "CollectiveInitFailed"),
    ("RuntimeError: BKCL error: connect to 10.0.0.2 failed", "CollectiveInitFailed"),
    ("ModuleNotFoundError: No module named 'flagcx'", "CollectiveInitFailed"),
    # What surrounds the server
    (
        (
            "NCCL WARN Error while creating shared memory segment /dev/shm/nccl-wXH9 "
            "(size 9637888), error: No space left on device (28)"
        ),
        "SharedMemoryTooSmall",
    ),
    (
        "RuntimeError: unable to write to file </torch_95_2_0>: No space left on device (28)",
        "SharedMemoryTooSmall",
    ),
    (
        (
            "RuntimeError: DataLoader worker is killed by signal: Bus error. It is possible that "
            "workers are out of shared memory. Please try to raise your shared memory limit."
        ),
        "SharedMemoryTooSmall",
    ),
    ("OSError: [Errno 28] No space left on device: '/cache/triton/x'", "DiskFull"),
    ("OSError: [Errno 28] No space left on device: '/psm_1a2b'", "SharedMemoryTooSmall"),
    ("OSError: [Errno 116] Stale file handle", "StorageFailed"),
    ("OSError: [Errno 24] Too many open files", "LimitTooLow"),
    ("RuntimeError: can't start new thread", "LimitTooLow"),
    ("BlockingIOError: [Errno 11] Resource temporarily unavailable", "LimitTooLow"),
    ("sqlite3.OperationalError: database is locked", "CacheLocked"),
    (
        (
            "torch.distributed.DistNetworkError: The server socket has failed to listen. "
            "port: 29500, EADDRINUSE, address already in use"
        ),
        "PortInUse",
    ),
    ("RuntimeError: open /dev/davinci_manager failed: Permission denied", "PermissionDenied"),
    (
        "[Errno 13] error while attempting to bind on address ('0.0.0.0', 80): permission denied",
        "PermissionDenied",
    ),
    (
        "ImportError: /tmp/x/launcher.so: failed to map segment from shared object",
        "PermissionDenied",
    ),
    ("OSError: [Errno 30] Read-only file system: '/home/x/.triton'", "PathNotWritable"),
    ("PermissionError: [Errno 1] Operation not permitted", "PermissionDenied"),
    # Files of the model
    ("OSError: /models/x does not appear to have a file named config.json.", "WeightsMissing"),
    ("RuntimeError: unexpected EOF, expected 12 more bytes. The file is cut", "WeightsCorrupt"),
    ("_pickle.UnpicklingError: invalid load key, 'v'.", "WeightsCorrupt"),
    ("json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)", "WeightsCorrupt"),
    ("RuntimeError: size mismatch for lm_head.weight: copying a param", "WeightsMismatch"),
    (
        "OSError: x/y is not a local folder and is not a valid model identifier listed on the hub",
        "WeightsMissing",
    ),
    # The image
    ("ModuleNotFoundError: No module named 'flash_attn'", "DependencyMissing"),
    ("OSError: libmcblas.so: cannot open shared object file: No such file", "DependencyMissing"),
    (
        "RuntimeError: Failed to find C compiler. Please specify via CC environment variable.",
        "DependencyMissing",
    ),
    ("Fatal Python error: Segmentation fault", "NativeCrash"),
    ("FileNotFoundError: [Errno 2] No such file or directory: 'gcc'", "DependencyMissing"),
    ("triton.compiler.errors.CompilationError: at 1:0: bad shape", "UnsupportedModel"),
    # Nothing but the end
    ("Killed", "EngineDied"),
    ("/bin/bash: line 1:    12 Killed                  vllm serve /models/x", "EngineDied"),
    ("RuntimeError: Worker proc VllmWorker-1 died unexpectedly, shutting down.", "EngineDied"),
    ("Worker proc VllmWorker-1 died unexpectedly, shutting down executor.", "EngineDied"),
]

# As published in flagos-ai/FlagGems issue 6112: MetaX C550, vLLM 0.24.0, FlagGems 5.4.0.dev606.
METAX = """\
(Worker_TP1 pid=597) ERROR 09-03 16:13:00 [multiproc_executor.py:1000] WorkerProc hit an exception.
(Worker_TP1 pid=597) ERROR 09-03 16:13:00 [multiproc_executor.py:1000] Traceback (most recent call last):
(Worker_TP1 pid=597) ERROR 09-03 16:13:00 [multiproc_executor.py:1000]   File "/opt/conda/lib/python3.12/site-packages/flag_gems/runtime/backend/_metax/ops/mm.py", line 237, in mm_out
(Worker_TP1 pid=597) ERROR 09-03 16:13:00 [multiproc_executor.py:1000]     mm_kernel[grid](
(Worker_TP1 pid=597) ERROR 09-03 16:13:00 [multiproc_executor.py:1000]   File "/opt/conda/lib/python3.12/site-packages/triton/runtime/jit.py", line 399, in <lambda>
(Worker_TP1 pid=597) ERROR 09-03 16:13:00 [multiproc_executor.py:1000]   File "/opt/conda/lib/python3.12/site-packages/flag_gems/utils/libentry.py", line 883, in run
(Worker_TP1 pid=597) ERROR 09-03 16:13:00 [multiproc_executor.py:1000]     kernel = self.fn.run(*args, **kwargs)
(Worker_TP1 pid=597) ERROR 09-03 16:13:00 [multiproc_executor.py:1000] torch.AcceleratorError: CUDA error: an illegal memory access was encountered
(EngineCore pid=500) ERROR 09-03 16:13:01 [core.py:1231] RuntimeError: Worker failed with error 'CUDA error'
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""  # noqa: E501
# In the form of issue 6278: Ascend 910C, an empty tensor.
ASCEND = """\
Traceback (most recent call last):
  File "/usr/lib/python3.11/site-packages/vllm/v1/sample/penalties.py", line 61, in apply
  File "/opt/flag_gems/runtime/backend/_ascend/ops/ones_like.py", line 41, in ones_like
    ones_kernel[grid_fn](out, N, BLOCK_SIZE)
  File "/opt/flag_gems/runtime/backend/_ascend/ops/ones.py", line 12, in wrapper
triton.compiler.errors.CompilationError: at 6:14: arange's end argument must be greater
"""
COPY = """\
Traceback (most recent call last):
  File "/opt/flag_gems/ops/copy.py", line 88, in copy
  File "/cache/flaggems/code_cache/pointwise_dynamic_x.py", line 40, in _wrapper_rank_1
triton.compiler.errors.MLIRCompilationError: BiShengIR failed for _copy_kernel_kernel_rank_1
"""
# faulthandler's order: the innermost first, and no comma before `in`.
SEGFAULT = """\
Fatal Python error: Segmentation fault

Current thread 0x00007f1 (most recent call first):
  File "/opt/flag_gems/utils/libentry.py", line 534 in run
  File "/opt/flag_gems/ops/sort.py", line 31 in radix_sort
  File "/opt/flag_gems/ops/sort.py", line 120 in sort_stable
  File "/opt/vllm/v1/sample/ops/topk_topp_sampler.py", line 20 in forward
"""
# Iluvatar: no traceback at all, only what FlagGems said that it called (issue 6114).
SAID = """\
flag_gems.ops.cumsum.cumsum: GEMS CUMSUM
flag_gems.ops.cumsum.cumsum_out: GEMS CUMSUM_OUT
Segmentation fault (core dumped)
"""
COMPILER = """\
loc("/opt/flag_gems/ops/argmax.py":57:18): error: 'tt.reduce' op failed to legalize
RuntimeError: PassManager::run failed
"""
DISPATCHER = "RuntimeError: Implementation 'default.flagos' of op 'rms_norm' failed: bad grid\n"
FUSED = """\
Traceback (most recent call last):
  File "/opt/flag_gems/fused/silu_and_mul.py", line 57, in silu_and_mul
triton.runtime.errors.OutOfResources: out of resource: shared memory, Required: 163840
"""

# Compiled code calls kernels past the operator's own frame.
LAUNCHED = """\
Traceback (most recent call last):
  File "/cache/flaggems/code_cache/x.py", line 9, in call
    addmm_kernel[grid](
  File "/opt/flag_gems/utils/libentry.py", line 883, in run
torch.AcceleratorError: CUDA error: an illegal memory access was encountered
"""
LIBENTRY = """\
Traceback (most recent call last):
  File "/opt/flag_gems/utils/libentry.py", line 883, in run
torch.AcceleratorError: CUDA error: an illegal memory access was encountered
"""

OPERATORS = {"metax": METAX, "ascend": ASCEND, "segfault": SEGFAULT}
