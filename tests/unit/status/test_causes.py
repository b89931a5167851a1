"""Each row of the table of causes has a line that it is for, and that line has its reason."""

from __future__ import annotations

import pytest

from flagos_operator.status.causes import CAUSES, EXITS, GENERAL, LAST_RESORT
from flagos_operator.status.loglines import telling
from flagos_operator.status.reasons import Kind
from flagos_operator.status.remedies import REMEDIES
from tests.unit.status.chips import LINES as OF_CHIPS
from tests.unit.status.lines import LINES
from tests.unit.status.test_loglines import FROM_LINES, FROM_LOGS, LOGS
from tests.unit.status.unseen import LINES as UNSEEN
from tests.unit.status.voices import VOICES

TEXTS = [
    *(line for name, *_ in FROM_LOGS for line in (LOGS / f"{name}.txt").read_text().split("\n")),
    *(line for line, _ in (*FROM_LINES, *LINES, *UNSEEN, *OF_CHIPS)),
    *(line for log, *_ in VOICES.values() for line in log.split("\n")),
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
        (143, "Terminated"),
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
        "(VllmWorker rank=1 pid=7) ERROR 11-25 02:23:01 [core.py:9] ",
        "(EngineCore_1 pid=113) (VllmWorker rank=0 pid=114) ERROR 07-01 08:38:50 [x.py:492] ",
        "[2026-09-01 10:00:35 TP0] ",
        "[pod/qwen-7c9d-x2x/server] (EngineCore pid=7) ERROR 11-25 02:23:01 [core.py:9] ",
        "server-1  | 2026-11-25T02:23:01.123456789Z ",
        "[2026-09-01 10:00:35,123] ",
        "ERROR 11-25 12:00:00 ",
        "(EngineCore_DP0 pid=7) ERROR 11-25 12:00:00 ",
        "ERROR 2026-11-25 12:00:00,123 ",
    ],
)
def test_what_stands_before_a_line_does_not_matter(prefix: str):
    told = telling(f"x\n{prefix}MemoryError\n")
    assert told
    assert (told.reason, told.line, told.number) == ("OutOfMemory", "MemoryError", 2)


def test_an_unknown_error_is_one_without_the_place_in_the_code_too():
    told = telling("ERROR 11-25 12:00:00 OddError: what nobody knows\nINFO 11-25 12:00:01 bye\n")
    assert told
    assert (told.line, told.failed) == ("OddError: what nobody knows", True)


FULL = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB. GPU 0 has a total "
FULL += "capacity of 139.80 GiB of which 97.50 MiB is free. "


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        ("Process 11 has 128.79 GiB memory in use. This process has 10 GiB", "DeviceBusy"),
        ("Including non-PyTorch memory, this process has 138 GiB in use.", "DeviceOutOfMemory"),
        ("Process 11 has 514.00 MiB memory in use. This process has 138 GiB", "DeviceOutOfMemory"),
        ("Process 11 has 2.51 GiB memory in use. This process has 136 GiB", "DeviceOutOfMemory"),
        ("Process 11 has 138.79 GiB memory in use. Of the allocated memory", "DeviceOutOfMemory"),
        (
            "Process 11 has 17179869184.00 GiB memory in use. This process has 10 GiB",
            "DeviceOutOfMemory",
        ),
        (
            "Process 11 has 60.00 GiB memory in use. This process has 10 GiB\n[Stage-1] failed",
            "DeviceOutOfMemory",
        ),
    ],
)
def test_a_device_is_busy_where_the_log_says_who_else_holds_its_memory(rest: str, reason: str):
    told = telling(f"{FULL}{rest}\n")
    assert told
    assert told.reason == reason


def test_a_progress_bar_is_one_line():
    told = telling("a\nLoading: 0%| |\rLoading: 50%|x|\rLoading: 100%|xx|\nMemoryError\n")
    assert told
    assert told.number == 3


WEIGHTS = "(Worker_TP1 pid=2) ERROR 01-01 00:00:02 [x.py:1] SafetensorError: header too large\n"
PEER = "(Worker_TP0 pid=1) ERROR 01-01 00:00:01 [x.py:1] DistBackendError: NCCL error: remote\n"


@pytest.mark.parametrize(
    "noise", [PEER, "mkdir: cannot create directory '/x': Permission denied\n"]
)
def test_what_follows_from_a_cause_is_not_taken_for_it(noise: str):
    told = telling(noise + WEIGHTS + noise)
    assert told
    assert told.reason == "WeightsCorrupt"


def test_a_rank_that_faults_counts_more_than_those_that_miss_it():
    told = telling(PEER + "(Worker_TP1 pid=2) RuntimeError: an illegal memory access\n")
    assert told
    assert told.reason == "DeviceFault"


def test_a_warning_after_the_end_of_an_engine_is_not_what_is_told():
    """As vLLM 0.32 ends when its engine is killed before it has said a word."""
    front = "Engine core initialization failed. See root cause above. Failed core proc(s): {}"
    warning = "W1125 22:23:35.559000 203 torch/utils/flop_counter.py:29] triton not found"
    told = telling(f"loading\nRuntimeError: {front}\n{warning}\n", exit_code=1)
    assert told
    assert (told.reason, told.number) == ("EngineDied", 2)
