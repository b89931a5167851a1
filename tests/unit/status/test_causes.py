"""Each row of the table of causes has a line that it is for, and that line has its reason."""

from __future__ import annotations

import pytest

from flagos_operator.status.causes import CAUSES, EXITS, GENERAL, LAST_RESORT
from flagos_operator.status.loglines import telling
from flagos_operator.status.reasons import Kind
from flagos_operator.status.remedies import REMEDIES
from tests.unit.status.test_loglines import FROM_LINES, FROM_LOGS, LOGS

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
            "tokens that can be stored in KV cache (17984). Try increasing `gpu_memory_utilization`"
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
    # Memory of the host
    (
        (
            "RuntimeError: [enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: "
            "can't allocate memory: you tried to allocate 8589934592 bytes. Error code 12"
        ),
        "OutOfMemory",
    ),
    ("MemoryError", "OutOfMemory"),
    ("OSError: [Errno 12] Cannot allocate memory", "OutOfMemory"),
    ("terminate called after throwing an instance of 'std::bad_alloc'", "OutOfMemory"),
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
    ("RuntimeError: no NPU devices found", "DeviceNotFound"),
    ("RuntimeError: Found no NVIDIA driver on your system.", "DeviceNotFound"),
    ("dcmi model initialized failed, because the device is used. ret is -8020", "DeviceNotFound"),
    (
        "ImportError: libascend_hal.so: cannot open shared object file: No such file",
        "DeviceNotFound",
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
            "RuntimeError: create:build/CMakeFiles/torch_npu.dir/compiler_depend.ts:89 HCCL function "
            "error: HcclCommInitRootInfo(numRanks, &rootInfo, rank)"
        ),
        "CollectiveInitFailed",
    ),
    (
        (
            "EI0006: [PID: 1292363] 2025-04-08 Getting socket times out. Reason: Remote Rank did not "
            "send the data in time."
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
    # What surrounds the server
    (
        (
            "NCCL WARN Error while creating shared memory segment /dev/shm/nccl-wXH9 (size 9637888), "
            "error: No space left on device (28)"
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
    ("OSError: [Errno 24] Too many open files", "LimitTooLow"),
    ("RuntimeError: can't start new thread", "LimitTooLow"),
    ("BlockingIOError: [Errno 11] Resource temporarily unavailable", "LimitTooLow"),
    ("sqlite3.OperationalError: database is locked", "CacheLocked"),
    (
        (
            "torch.distributed.DistNetworkError: The server socket has failed to listen. port: 29500, "
            "EADDRINUSE, address already in use"
        ),
        "PortInUse",
    ),
    ("RuntimeError: open /dev/davinci_manager failed: Permission denied", "PermissionDenied"),
    (
        "ImportError: /tmp/x/launcher.so: failed to map segment from shared object",
        "PermissionDenied",
    ),
    ("OSError: [Errno 30] Read-only file system: '/root/.triton'", "PathNotWritable"),
    ("PermissionError: [Errno 1] Operation not permitted", "PermissionDenied"),
    # Files of the model
    ("_pickle.UnpicklingError: invalid load key, 'v'.", "WeightsCorrupt"),
    ("json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)", "WeightsCorrupt"),
    ("RuntimeError: size mismatch for lm_head.weight: copying a param", "WeightsMismatch"),
    # The image
    ("ModuleNotFoundError: No module named 'flash_attn'", "DependencyMissing"),
    ("OSError: libmcblas.so: cannot open shared object file: No such file", "DependencyMissing"),
    (
        "RuntimeError: Failed to find C compiler. Please specify via CC environment variable.",
        "DependencyMissing",
    ),
    ("Fatal Python error: Segmentation fault", "NativeCrash"),
    # Nothing but the end
    ("RuntimeError: Worker proc VllmWorker-1 died unexpectedly, shutting down.", None),
    ("Worker proc VllmWorker-1 died unexpectedly, shutting down executor.", "EngineDied"),
]
TEXTS = [
    *(line for name, *_ in FROM_LOGS for line in (LOGS / f"{name}.txt").read_text().split("\n")),
    *(line for line, _ in (*FROM_LINES, *LINES)),
]
ROWS = (*CAUSES, *GENERAL, *LAST_RESORT)


@pytest.mark.parametrize(("line", "reason"), LINES)
def test_a_line_has_its_reason_and_a_cure(line: str, reason: str | None):
    told = telling(f"loading\n{line}\n")
    assert told
    assert told.reason == reason
    assert told.number == 2
    assert bool(told.cure) == (reason is not None)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.pattern.pattern[:40])
def test_every_row_is_for_a_line(row):
    assert any(row.pattern.search(line) for line in TEXTS)


@pytest.mark.parametrize("row", [*ROWS, *EXITS.values()], ids=lambda row: row.cure[:30])
def test_a_reason_is_documented_and_asks_of_somebody(row):
    assert row.reason in REMEDIES
    assert row.reason.kind in {Kind.FAILED, Kind.BLOCKED}
    assert row.cure


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.pattern.pattern[:40])
def test_only_what_may_pass_heals_by_itself(row):
    assert not (row.heals and row.reason.kind is Kind.BLOCKED)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (2, "InvalidArgument"),
        (127, "CannotStart"),
        (132, "IncompatibleImage"),
        (135, "SharedMemoryTooSmall"),
        (139, "NativeCrash"),
        (1, None),
        (137, None),
        (0, None),
    ],
)
def test_an_exit_code_speaks_where_the_log_does_not(code: int, reason: str | None):
    told = telling("half done\n", exit_code=code)
    assert told
    assert told.reason == reason


