# ruff: noqa: E501 - each line of a log is one line here
"""Lines and logs that no rule was made from: of other chips, versions and programs.

Facts of public trackers, or made by the pattern that a vendor keeps. Whoever adds a rule for a
kind of failure adds here what the kind says elsewhere.
"""

from __future__ import annotations

LINES = [
    # Ascend
    (
        "RuntimeError: NPU out of memory. NPUWorkspaceAllocator tried to allocate 1.12 GiB",
        "DeviceOutOfMemory",
    ),
    (
        "EE1001: [PID: 9] The argument is invalid.Reason: Set device failed, invalid device, set device=1",
        "TooFewDevices",
    ),
    (
        "EJ0001: [PID: 9] Failed to initialize the HCCP process. Reason: Maybe the last training process is running.",
        "DeviceBusy",
    ),
    (
        "EI0002: [PID: 9] The wait execution of the Notify register times out.",
        "CollectiveInitFailed",
    ),
    (
        "EZ3003: [PID: 9] No supported Ops kernel and engine are found for [MoeInit1].",
        "UnsupportedModel",
    ),
    (
        "E40021: Failed to compile Op [Cast5]. (oppath: [Compile cast.py failed])",
        "UnsupportedModel",
    ),
    (
        "EZ9999: [PID: 212] The error from device(chipId:0), an exception of fftsplus aivector error",
        "DeviceFault",
    ),
    (
        "ImportError: libhccl.so: cannot open shared object file: No such file or directory",
        "DependencyMissing",
    ),
    # MetaX
    (
        "[07:58:46.633][MXKW][E]queues.c :925 : [mxkwAllocRingBuff]ioctl alloc ringbuffer failed -1",
        "DeviceFault",
    ),
    ("RuntimeError: mcGetDeviceCount failed: mcErrorNoDevice", "DeviceNotFound"),
    (
        "[10:00:01.200][MCR][E]mx_device.cpp :1202: Device 0 shader memory violation at 0x7f",
        "DeviceFault",
    ),
    # Hygon and AMD
    ("Unable to open /dev/kfd read-write: Permission denied", "PermissionDenied"),
    ("ROCk module is NOT loaded, possibly no GPU devices", "DeviceNotFound"),
    ("HW Exception by GPU node-1 (Agent handle: 0x5) reason :GPU Hang", "DeviceFault"),
    ("RuntimeError: Triton Error [HIP]:  Code: 209, Messsage: no kernel image", "DeviceFault"),
    (
        "torch.AcceleratorError: HIP error: operation not permitted when stream is capturing",
        "DeviceFault",
    ),
    # Moore Threads
    (
        "ImportError: /usr/local/musa/lib/libmusa.so.1.0: undefined symbol: PVRSRVGetDevInfo",
        "DriverMismatch",
    ),
    ("RuntimeError: MUSA error: unknown error", "DeviceFault"),
    # Iluvatar
    (
        "FileNotFoundError: [Errno 2] No such file or directory: '/usr/nvvm/libdevice/libdevice.compute_bi.10.bc'",
        "DependencyMissing",
    ),
    # Kunlunxin
    ("[XCCL][init.cpp:1227] host 10.1.1.1 addr_window check failed", "CollectiveInitFailed"),
    (
        "XX: (pid 5738,tid 14)cuda/src/api/apilaunch.cc:1064: cuapi_xpu_wait() failed in cuiInitCheckEx, status= 700",
        "DeviceFault",
    ),
    ("RuntimeError: [XPURT] xpu_malloc failed, no memory on device 0", "DeviceOutOfMemory"),
    # Cambricon
    ("RuntimeError: No MLU devices are available", "DeviceNotFound"),
    ("RuntimeError: CNNL error: CNNL_STATUS_EXECUTION_FAILED", "DeviceFault"),
    (
        "RuntimeError: CNCL error in: ProcessGroupCNCL.cpp:1029, CNCL_RET_ERR_SYSTEM",
        "CollectiveInitFailed",
    ),
    # NVIDIA
    (
        "torch.AcceleratorError: CUDA error: the provided PTX was compiled with an unsupported toolchain.",
        "DriverMismatch",
    ),
    ("ptxas fatal   : Value 'sm_121a' is not defined for option 'gpu-name'", "IncompatibleImage"),
    ("ValueError: invalid literal for int() with base 10: 'MIG-4d2a-11'", "DeviceNotFound"),
    (
        "torch.cuda.DeferredCudaCallError: CUDA call failed lazily at initialization with error: x",
        "DeviceNotFound",
    ),
    ("RuntimeError: CUDA driver error: device not ready", "DeviceFault"),
    # SGLang
    (
        "ValueError: The memory capacity is unbalanced. Some GPUs may be occupied by other processes.",
        "DeviceBusy",
    ),
    (
        "ValueError: User-specified context_length (131072) is greater than the derived context_length (32768).",
        "InvalidArgument",
    ),
    (
        "SIGQUIT received. signum=None, frame=None. It usually means one child failed.",
        "EngineDied",
    ),
    # Ray
    (
        "ValueError: The number of required GPUs exceeds the total number of available GPUs in the placement group.",
        "TooFewDevices",
    ),
    (
        "ValueError: Cannot provide a placement group of placement_group_specs=[{'GPU': 1.0}] within 1800 seconds.",
        "TooFewDevices",
    ),
    (
        "ConnectionError: Could not find any running Ray instance. Please specify the one to connect to",
        "CollectiveInitFailed",
    ),
    (
        "ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory.",
        "OutOfMemory",
    ),
    (
        "ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task.",
        "EngineDied",
    ),
    # vLLM 0.9 to 0.33
    (
        "AssertionError: Error in memory profiling. Initial free memory 60.1 GiB, current 61.2 GiB",
        "DeviceBusy",
    ),
    ("RuntimeError: Cannot re-initialize CUDA in forked subprocess.", "InvalidArgument"),
    (
        "ValueError: The input size is not aligned with the quantized weight shape.",
        "InvalidArgument",
    ),
    (
        "ValueError: Quantization method specified in the model config (gptq) does not match the quantization method specified in the `quantization` argument (awq).",
        "InvalidArgument",
    ),
    (
        "ValueError: Selected backend AttentionBackendEnum.FLASHMLA is not valid for this configuration.",
        "InvalidArgument",
    ),
    (
        "ValueError: The supplied chat template string (/t/x.jinja) appears path-like, but doesn't exist!",
        "InvalidArgument",
    ),
    (
        "ValueError: max_num_batched_tokens (2048) is smaller than max_model_len (8192).",
        "InvalidArgument",
    ),
    ("ValueError: Loading lora sql failed: No adapter found for /lora/sql", "InvalidArgument"),
    (
        'KeyError: "invalid tool call parser: hermess (chose from { deepseek_v3,hermes })"',
        "InvalidArgument",
    ),
    (
        "AttributeError: '_OpNamespace' '_C' object has no attribute 'gptq_marlin_repack'",
        "UnsupportedModel",
    ),
    (
        "NotImplementedError: Could not run '_C::rotary_embedding' with arguments from the 'CPU' backend.",
        "UnsupportedModel",
    ),
    ("RuntimeError: \"addmm_impl_cpu_\" not implemented for 'Half'", "UnsupportedModel"),
    (
        "  Value error, MyForCausalLM has no vLLM implementation and the Transformers one does not fit",
        "UnsupportedModel",
    ),
    (
        "  Value error, Unrecognized model in /models/x. Should have a `model_type` key in its config.json",
        "UnsupportedModel",
    ),
    (
        "  Value error, Model architectures ['LlamaForCausalLM'] failed to be inspected.",
        "UnsupportedModel",
    ),
    (
        "ValueError: Tokenizer class Qwen9Tokenizer does not exist or is not currently imported.",
        "UnsupportedModel",
    ),
    (
        "Exception: data did not match any variant of untagged enum ModelWrapper at line 250373",
        "UnsupportedModel",
    ),
    ("TypeError: not a string", "WeightsMissing"),
    ("KeyError: 'layers.0.mlp.experts.w13_weight_scale_inv'", "WeightsMismatch"),
    (
        "requests.exceptions.ConnectionError: Max retries exceeded with url: /api/models/Qwen/Qwen3-8B",
        "WeightsMissing",
    ),
    (
        "openai_harmony.HarmonyError: error downloading or loading vocab file: failed",
        "DependencyMissing",
    ),
    # Others
    ("RuntimeError: nvshmem init failed: bootstrap error", "CollectiveInitFailed"),
    ("OSError: CUDA_HOME environment variable is not set. Please set it.", "DependencyMissing"),
    ("/usr/bin/python3: No module named vllm", "DependencyMissing"),
    ("ERROR: No matching distribution found for flag-gems==9", "DependencyMissing"),
    ("modelscope.hub.errors.NotExistError: The model: a/b/ does not exist!", "WeightsMissing"),
    ("OSError: [Errno 28] inotify watch limit reached", "LimitTooLow"),
    ("Watchdog timeout (self.watchdog_timeout=300)", "EngineTimeout"),
    ("RuntimeError: TOPS runtime error: topsErrorNoDevice: no device", "DeviceNotFound"),
    ("RuntimeError: GCU out of memory. Tried to allocate 3.00 GiB", "DeviceOutOfMemory"),
    ("RuntimeError: ECCL error in: ProcessGroupECCL.cpp:330", "CollectiveInitFailed"),
    ("RuntimeError: The PPU driver version 1.2 is too old for this runtime", "DriverMismatch"),
    ("EJ0003: [PID: 9] Failed to bind the IP port. Reason: they have been bound.", "PortInUse"),
    ("torch.AcceleratorError: CUDA error: uncorrectable NVLink error", "DeviceFault"),
    ("/bin/sh: 1: /usr/local/cuda/bin/nvcc: not found", "DependencyMissing"),
    # The system under it
    (
        "RuntimeError: unable to mmap 4974351360 bytes from file </models/x>: Cannot allocate memory (12)",
        "OutOfMemory",
    ),
    ("memory allocation of 9663676416 bytes failed", "OutOfMemory"),
    ("OSError: Cannot allocate memory (os error 12)", "OutOfMemory"),
    (
        "node1:95:195 [0] NCCL WARN Call to ibv_reg_mr failed with error Cannot allocate memory",
        "LimitTooLow",
    ),
    (
        "OpenBLAS blas_thread_init: pthread_create failed for thread 3 of 64: Resource temporarily unavailable",
        "LimitTooLow",
    ),
    ("KeyError: 'getpwuid(): uid not found: 65534'", "DependencyMissing"),
    (
        "RuntimeError: [../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer [10.0.0.2]:12",
        "CollectiveInitFailed",
    ),
]

