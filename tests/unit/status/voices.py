# ruff: noqa: E501 - each line of a log is one line here
"""Logs in which several speak and one names the cause: ranks, a plugin, clients before the end.

In the form of vLLM 0.20 to 0.33 and SGLang; what chips add is of the public reports named beside it.
"""

from __future__ import annotations


def worker(rank: int, *lines: str) -> str:
    head = f"(Worker_TP{rank} pid={600 + rank}) ERROR 09-03 16:13:00 [multiproc_executor.py:1000] "
    return "".join(f"{head}{line}\n" for line in lines)


def front(line: str) -> str:
    return f"(APIServer pid=1) ERROR 09-03 16:13:02 [async_llm.py:9] {line}\n"


END = """\
(EngineCore_DP0 pid=500) ERROR 09-03 16:13:01 [core.py:1231] EngineCore failed to start.
(EngineCore_DP0 pid=500) ERROR 09-03 16:13:01 [core.py:1231] Exception: WorkerProc initialization failed due to an exception in a background process. See stack trace for root cause.
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""
# vllm-ascend issue 4972: the line that names it, among those that say that something went wrong.
AICORE = """\
[rank7]:[E1212 12:10:10.131512730 compiler_depend.ts:1675] [Rank 7] HCCL watchdog thread terminated with exception:
[ERROR] 2025-12-12-12:10:10 (PID:402, Device:7, RankID:-1) ERR02005 DIST internal error
RuntimeError: query:compiler_depend.ts:59 NPU function error: acl::AclQueryEventRecordedStatus(event_, &currStatus), error code is 507014
[ERROR] 2025-12-12-12:10:10 (PID:285, Device:4, RankID:-1) ERR00100 PTA call acl api failed
[Error]: The aicore execution times out.
        Rectify the fault based on the error information in the ascend log.
EH9999: Inner Error!
"""
# Ascend/pytorch issue 102: the error itself has no words.
OVERFLOW = """\
triton.compiler.errors.MLIRCompilationError:
///------------------[ERROR][Triton][BEG]------------------
loc("/tmp/module.hivm.mlir":2:3): error: ub overflow, requires 1966848 bits while 1572864 bits avaliable!
"""
HINT = """\
RuntimeError: CUDA error: invalid configuration argument
Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.
"""
FRAME = (
    "RuntimeError: Engine core initialization failed. Failed core proc(s): {'EngineCore_DP0': 1}"
)
# vllm-plugin-FL issue 539, on Iluvatar.
NO_GRAPH = """\
  File "/opt/torch/cuda/graphs.py", line 82, in capture_begin
    super().capture_begin(pool=pool)
torch.AcceleratorError: CUDA error: ixErrorNotSupported
"""
# FlagGems issue 6371, on Moore Threads; a log that begins inside of the operator.
INSIDE = """\
  File "/opt/flag_gems/ops/mul.py", line 505, in _launch_scalar
    mul_scalar_kernel[grid](x)
  File "/opt/flag_gems/utils/libentry.py", line 1163, in flagtune_policy
RuntimeError: MUSA error: unknown error
"""
READY = "(APIServer pid=1) INFO:     Application startup complete.\n"
DEAD = front(
    "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause."
)
GONE = "torch.distributed.DistBackendError: NCCL error in: NCCLUtils.cpp:77, remote process exited or there was a network error, NCCL version 2.27.3"
CLOSED = "RuntimeError: [/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:547] Connection closed by peer [10.0.0.2]:9355"
NO_PLATFORM = """\
ERROR 11-23 22:09:37 [__init__.py:64] Failed to load plugin fl
ERROR 11-23 22:09:37 [__init__.py:64] Traceback (most recent call last):
ERROR 11-23 22:09:37 [__init__.py:64] ImportError: libtorch_musa.so: undefined symbol: _ZN3c10
INFO 11-23 22:09:37 [__init__.py:9] No platform detected, vLLM is running on UnspecifiedPlatform
RuntimeError: Failed to infer device type
"""
# vllm-plugin-FL issue 550, on Iluvatar.
MISFIT = """\
Traceback (most recent call last):
  File "/opt/lib/python3.12/site-packages/vllm_fl/__init__.py", line 32, in <module>
    importlib.import_module("torch.distributed._symmetric_memory")
  File "/opt/lib/python3.12/site-packages/torch/distributed/_symmetric_memory/__init__.py", line 16, in <module>
