"""Whether FlagOS is on: each row with a line as a server writes it, and whole logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from flagos_operator.status.proof import KEPT, ROWS, Seen, Sign, bare, seen, sign

LOGS = Path(__file__).parents[2] / "data" / "proof"

HEAD = "(APIServer pid=1) INFO 11-23 22:08:51 [api_utils.py:273] non-default args: {'port': 8000}"
STARTED = "(APIServer pid=1) INFO:     Application startup complete."
PLUGIN = "INFO 11-23 21:40:57 [__init__.py:237] Platform plugin fl is activated"
FAILED = "(EngineCore pid=9) ERROR 11-23 22:09:37 [__init__.py:64] Failed to load plugin fl"
ERROR = "(EngineCore pid=9) ERROR 11-23 22:09:37 [__init__.py:64] "
DISPATCH = "(EngineCore pid=9) [2026-11-23 21:41:49] [INFO] [vllm_fl.dispatch.manager] "
OPERATOR = f"{DISPATCH}Op 'mm' using 'default.flagos' (kind=flagos, vendor=None)"
VENDOR = f"{DISPATCH}Op 'mm' using 'vendor.cuda' (kind=vendor, vendor=cuda)"

LINES = [
    (Sign.PLUGIN, PLUGIN),
    (Sign.PLUGIN, f"{DISPATCH}OpManager initialized: 10 ops with 20 implementations"),
    (Sign.PLUGIN, VENDOR),
    (Sign.PLUGIN, "[2026-11-23 22:07:40] [INFO] [sglang_fl.dispatch] Registering vendor backends"),
    (Sign.PLUGIN, "INFO 12-24 15:11:18 [platform.py:176] Using FL Attention backend."),
    (Sign.OPERATOR, OPERATOR),
    (Sign.OPERATOR, "Worker_TP1: Op 'moe_align_block_size' using 'default.flagos' (kind=flagos)"),
    (Sign.OPERATOR, "Op 'rmsnorm' using 'default.flaggems' (kind=flaggems, vendor=None)"),
    (Sign.FLAGGEMS, "INFO [worker.py:9] [FlagGems] Enable only the following ops: ['mm']"),
    (Sign.FLAGGEMS, "INFO [worker.py:9] [FlagGems] Disable the following ops: ['sort']"),
    (
        Sign.FLAGGEMS,
        "(EngineCore pid=9)        new kernel: registered at /opt/x/flag_gems/__init__.py:25 (Tri",
    ),
    (Sign.FLAGGEMS, "[DEBUG] flag_gems.ops.cat.cat: GEMS CAT"),
    (
        Sign.NO_FLAGGEMS,
        "WARNING 11-23 21:40:57 [w.py:9] USE_FLAGGEMS is enabled but flag_gems is not installed.",
    ),
    (Sign.OTHER, "INFO 11-23 21:40:57 [__init__.py:237] Platform plugin ascend is activated"),
    (Sign.FAILED, FAILED),
    (Sign.CAUSE, f"{ERROR}ModuleNotFoundError: No module named 'flag_gems'"),
    (Sign.CAUSE, f"{ERROR}ValueError: VLLM_FL_OP_CONFIG file not found: /x.json"),
    (Sign.ERROR, f"{ERROR}PermissionError: [Errno 13] Permission denied: '/home/x/.flaggems'"),
    (Sign.ERROR, f"{ERROR}ImportError: cannot import name 'libentry' from 'flag_gems'"),
    (Sign.LISTED, "INFO 11-23 21:40:57 [__init__.py:46] - fl -> vllm_fl:register"),
    (
        Sign.FALLBACK,
        "WARNING [x.py:1] Distributed backend flagcx is not available; falling back to gloo.",
    ),
    (Sign.FALLBACK, f"{DISPATCH}Op 'mm' fallback to 'reference.torch' (kind=reference)"),
    (Sign.HEAD, HEAD),
    (Sign.HEAD, "INFO 01-01 00:00:01 [api_server.py:1] vLLM API server version 0.13.0"),
    (Sign.STARTED, STARTED),
    (Sign.STARTED, "INFO [api_server.py:5] Starting vLLM API server 0 on http://0.0.0.0:8000"),
    (Sign.STARTED, "INFO [api_server.py:5] Starting vLLM server on http://0.0.0.0:8000"),
    (Sign.STARTED, "[2026-09-01 10:01:31] The server is fired up and ready to roll!"),
]
NONE = [
    "",
    "(EngineCore pid=9) ERROR 11-23 22:09:37 [__init__.py:64]     import flag_gems",
    "WARNING 11-23 21:41:13 [interface.py:358] Failed to import from vllm._C: ModuleNotFoundErr",
    "(EngineCore pid=9) ERROR 11-23 22:09:37 [core.py:1231] ValueError: x",
    "WARNING [envs.py:2004] Unknown vLLM environment variable detected: VLLM_FL_FLAGOS_BLACKLIST",
]


@pytest.mark.parametrize(("kind", "line"), LINES)
def test_a_line_is_read_as_what_it_proves(kind: Sign, line: str):
    for written in (line, f"2026-11-25T02:36:22.123456789Z {line}", f"\x1b[36m{line}\x1b[0m"):
        found = sign(written)
        assert found is not None
        assert found[0] is kind
        assert any(pattern.search(written) for pattern in KEPT)


@pytest.mark.parametrize("line", NONE)
def test_what_proves_nothing_is_not_kept(line: str):
    assert sign(line) is None


def test_every_row_has_its_line():
    assert {each.sign for each in ROWS} == {kind for kind, _ in LINES}


def whole(name: str) -> Seen:
    return seen((LOGS / f"{name}.txt").read_text())


@pytest.mark.parametrize(
    ("name", "stack", "words"),
    [
        ("flagos", "FlagOS", "Op 'attention_backend' using 'default.flagos'"),
        ("flagcx-missing", "FlagOS", "default.flagos"),
        ("two-ranks", "FlagOS", "default.flagos"),
        ("native", "Native", ""),
        ("no-plugin", "Native", ""),
        ("no-flaggems", "Native", "plugin fl: ModuleNotFoundError: No module named 'flag_gems'"),
        ("bad-variable", "Native", "VLLM_FL_OP_CONFIG file not found: /nonexistent.json"),
        ("plugin-left-out", "Native", "- fl -> vllm_fl:register"),
    ],
)
def test_a_whole_log_tells_the_stack(name: str, stack: str, words: str):
    found = whole(name)
    assert found.stack == stack
    assert words in found.line
    assert found.plugin == (stack == "FlagOS")


def test_every_log_is_told():
    assert {file.stem for file in LOGS.glob("*.txt")} == {
        "bad-variable",
        "flagcx-missing",
        "flagos",
        "native",
        "no-flaggems",
        "no-plugin",
        "plugin-left-out",
        "two-ranks",
    }


def test_only_what_is_kept_is_needed():
    for file in LOGS.glob("*.txt"):
        text = file.read_text()
        kept = [line for line in text.split("\n") if any(each.search(line) for each in KEPT)]
        less = seen("\n".join(kept))
        assert (less.stack, less.line, less.cure) == (
            seen(text).stack,
            seen(text).line,
            seen(text).cure,
        )


def test_a_fallback_is_told_once_for_all_ranks():
    assert whole("flagcx-missing").fallbacks == ("flagcx is not available: communication by gloo",)
    text = "\n".join([f"{DISPATCH}Op 'mm' fallback to 'reference.torch' (kind=reference)"] * 3)
    assert seen(text).fallbacks == ("operator mm failed: reference.torch in its place",)


def test_operators_are_told_once_and_not_without_end():
    assert whole("two-ranks").operators == (
        "attention_backend",
        "rms_norm",
        "rotary_embedding",
        "silu_and_mul",
    )
    many = "\n".join(f"Op 'op{n}' using 'default.flagos' (kind=flagos)" for n in range(100))
    assert len(seen(many).operators) == 32


@pytest.mark.parametrize(
    ("lines", "cure"),
    [
        ([FAILED, f"{ERROR}ModuleNotFoundError: No module named 'flag_gems'"], "lacks FlagGems"),
        ([FAILED, f"{ERROR}ValueError: VLLM_FL_OP_CONFIG file not found"], "that variable"),
        ([FAILED, f"{ERROR}PermissionError: [Errno 13] Permission denied: '/x'"], "HOME"),
        ([FAILED, f"{ERROR}ImportError: cannot import name 'x' from 'y'"], "do not fit"),
        ([FAILED], "do not fit"),
        (["Platform plugin metax is activated"], "VLLM_PLUGINS=fl"),
        (["- fl -> vllm_fl:register"], "VLLM_PLUGINS leaves the plugin out"),
        ([HEAD], "no FlagOS plugin"),
    ],
)
def test_what_is_absent_has_a_cure(lines: list[str], cure: str):
    found = seen("\n".join([*lines, STARTED]))
    assert found.stack == "Native"
    assert cure in found.cure


class TestNothingIsClaimedTooEarly:
    @pytest.mark.parametrize("lines", [[], [HEAD], ["- fl -> vllm_fl:register", HEAD]])
    def test_silence_before_the_start_is_over_proves_nothing(self, lines):
        found = seen("\n".join(lines))
        assert (found.stack, found.plugin, found.failed) == ("Unknown", False, False)

    def test_a_plugin_that_starts_may_still_bring_flaggems(self):
        found = seen(PLUGIN)
        assert (found.stack, found.plugin) == ("Unknown", True)
        assert seen(f"{PLUGIN}\n{STARTED}").stack == "PluginOnly"

    def test_a_failed_plugin_is_told_at_once_and_native_only_once_it_serves(self):
        found = seen(FAILED)
        assert (found.stack, found.failed) == ("Unknown", True)
        assert seen(f"{FAILED}\n{STARTED}").stack == "Native"

    def test_a_server_that_writes_no_info_says_nothing_by_its_silence(self):
        assert seen(STARTED).stack == "Unknown"

    def test_an_end_that_is_known_otherwise_counts(self):
        assert seen(HEAD).stack == "Unknown"
        assert seen(HEAD, over=True).stack == "Native"


class TestWhatCountsMore:
    def test_an_operator_at_work_is_stronger_than_a_failure(self):
        assert seen(f"{FAILED}\n{OPERATOR}\n{STARTED}").stack == "FlagOS"

    def test_a_failure_is_stronger_than_a_plugin_that_another_process_has(self):
        assert seen(f"{PLUGIN}\n{FAILED}\n{STARTED}").stack == "Native"

    def test_operators_of_the_vendor_are_the_plugin_alone(self):
        assert seen(f"{PLUGIN}\n{VENDOR}\n{STARTED}").stack == "PluginOnly"

    def test_a_plugin_that_cannot_find_flaggems_says_so(self):
        found = seen("USE_FLAGGEMS is enabled but flag_gems is not installed")
        assert (found.stack, found.plugin) == ("PluginOnly", True)
        assert "lacks FlagGems" in found.cure

    def test_an_error_of_another_plugin_is_not_ours(self):
        other = f"{ERROR}Failed to load plugin other\n{ERROR}ImportError: x"
        assert seen(f"{other}\n{PLUGIN}\n{OPERATOR}").stack == "FlagOS"
        assert seen(f"{other}\n{HEAD}\n{STARTED}").line == ""


def test_a_line_is_told_without_what_differs_from_run_to_run():
    assert bare(f"2026-11-25T02:36:22.123456789Z {OPERATOR}") == (
        "[vllm_fl.dispatch.manager] Op 'mm' using 'default.flagos' (kind=flagos, vendor=None)"
    )
    assert bare(PLUGIN) == "Platform plugin fl is activated"
    assert len(bare("x" * 10_000)) == 200