ENGINE = "(EngineCore_DP0 pid=212) ERROR 06-02 08:11:14 [core.py:792] "
END = (
    "(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. "
    "Failed core proc(s): {}\n"
)


def of_engine(*lines: str) -> str:
    head = ("EngineCore failed to start.", "Traceback (most recent call last):")
    return "".join(f"{ENGINE}{line}\n" for line in (*head, *lines)) + END


# Ascend's runtime says this at the end of every process that failed, whatever the cause was.
ASCEND_END = """\
[ERROR] 2026-05-14-01:44:26 (PID:685, Device:-1, RankID:-1) ERR99999 UNKNOWN applicaiton exception
sys:1: DeprecationWarning: builtin type swigvarlink has no __module__ attribute
[ERROR] TBE Subprocess[task_distribute] raise error[], main process disappeared!
"""
SGLANG = """\
[2026-08-08 09:09:08 TP0] Scheduler hit an exception: Traceback (most recent call last):
  File "/sgl/scheduler.py", line 2015, in run_scheduler_process
    self.comm = x()
{}

[2026-08-08 09:09:09] Received sigquit from a child process. It usually means the child failed.
Killed
"""
INSPECTED = """\
ERROR 03-17 03:57:16 [registry.py:346] ImportError: cannot import name 'x' from 'transformers.utils'
  Value error, Model architectures ['LlamaForCausalLM'] failed to be inspected. [type=value_error]
"""
ROCM = """\
:0:rocdevice.cpp :2660: 9912 us: [pid:212] Queue aborting: HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION
Aborted (core dumped)
"""
GLOG = """\
F1125 02:23:51.123456 9 router.cc:120] Check failed: table != nullptr the routing table is empty
*** Check failure stack trace: ***
    @ 0x7f google::LogMessage::Fail()
"""
PANIC = """\
thread 'tokio-runtime-worker' panicked at src/lib.rs:88:14:
called `Option::unwrap()` on a `None` value
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
"""
AFTERWARDS = """\
ValueError: the rope of this model is odd
Exception ignored in: <function Pool.__del__ at 0x7f>
Traceback (most recent call last):
  File "/x.py", line 1, in __del__
TypeError: 'NoneType' object is not callable
"""
OLD_ENGINE = """\
AttributeError: module 'torch' has no attribute 'float8_e8m0fnu'
Traceback (most recent call last):
  File "/y.py", line 1, in g
RuntimeError: Engine process failed to start. See stack trace for the root cause.
"""
LEVELLED = """\
(APIServer pid=1) ERROR 11-01 01:01:02 [launch.py:9] the licence server refused this node
(APIServer pid=1) INFO 11-01 01:01:03 [launch.py:10] bye
"""
SERVED_FIRST = """\
ERROR 11-25 02:00:00 [fa_utils.py:57] FA2 is unavailable: libcudart.so.12: cannot open shared object file
PermissionError: [Errno 13] Permission denied: '/sys/x'
(APIServer pid=1) INFO:     Application startup complete.
KeyError: 'a request'
"""
SHARED = of_engine(
    '  File "/usr/lib/python3.12/multiprocessing/shared_memory.py", line 124, in __init__',
    "    os.ftruncate(self._fd, size)",
    "OSError: [Errno 28] No space left on device",
)
NO_COMPILER = of_engine(
    '  File "/opt/flag_gems/ops/zeros.py", line 30, in zeros',
    "    zeros_kernel[grid](out)",
    "RuntimeError: Failed to find C compiler. Please specify via CC environment variable.",
)
NO_MODULE = """\
Traceback (most recent call last):
  File "/opt/flag_gems/ops/mm.py", line 4, in <module>
    import triton.language.target_info
ModuleNotFoundError: No module named 'triton.language.target_info'
"""
CAPTURED = of_engine(
    '  File "/opt/flag_gems/ops/addmm.py", line 98, in addmm',
    "torch.AcceleratorError: HIP error: operation not permitted when stream is capturing",
)
ZEROS = of_engine(
    '  File "/opt/flag_gems/ops/zeros.py", line 48, in zero_',
    "RuntimeError: Triton Error [HIP]:  Code: 1, Messsage: invalid argument",
)

