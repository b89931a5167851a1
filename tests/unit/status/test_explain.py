"""A log alone: how far the start came, why it ended, what to change."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flagos_operator.__main__ import main
from flagos_operator.status.explain import explain
from tests.unit.status.test_loglines import LOGS

# Abridged logs of vLLM 0.24 with and without FlagOS on an H200 and an H100.
STARTS = Path(__file__).parents[2] / "data" / "starts"
SERVED = [
    "flagos-cold",
    "flagos-h100-blacklist-gemm",
    "flagos-h100-cold-default",
    "flagos-h100-cold-sizes10-mbt512",
    "flagos-h100-moved-cache",
    "flagos-tiny-drain",
    "flagos-warm",
    "g-default",
    "g-noplugin",
    "native-cold",
    "native-eager",
    "native-h100-cold",
    "native-warm-drain",
    "sigterm-swallowed-then-ready",
    "x-notok",
]
FAILED = [
    ("enginecore-killed", "Ready", "EngineDied"),
    ("g-flcx", "Ready", "EngineDied"),
    ("g-plugoff", "Ready", "EngineDied"),
    ("g-nogems", "Ready", "PluginNotLoaded"),
    ("x-flcfg", "Ready", "PluginNotLoaded"),
    ("sigterm-d-cfg", "Starting", "Terminated"),
]
UNFINISHED = [
    ("sigterm-d-load", "Compiling"),
    ("sigterm-p1-imp", "Starting"),
    ("tp2-shm64-unfinished", "Loading"),
]
# The last hundred lines of starts that failed: the phase is read from what is left of it.
ENDS = [
    ("bad-value", "Starting", "InvalidArgument", "spec.server"),
    ("both-operator-lists", "Starting", "InvalidArgument", "spec.flagos.operators.allow"),
    ("cache-read-only", None, "PathNotWritable", "spec.server.volumeMounts"),
    ("custom-code", "Starting", "RemoteCodeRefused", "spec.server.trustRemoteCode"),
    ("device-busy", "Starting", "DeviceBusy", "spec.server.gpuMemoryUtilization"),
    ("device-out-of-memory", "Loading", "DeviceBusy", "spec.server.gpuMemoryUtilization"),
    ("engine-killed", "Ready", "EngineDied", "spec.server.resources.limits.memory"),
    ("home-not-writable", None, "PermissionDenied", "spec.server.securityContext"),
    ("hub-name-offline", "Starting", "WeightsMissing", "spec.source"),
    ("kv-cache-too-small", "Compiling", "KVCacheTooSmall", "spec.server.maxModelLen"),
    ("no-config", "Starting", "WeightsMissing", "spec.source"),
    ("no-device", "Starting", "DeviceNotFound", "spec.devices"),
    ("no-directory", "Starting", "WeightsMissing", "spec.weights.mountPath"),
    ("no-weights", "Loading", "WeightsMissing", "spec.source"),
    ("port-taken", "Starting", "PortInUse", "spec.server.port"),
    ("shape-mismatch", "Loading", "WeightsMismatch", "spec.source"),
    ("shard-missing", "Loading", "WeightsMissing", "spec.source.include"),
    ("shard-truncated", "Loading", "WeightsCorrupt", "spec.weights.verify"),
    ("shard-unreadable", "Loading", "WeightsMissing", "spec.source"),
    ("too-few-devices", "Starting", "TooFewDevices", "spec.devices"),
    ("unknown-architecture", "Starting", "UnsupportedModel", "spec.image"),
    ("unknown-flag", "Starting", "InvalidArgument", "spec.server.args"),
]


def start(name: str) -> str:
    return (STARTS / f"{name}.txt").read_text()


def test_every_log_is_explained():
    told = {*SERVED, *(name for name, *_ in FAILED), *(name for name, _ in UNFINISHED)}
    assert told == {file.stem for file in STARTS.glob("*.txt")}
    assert {name for name, *_ in ENDS} == {file.stem for file in LOGS.glob("*.txt")}


@pytest.mark.parametrize("name", SERVED)
def test_a_server_that_served_and_was_told_to_end_has_not_failed(name: str):
    found = explain(start(name))
    assert (found.phase, found.reason, found.line, found.cure) == ("Ready", "", "", "")
    assert "startup complete" in start(name).split("\n")[found.phase_line - 1] or found.phase_line


@pytest.mark.parametrize(("name", "phase", "reason"), FAILED)
def test_a_failure_has_its_phase_and_its_reason(name: str, phase: str, reason: str):
    found = explain(start(name))
    assert (found.phase, found.reason) == (phase, reason)


@pytest.mark.parametrize(("name", "phase"), UNFINISHED)
def test_a_start_that_is_under_way_has_only_a_phase(name: str, phase: str):
    found = explain(start(name))
    assert (found.phase, found.reason) == (phase, "")


@pytest.mark.parametrize(("name", "phase", "reason", "field"), ENDS)
def test_the_end_of_a_log_is_enough(name: str, phase: str | None, reason: str, field: str):
    log = (LOGS / f"{name}.txt").read_text()
    found = explain(log, exit_code=1)
    assert found.reason == reason
    assert phase in {None, found.phase}
    assert field in found.fields
    words = found.line.rpartition(": ")[2][:30]
    assert words in log.split("\n")[found.line_number - 1]


# What other chips and versions would write, in the words that their vendors keep.
INVENTED = [
    ("sglang-on-metax", "Capturing", "DeviceOutOfMemory", 5),
    ("vllm-0.13-on-hygon", "Loading", "IncompatibleImage", 2),
    ("vllm-0.20-on-ascend", "Capturing", "CollectiveInitFailed", 3),
    ("vllm-0.40-on-an-unknown-chip", "Loading", "CrashLoop", 2),
    ("vllm-empty-without-plugin", "Starting", "PluginNotLoaded", 1),
    ("vllm-on-cambricon", "Starting", "DeviceNotFound", 1),
    ("vllm-on-iluvatar", "WarmingUp", "OperatorCrash", 4),
    ("vllm-on-kunlunxin", "Starting", "CollectiveInitFailed", 2),
    ("vllm-on-mthreads", "Loading", "OperatorCrash", 4),
]


@pytest.mark.parametrize(("name", "phase", "reason", "line"), INVENTED)
def test_chips_and_versions_nobody_has_seen(name: str, phase: str, reason: str, line: int):
    found = explain((STARTS.parent / "invented" / f"{name}.txt").read_text())
    assert (found.phase, found.reason, found.line_number) == (phase, reason, line)
    assert found.cure


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (137, "CrashLoop", "SIGKILL"),
        (143, "Terminated", "SIGTERM"),
        (0, "EngineDied", "--previous"),
        (139, "NativeCrash", "spec.image"),
    ],
)
def test_an_exit_code_explains_what_the_log_does_not(code: int, reason: str, words: str):
    found = explain(start("sigterm-d-load"), exit_code=code)
    assert found.reason == reason
    assert words in found.cure


def test_an_end_that_was_asked_for_is_no_failure():
    assert explain(start("native-warm-drain"), exit_code=0).reason == ""


@pytest.mark.parametrize("log", ["", "\n", "\0\xff\n\r\r", "x" * 10**6, "\r" * 10**5])
def test_a_log_of_nonsense_is_survived(log: str):
    assert explain(log).phase == "Starting"


HOSTILE = [
    "Op 'a",
    "flag_gems.",
    "/flag_gems/",
    "fl is ",
    "Autotuning kernel ",
    "device ",
    "driver ",
    "NCCL ",
    "getDev",
    "flag_gems/ops/",
    "(",
    " ",
    "/dev/x",
    "in `_a",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_line_however_made_takes_long(piece: str):
    """Two hundred such lines take a tenth of a second; a rule without bounds takes minutes."""
    log = "".join(f"{number} {piece * 600}\n" for number in range(200))
    assert explain(log).phase == "Starting"


class TestVerb:
    def test_words(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
        file = tmp_path / "x.log"
        file.write_text((LOGS / "kv-cache-too-small.txt").read_text())
        assert main(["explain", str(file), "--exit-code", "1"]) == 0
        said = capsys.readouterr().out
        assert "reason:   KVCacheTooSmall\n" in said
        assert "set spec.server.maxModelLen to at most 37872" in said
        assert "change:   spec.server.maxModelLen\n" in said

    def test_json(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
        file = tmp_path / "x.log"
        file.write_bytes(b"\xff\nMemoryError\n")
        assert main(["explain", "--json", str(file)]) == 0
        said = json.loads(capsys.readouterr().out)
        assert (said["reason"], said["lineNumber"]) == ("OutOfMemory", 2)
        assert said["fields"] == ["spec.server.resources.limits.memory"]

    def test_the_stack_and_what_was_tuned(self, tmp_path: Path, capsys):
        tuned = "Triton autotuning for function mm_kernel finished after 41.10s; best config: x"
        file = tmp_path / "x.log"
        file.write_text(f"{tuned}\n" * 2 + start("flagos-cold") + f"\n{tuned}\n")
        assert main(["explain", str(file)]) == 1
        said = capsys.readouterr().out
        assert "stack:    FlagOS (line 16)\n" in said
        assert (
            "tuning:   2 kernels in 1 min 22 s before Ready, 1 kernel in 41 s after Ready" in said
        )
        assert "; the last one was mm_kernel\n" in said
        assert main(["explain", "--json", str(file)]) == 1
        told = json.loads(capsys.readouterr().out)
        assert (told["stack"], told["stackLine"]) == ("FlagOS", 16)
        assert told["tuning"].startswith("2 kernels")

    def test_a_plugin_that_is_missing(self, tmp_path: Path, capsys):
        file = tmp_path / "x.log"
        file.write_text((STARTS.parent / "proof" / "plugin-left-out.txt").read_text())
        main(["explain", str(file)])
        said = capsys.readouterr().out
        assert "stack:    Native (line 5): - fl -> vllm_fl:register (VLLM_PLUGINS leaves" in said

    def test_a_file_of_powershell(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
        file = tmp_path / "x.log"
        file.write_text("loading\r\nMemoryError\r\n", encoding="utf-16")
        assert main(["explain", str(file)]) == 0
        assert "OutOfMemory" in capsys.readouterr().out

    def test_nothing_wrong_is_another_exit_code(self, tmp_path: Path):
        file = tmp_path / "x.log"
        file.write_text(start("native-eager"))
        assert main(["explain", str(file)]) == 1

    def test_a_file_that_is_not_there(self, capsys: pytest.CaptureFixture[str]):
        assert main(["explain", "/nowhere/x.log"]) == 2
        assert "/nowhere/x.log: No such file" in capsys.readouterr().err

    def test_an_empty_log_is_none(self, capsys: pytest.CaptureFixture[str]):
        """As of a kubectl that has failed before the pipe."""
        assert main(["explain", "/dev/null"]) == 2
        assert "the log is empty" in capsys.readouterr().err
        assert main(["explain", "/dev/null", "--exit-code", "137"]) == 0

    @pytest.mark.parametrize("code", ["-5", "256", "x"])
    def test_no_container_ends_with_it(self, code: str, capsys: pytest.CaptureFixture[str]):
        with pytest.raises(SystemExit) as ended:
            main(["explain", "/dev/null", f"--exit-code={code}"])
        assert ended.value.code == 2
        assert "a container ends with 0 to 255" in capsys.readouterr().err

    def test_what_a_terminal_would_carry_out_is_left_out(self, tmp_path: Path, capsys):
        file = tmp_path / "x.log"
        file.write_text("\x1b[2J\x1b]0;title\x07\nValueError: \x00odd\n")
        assert main(["explain", str(file)]) == 0
        told = capsys.readouterr().out
        assert "ValueError: odd" in told
        assert not {"\x1b", "\x07", "\x00"} & set(told)

    def test_a_pipe(self):
        done = subprocess.run(
            [sys.executable, "-m", "flagos_operator", "explain", "-"],
            input=b"vllm: error: unrecognized arguments: --x\n",
            capture_output=True,
            check=True,
            cwd=Path(__file__).parents[3] / "operator",
        )
        assert b"InvalidArgument" in done.stdout
