"""Which stack a server runs: read from its log by a running operator, and remembered."""

from __future__ import annotations

import copy

from tests.loop.running import (
    a_model,
    a_pod,
    condition,
    eventually,
    quiet,
    reason,
    status,
    template,
)

QUICK = 0.4  # seconds between two looks, where the real pace would only take longer
HEAD = "(APIServer pid=1) INFO 01-01 00:00:01 [api_utils.py:273] non-default args: {'port': 8000}"
PLUGIN = "INFO 01-01 00:00:02 [__init__.py:237] Platform plugin fl is activated"
FAILED = "ERROR 01-01 00:00:02 [__init__.py:64] Failed to load plugin fl"
ERROR = "ERROR 01-01 00:00:02 [__init__.py:64] ModuleNotFoundError: No module named 'flag_gems'"
OPERATOR = "[INFO] [vllm_fl.dispatch.manager] Op 'mm' using 'default.flagos' (kind=flagos)"
STARTED = "(APIServer pid=1) INFO:     Application startup complete."


def kernel(seconds):
    return f"Triton autotuning for function mm_kernel finished after {seconds}s; best config: x"


def says(kube, pod, *lines):
    """As the kubelet dates them, one a second."""
    known = kube.logs.get((pod, "server"), "")
    number = known.count("\n")
    new = (
        f"2026-01-01T00:{(number + n) // 60:02}:{(number + n) % 60:02}.000000001Z {line}\n"
        for n, line in enumerate(lines)
    )
    kube.logs[pod, "server"] = known + "".join(new)


async def serves(kube, *lines, name="m", pod="m-1", **spec):
    """A model whose pod has come to serve; its log is read only afterwards."""
    kube.create(a_model(name, **{"flagos": {"mode": "FlagOS"}, **spec}))
    await eventually(lambda: kube.find("Deployment", name))
    says(kube, pod, *lines)
    kube.put(a_pod(pod, model=name, template=template(kube, name)))


def active(kube, name="m"):
    told = condition(kube, "FlagOSActive", name)
    return told.get("status"), told.get("reason")


async def test_proof_is_told_while_the_server_starts_and_kept_when_the_log_is_gone(kube, operator):
    async with operator() as app:
        app.listener.pace = QUICK
        kube.create(a_model(flagos={"mode": "FlagOS"}))
        await eventually(lambda: kube.find("Deployment", "m"))
        says(kube, "m-1", PLUGIN, HEAD)
        pod = a_pod("m-1", template=template(kube), ready=False)
        kube.put(pod)
        await eventually(lambda: active(kube) == ("True", "PluginLoaded"))
        assert status(kube)["stack"] == "Unknown"
        says(kube, "m-1", OPERATOR)
        await eventually(lambda: status(kube).get("stack") == "FlagOS")
        says(kube, "m-1", STARTED)
        kube.put(a_pod("m-1", template=template(kube)))
        await eventually(lambda: reason(kube) == "Serving")
        assert status(kube)["flagos"]["operators"] == ["mm"]
    kube.logs.clear()
    async with operator():
        await quiet(kube)
        assert status(kube)["stack"] == "FlagOS"
        assert active(kube) == ("True", "PluginLoaded")


async def test_a_native_server_is_told_by_its_error(kube, operator):
    async with operator():
        await serves(kube, FAILED, ERROR, HEAD, STARTED)
        await eventually(lambda: active(kube) == ("False", "PluginNotLoaded"))
        told = condition(kube, "FlagOSActive")["message"]
        assert "No module named 'flag_gems' (the image lacks FlagGems" in told
        assert status(kube)["stack"] == "Native"
        assert reason(kube) == "Serving"


async def test_strict_refuses_ready_and_rolls_nothing(kube, operator):
    async with operator():
        await serves(kube, HEAD, STARTED)
        await eventually(lambda: active(kube) == ("False", "PluginNotLoaded"))
        before = copy.deepcopy(kube.find("Deployment", "m")["spec"])
        model = copy.deepcopy(kube.find("FlagOSModel", "m"))
        model["spec"]["flagos"]["strict"] = True
        kube.put(model)
        await eventually(lambda: reason(kube) == "PluginNotLoaded")
        assert kube.find("Deployment", "m")["spec"] == before
        assert condition(kube, "Available")["status"] == "True"


async def test_a_server_that_nobody_followed_is_read_once(kube, operator):
    """An operator of an older version has left no word of its stack."""
    async with operator():
        await serves(kube, PLUGIN, HEAD, OPERATOR, STARTED)
        await eventually(lambda: status(kube).get("stack") == "FlagOS")
        await quiet(kube)
        assert len(kube.asked("GET", "/log")) <= 2


async def test_a_log_without_words_is_not_asked_again_and_again(kube, operator):
    async with operator() as app:
        app.listener.pace = QUICK
        await serves(kube, "all is quiet")
        await eventually(lambda: active(kube) == ("Unknown", "NotChecked"))
        await quiet(kube)
        before = len(kube.asked("GET", "/log"))
        await quiet(kube)
        assert len(kube.asked("GET", "/log")) == before


async def test_tuning_is_a_timing_and_goes_on_after_ready(kube, operator):
    async with operator() as app:
        app.listener.pace = QUICK
        await serves(kube, PLUGIN, HEAD, *[kernel(1)] * 30, STARTED)
        await eventually(lambda: "Tuning" in status(kube).get("startup", {}).get("timings", {}))
        assert status(kube)["startup"]["timings"]["Tuning"] == 30
        assert reason(kube) == "Serving"