# Of each: the exit code, the reason and what the telling line has.
WHOLE = {
    "ascend-flag": (
        "vllm: error: unrecognized arguments: --x\n" + ASCEND_END,
        2,
        "InvalidArgument",
        "--x",
    ),
    "ascend-unknown": ("KeyError: 'rope_of_nine'\n" + ASCEND_END, 1, "CrashLoop", "rope_of_nine"),
    "sglang-known": (
        SGLANG.format("RuntimeError: NCCL error: unhandled system error"),
        137,
        "CollectiveInitFailed",
        "NCCL",
    ),
    "sglang-unknown": (
        SGLANG.format("AttributeError: no attribute 'rope'"),
        137,
        "CrashLoop",
        "'rope'",
    ),
    "inspected": (INSPECTED, 1, "DependencyMissing", "cannot import name"),
    "rocm": (ROCM, 134, "DeviceFault", "HSA_STATUS"),
    "glog": (GLOG, 1, "CrashLoop", "Check failed: table"),
    "panic": (PANIC, 101, "CrashLoop", "panicked at"),
    "afterwards": (AFTERWARDS, 1, "CrashLoop", "odd"),
    "old-engine": (OLD_ENGINE, 1, "CrashLoop", "float8_e8m0fnu"),
    "levelled": (LEVELLED, 3, "CrashLoop", "licence server"),
    "served-first": (SERVED_FIRST, 1, "CrashLoop", "a request"),
    "shared-memory": (SHARED, 1, "SharedMemoryTooSmall", "No space left"),
    "no-compiler": (NO_COMPILER, 1, "DependencyMissing", "C compiler"),
    "no-module": (NO_MODULE, 1, "DependencyMissing", "target_info"),
    "captured": (CAPTURED, 1, "OperatorCrash", "FlagGems operator addmm"),
    "zeros": (ZEROS, 1, "OperatorCrash", "FlagGems operator zero_"),
}