def test_a_cause_in_the_log_counts_more_than_the_exit_code():
    told = telling("torch.OutOfMemoryError: NPU out of memory.", exit_code=139)
    assert told
    assert told.reason == "DeviceOutOfMemory"


@pytest.mark.parametrize(
    "line",
    [
        "WARNING 11-25 02:23:01 [system_utils.py:299] Found ulimit of 20000 and failed with error",
        "(Worker pid=7) WARNING 11-25 02:23:01 [x.py:9] Permission denied: /sys",
        "[W1125 02:23:51.260520191 socket.cpp:207] [c10d] address already in use",
        "INFO 11-25 02:23:01 [x.py:1] CUDA out of memory is avoided",
        "[2026-11-25 02:23:57] [WARNING] [vllm_fl.dispatch] No space left on device",
        "2026-11-25 02:23:57,260 - WARNING - No space left on device",
        "WARNING:root:Permission denied",
        '  File "/x/oom.py", line 3, in check  # CUDA out of memory',
        '    raise ValueError("No available memory for the cache blocks")',
    ],
)
def test_what_is_no_error_is_no_cause(line: str):
    told = telling(f"{line}\nKeyError: 'other'\n")
    assert told
    assert told.line == "KeyError: 'other'"


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "2026-11-25T02:23:01.123456789Z ",
        "2026-11-25T02:23:01.123456789Z stderr F ",
        "(EngineCore_DP0 pid=7) ERROR 11-25 02:23:01 [core.py:9] ",
        "\x1b[1;36m(Worker_TP1 pid=7)\x1b[0;0m ERROR 11-25 02:23:01 [core.py:9] ",
        "[rank3]: ",
        "(RayWorkerWrapper pid=7, ip=10.0.0.2) ",
    ],
)
def test_what_stands_before_a_line_does_not_matter(prefix: str):
    told = telling(f"x\n{prefix}MemoryError\n")
    assert told
    assert (told.reason, told.line, told.number) == ("OutOfMemory", "MemoryError", 2)


def test_a_progress_bar_is_one_line():
    told = telling("a\nLoading: 0%| |\rLoading: 50%|x|\rLoading: 100%|xx|\nMemoryError\n")
    assert told
    assert told.number == 3