ImportError: cannot import name '_SymmetricMemory' from 'torch._C._distributed_c10d'
"""
# Printed by every start without that package: vllm-plugin-FL issue 193.
NO_TRITON_KERNELS = """\
ERROR 05-20 17:38:22 [gpt_oss_triton_kernels_moe.py:64] Failed to import Triton kernels. Please make sure your triton version is compatible. Error: No module named 'triton_kernels.matmul_ogs'
AttributeError: 'HunYuanConfig' object has no attribute 'rope_theta'
"""
SGLANG = """\
[2025-03-17 17:15:55 TP0] Scheduler hit an exception: Traceback (most recent call last):
  File "/sgl/models/x.py", line 1, in load
TypeError: a weight of nobody

[2025-03-17 17:15:55 TP1] Scheduler hit an exception: Traceback (most recent call last):
  File "/sgl/model_runner.py", line 417, in load_model
ValueError: TP rank 1 could finish the model loading, but there are other ranks that didn't finish loading.

[2025-03-17 17:15:56] Received sigquit from a child process. It usually means the child failed.
"""

VOICES = {
    "lines of two ranks in turn": (
        worker(1, "WorkerProc failed to start.", "Traceback (most recent call last):")
        + worker(0, "WorkerProc hit an exception.", "Traceback (most recent call last):")
        + worker(1, '  File "/x/vllm/linear.py", line 9, in load_model', "    y = f()")
        + worker(0, '  File "/x/vllm/state.py", line 9, in all_reduce')
        + worker(1, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 192.00 MiB.")
        + worker(0, GONE)
        + END,
        1,
        "DeviceOutOfMemory",
        "192.00 MiB",
    ),
    "one rank odd, the other misses it": (
        worker(1, "AttributeError: 'Rope' has no attribute 'odd'") + worker(0, GONE) + END,
        1,
        "CrashLoop",
        "'odd'",
    ),
    "one rank odd, its line is closed": (
        worker(1, "AttributeError: 'Rope' has no attribute 'odd'") + worker(0, CLOSED) + END,
        1,
        "CrashLoop",
        "'odd'",
    ),
    "one rank crashed": (
        worker(0, GONE) + "Fatal Python error: Segmentation fault\n" + END,
        1,
        "NativeCrash",
        "Segmentation",
    ),
    "one rank killed": (
        worker(0, CLOSED) + worker(0, "Worker proc VllmWorker-1 died unexpectedly.") + END,
        1,
        "EngineDied",
        "died unexpectedly",
    ),
    "nobody knows more": (worker(0, GONE) + END, 1, "CollectiveInitFailed", "remote process"),
    "sglang's other ranks": (SGLANG, 137, "CrashLoop", "a weight of nobody"),
    "a platform that cannot be loaded": (NO_PLATFORM, 1, "PluginNotLoaded", "undefined symbol"),
    "a plugin that does not fit": (MISFIT, 1, "PluginNotLoaded", "_SymmetricMemory"),
    "a chip that the plugin does not know": (
        "ValueError: Vendor 'hygon' not found in VENDOR_DEVICE_MAP.\n",  # issue 210 there
        1,
        "PluginNotLoaded",
        "'hygon'",
    ),
    "FlagGems is not there": (
        "ModuleNotFoundError: No module named 'flag_gems.runtime.backend.device'\n",  # issue 253
        1,
        "PluginNotLoaded",
        "flag_gems",
    ),
    "a package that nobody needs": (NO_TRITON_KERNELS, 1, "CrashLoop", "rope_theta"),
    "graphs that a chip has not": (NO_GRAPH, 1, "DeviceFault", "ixErrorNotSupported"),
    "a part of an operator": (INSIDE, 1, "OperatorCrash", "FlagGems operator mul)"),
    "an aicore that hangs": (AICORE, 1, "DeviceFault", "aicore execution times out"),
    "an error without words": (OVERFLOW, 1, "UnsupportedModel", "ub overflow"),
    "a hint of PyTorch's": (HINT, 1, "DeviceFault", "invalid configuration"),
    "only what frames an error": (FRAME, 1, "CrashLoop", "DP0"),
    "a request that was wrong": (
        READY + front("ValueError: The decoder prompt is too long") + DEAD,
        0,
        "EngineDied",
        "EngineDeadError",
    ),
    "a file of a request": (
        READY + front("PermissionError: [Errno 13] Permission denied: '/x.jpg'") + DEAD,
        0,
        "EngineDied",
        "EngineDeadError",
    ),
}