# What servers print that are well, in words that elsewhere mean harm.
CALM = [
    "libibverbs: Warning: couldn't load driver 'libmlx5.so': cannot open shared object file: No such file",
    "ERROR: ld.so: object 'libjemalloc.so.2' from LD_PRELOAD cannot be preloaded (cannot open shared object file): ignored.",
    "/bin/sh: 1: npu-smi: not found",
    "sh: line 1: lspci: command not found",
    "node1:95:95 [0] NCCL INFO NET/Plugin : dlerror=libnccl-net.so: cannot open shared object file",
    "node1:95:95 [0] RCCL INFO NET/IB : No device found.",
    "[rank0]:[W1125 02:23:51.2 ProcessGroupNCCL.cpp:1496] Warning: destroy_process_group() was not called: error",
    "[W1125 02:23:51.2 compiler_depend.ts:209] Warning: Driver Version: 24.1 is older than recommended",
    "/opt/torch/cuda/__init__.py:61: FutureWarning: No module named pynvml: ImportError: later",
    "2026-11-25 02:00:00,123 WARNING worker.py:1805 -- /dev/shm has 67 MB: insufficient shared memory",
    "[2026-11-25 02:00:00] INFO model_runner.py:1: Retry after out of memory is on",
    "INFO:vllm_fl:operator 'mm' failed to register for NPU, using default",
    "I1125 02:00:00.123456 9 x.cc:12] CUDA error rate 0",
    "[1125/020000.1:WARNING:x.cc(1)] Permission denied: /proc/1/mem",
    "2026-11-25T02:00:00Z  WARN hf_hub: No such file or directory: x.json",
    'time="2026-11-25" level=warning msg="device is busy"',
    '{"level":"warn","msg":"out of memory handler installed"}',
    '{"asctime": "02:00:00", "levelname": "INFO", "message": "No space left on device is handled"}',
    "mesg: ttyname failed: Inappropriate ioctl for device",
]
