"""A log that grows, boiled down: what is kept of it tells the same as the whole."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from flagos_operator.status.startlog import distil, lines, story, turns
from flagos_operator.status.startwords import far
from tests.unit.status.build import NOW
from tests.unit.status.timed import NAMES, log, stamped

STEPS = ("Loading", "Compiling", "Capturing", "WarmingUp", "Ready")
# Seconds after the process began, as a person reads them from the logs.
BEGUN = {
    "flagos-h100-blacklist-gemm": (96, 116, 188, 211, 215),
    "flagos-h100-cold-default": (106, 125, 255, 584, 587),
    "flagos-h100-cold-sizes10-mbt512": (76, 90, 189, 338, 341),
    "flagos-h100-moved-cache": (74, 95, 147, 188, 192),
    "native-h100-cold": (91, 97, 149, 158, 188),
    "sigterm-swallowed-then-ready": (101, 106, 226, 402, 410),
}
ENGINE = "(EngineCore pid=2) INFO 11-25 02:50:16 [x.py:1] "
SIZED = "GPU KV cache size: 28,320 tokens"


def begun(kept: str) -> dict[str, int]:
    return {each.step: int((each.at - NOW).total_seconds()) for each in story(kept).marks}


def kept_of(*texts: str) -> str:
    return distil("", "".join(stamped(t, NOW + timedelta(seconds=n)) for n, t in enumerate(texts)))


def test_every_recorded_log_has_its_row():
    assert sorted(BEGUN) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_step_begins_when_the_log_says_so(name: str):
    kept = distil("", log(name, began=NOW))
    assert begun(kept) == dict(zip(STEPS, BEGUN[name], strict=True))


@pytest.mark.parametrize("pace", [2.5, 30])
@pytest.mark.parametrize("name", NAMES)
def test_read_in_pieces_that_overlap_it_tells_the_same(name: str, pace: float):
    kept, now = "", 0.0
    while now < 800:
        kept = distil(kept, log(name, began=NOW, until=now))
        assert len(kept) < 4096
        now += pace
    assert kept == distil("", log(name, began=NOW))


def test_while_graphs_are_captured_in_silence_the_log_has_said_that_they_will_be():
    kept = distil("", log("flagos-h100-cold-default", began=NOW, until=500))
    assert turns(kept) == ("Loading", "Compiling", "Capturing")
    assert "GPU KV cache" not in story(kept).far


BAR = "Capturing CUDA graphs (PIECEWISE): 100%|##| 3/3 [00:03<00:00,  1.04s/it]"
FINISHED = ENGINE + "Graph capturing finished in 4 secs, took 0.11 GiB"
# As vLLM's second model runner starts: vllm-windows-build issue 17.
MEASURED = (
    "Model loading took 4 GiB",
    "Initial profiling/warmup run took 0.05 s",
    BAR,
    FINISHED,
    ENGINE + "Available KV cache memory: 6.13 GiB",
    SIZED,
)


def test_graphs_that_are_captured_to_measure_them_are_not_the_last():
    assert turns(kept_of(*MEASURED)) == ("Compiling", "Capturing")
    assert turns(kept_of(*MEASURED, BAR, FINISHED)) == ("Compiling", "Capturing", "WarmingUp")


def test_what_is_kept_of_them_tells_the_same_at_the_next_look():
    kept = kept_of(*MEASURED, BAR, FINISHED)
    assert turns(distil(kept, "")) == ("Compiling", "Capturing", "WarmingUp")


@pytest.mark.parametrize(
    "said",  # by vLLM 0.20 to 0.25 before it captures graphs
    [
        "INFO 03-18 14:05:54 [kernel_warmup.py:65] Warming up FlashInfer attention.",
        "INFO 08-19 18:00:14 [kernel_warmup.py:65] Warming up ll_bf16 router GEMM kernels.",
        "INFO 06-21 07:20:32 [deepseek_v4_mhc_warmup.py:209] The warmup finished in 0.45 seconds.",
    ],
)
def test_single_kernels_that_are_warmed_up_are_not_the_end(said: str):
    told = ("Model loading took 4 GiB", SIZED, f"(EngineCore pid=2) {said}")
    assert turns(kept_of(*told)) == ("Compiling", "Capturing")
    assert turns(kept_of(*told, BAR, FINISHED)) == ("Compiling", "Capturing", "WarmingUp")


@pytest.mark.parametrize(
    "said",
    [
        "Enforce eager set, disabling torch.compile and CUDAGraphs.",
        f"Initializing a V1 LLM engine with config: {'x' * 2000}, enforce_eager=True, and more",
        "{'mode': 3, 'cudagraph_mode': <CUDAGraphMode.NONE: 0>, 'sizes': []}",
        "Cudagraph is disabled under eager mode",
    ],
)
def test_without_graphs_none_are_captured(said: str):
    kept = kept_of(ENGINE + said, "Loading weights took 3 s", "Model loading took 1 GiB", SIZED)
    assert turns(kept) == ("Loading", "WarmingUp")
    assert turns(distil(kept, "")) == ("Loading", "WarmingUp")


@pytest.mark.parametrize(
    ("said", "step"), [("enforce_eager=True", "WarmingUp"), ("enforce_eager=False", "Compiling")]
)
def test_what_is_left_out_is_not_told_of_a_run_that_fails_while_it_measures(said: str, step: str):
    """Of a cache that was too small it was said that the engine had been compiling."""
    engine = f"{ENGINE}Initializing a V1 LLM engine with config: {'x' * 2000}, {said}, and more"
    frame = '  File "/vllm/v1/engine/core.py", line 9, in _initialize_kv_caches'
    kept = kept_of(engine, "Loading weights took 3 s", ENGINE + frame)
    assert turns(kept) == ("Loading", step)


def test_a_step_that_is_over_does_not_come_back():
    """A second model for speculation is loaded later, another rank says its lines later."""
    kept = kept_of(
        "Loading weights took 3 s", SIZED, "Loading weights took 1 s", "torch.compile took"
    )
    assert turns(kept) == ("Loading", "Capturing")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "Loading safetensors checkpoint shards:  40% Completed | 2/5 [00:01<00:02,  1.36it/s]",
            "loading weights 2/5 shards",
        ),
        (
            "(Worker_TP0 pid=7) Loading safetensors checkpoint shards: 100% Completed | 5/5 [0",
            "loading weights 5/5 shards",
        ),
        (
            "Multi-thread loading shards:  50% Completed | 4/8 [00:01<00:02,  1.36it/s]",
            "loading weights 4/8 shards",
        ),
        (
            "Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):  33%|███▎      | 17/51 [01",
            "capturing graphs 17/51",
        ),
        ("Capturing ACL graphs (decode, FULL): 2%|▏  | 1/51 [00:12", "capturing graphs 1/51"),
        ("Capturing batches (bs=32 avail_mem=1.9 GB): 25%|██▌| 1/4 [0", "capturing graphs 1/4"),
        (f"{ENGINE}Loading weights took 3.17 seconds", "weights loaded"),
        (f"{ENGINE}Dynamo bytecode transform time: 14.60 s", "compiling"),
        (f"{ENGINE}torch.compile took 55.24 s in total", "compiled, measuring memory"),
        (f"{ENGINE}Initial profiling/warmup run took 63.76 s", "measuring memory"),
        (f"{ENGINE}Resolved architecture: Qwen3ForCausalLM", None),
    ],
)  # fmt: skip
def test_lines_that_tell_how_far_a_step_is(line: str, words: str | None):
    found = far(line)
    assert (found and found.words) == words


def test_of_a_bar_that_is_written_over_and_over_the_last_state_counts():
    bar = "\r".join(f"Capturing CUDA graphs (FULL): |#| {n}/51 [00:01" for n in range(52))
    assert story(kept_of(SIZED, f"{ENGINE}\r{bar}")).far == "capturing graphs 51/51"


def test_how_far_it_was_in_an_earlier_step_is_no_news_in_a_later_one():
    bar = "Loading safetensors checkpoint shards: 100% Completed | 5/5 [00:03"
    assert story(kept_of(bar, SIZED)).far == ""


def test_the_last_line_and_the_last_words_are_kept():
    kept = kept_of("one", "(EngineCore pid=7) two", "(EngineCore pid=7) ", "")
    assert [each.text for each in lines(kept)] == ["(EngineCore pid=7) two", ""]
    assert story(kept).words == "(EngineCore pid=7) two"
    last = story(kept).last
    assert last
    assert last.at == NOW + timedelta(seconds=3)


def test_lines_that_others_ask_for_are_kept_but_not_without_end():
    wanted = (re.compile("tuned"),)
    kept = ""
    for n in range(1000):
        new = stamped(f"tuned {n} {'x' * 400}", NOW + timedelta(seconds=n))
        kept = distil(kept, new, patterns=wanted)
    assert [each.text[:9].split()[1] for each in lines(kept)] == [
        "0", "1", "2", "3", "996", "997", "998", "999"]  # fmt: skip
    assert len(kept) < 4096


def test_times_of_another_zone_are_times():
    (line,) = lines("2026-11-25T20:00:00.5+08:00 hello")
    assert line.at == NOW
    assert (line.nanos, line.text) == (500_000_000, "hello")


@pytest.mark.parametrize(
    "text", ["", "\n\n", "no time here", "2026-99-99T00:00:00Z x", "\x00" * 99]
)
def test_what_is_no_log_tells_nothing(text: str):
    assert story(distil("", text)).marks == ()
