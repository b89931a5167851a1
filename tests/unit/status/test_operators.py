"""Which FlagGems operator a log blames, on chips whose traces were published and on others."""

from __future__ import annotations

import pytest

from flagos_operator.status.loglines import telling
from flagos_operator.status.summary import summarize
from tests.unit.status.build import a_pod, a_view, crashed, ended, fetched
from tests.unit.status.read import ready

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
  File "/root/.flaggems/code_cache/pointwise_dynamic_x.py", line 40, in _wrapper_rank_1
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

CASES = [
    ("metax", METAX, "mm_out", "[mm_out, mm]", "illegal memory access"),
    ("ascend", ASCEND, "ones_like", "[ones_like]", "arange's end"),
    ("copy", COPY, "copy_", "[copy_, to_copy]", "BiShengIR"),
    ("segfault", SEGFAULT, "sort_stable", "[sort_stable, sort]", "Segmentation fault"),
    ("said", SAID, "cumsum_out", "[cumsum_out, cumsum]", "Segmentation fault"),
    ("compiler", COMPILER, "argmax", "[argmax]", "PassManager"),
    ("dispatcher", DISPATCHER, "rms_norm", "[rms_norm]", "bad grid"),
    ("fused", FUSED, "silu_and_mul", "[silu_and_mul]", "out of resource"),
]


@pytest.mark.parametrize(
    ("log", "operator", "deny", "words"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_the_operator_and_the_field_are_named(log: str, operator: str, deny: str, words: str):
    told = telling(log)
    assert told
    assert (told.reason, told.operator) == ("OperatorCrash", operator)
    assert f"spec.flagos.operators.denyMore: {deny}" in told.cure
    assert words in told.line


def test_the_exit_code_makes_what_was_called_count():
    log = "flag_gems.ops.sort.sort: GEMS SORT\n"
    told = telling(log, exit_code=139)
    assert told
    assert told.operator == "sort"
    assert telling(log, exit_code=1).operator == ""


def test_memory_that_ran_out_inside_an_operator_is_no_fault_of_it():
    log = METAX.replace("an illegal memory access was encountered", "out of memory")
    told = telling(log)
    assert told
    assert (told.reason, told.operator) == ("DeviceOutOfMemory", "")


def test_a_warning_from_an_operators_file_blames_nobody():
    log = "/opt/flag_gems/ops/amax.py:78: UserWarning: Logical operators\nKeyError: 'x'\n"
    told = telling(log)
    assert told
    assert (told.reason, told.operator) == (None, "")


def test_the_status_names_the_operator():
    summary = summarize(a_view(a_pod(fetched(), crashed(ended(1, message=METAX)))))
    assert ready(summary)["reason"] == "OperatorCrash"
    assert "flagos.operators.denyMore: [mm_out, mm]" in ready(summary)["message"]
    assert summary.status["lastFailure"]["operator"] == "mm_out"
    assert summary.status["lastFailure"]["reason"] == "OperatorCrash"


def test_a_failure_without_an_operator_names_none():
    summary = summarize(a_view(a_pod(fetched(), crashed(ended(1, message="KeyError: 'x'")))))
    assert "operator" not in summary.status["lastFailure"]
