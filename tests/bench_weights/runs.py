"""Downloads as processes: ours and those of the hubs' own clients."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench_weights.scene import BIN, REPO, ROOT, Scene

MIB = 1 << 20
SOURCES = ("modelscope", "huggingface")


@dataclass(frozen=True, kw_only=True)
class Run:
    seconds: float
    first_progress: float  # until the first line with bytes
    rss_mib: float
    cpu: float
    on_disk: float  # from the start until all that was written lies on the disk


def ours(scene: Scene, source: str) -> subprocess.Popen[str]:
    words = ("-m", "flagos_operator", "fetch", "--source", source, "--repo", REPO)
    where = ("--endpoint", scene.url, "--destination", str(scene.place))
    environ = {"PYTHONPATH": str(ROOT / "operator"), "FLAGOS_TERMINATION_LOG": os.devnull}
    return _start(
        scene, [sys.executable, *words, *where, "--volume", str(scene.volume)], **environ
    )


def modelscope(scene: Scene) -> subprocess.Popen[str]:
    words = [str(BIN / "modelscope"), "download", REPO, "--local-dir", str(scene.place)]
    return _start(scene, words, MODELSCOPE_ENDPOINT=scene.url)


def hf(scene: Scene) -> subprocess.Popen[str]:
    words = [str(BIN / "hf"), "download", REPO, "--local-dir", str(scene.place)]
    return _start(scene, words, HF_ENDPOINT=scene.url, HF_HUB_DISABLE_TELEMETRY="1")


def watch(process: subprocess.Popen[str], *, began: float) -> Run:
    """Until its end; `hf` and `modelscope` draw bars, of which nothing is read."""
    peak = [0.0]
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.02):
            peak[0] = max(peak[0], _peak_mib(process.pid))

    looker = threading.Thread(target=look)
    looker.start()
    first, said = 0.0, []
    assert process.stdout
    for line in process.stdout:
        said.append(line)
        if line.startswith("downloading:") and not first:
            first = time.monotonic() - began
    before = os.times()
    code = process.wait()
    after = os.times()
    seconds = time.monotonic() - began
    os.sync()
    on_disk = time.monotonic() - began
    ended.set()
    looker.join()
    if code:
        raise SystemExit(f"{process.args!r} ended with {code}:\n{''.join(said[-20:])}")
    cpu = sum(after[2:4]) - sum(before[2:4])  # of children, counted when they are waited for
    return Run(seconds=seconds, first_progress=first, rss_mib=peak[0], cpu=cpu, on_disk=on_disk)


def _start(scene: Scene, words: list[str], **environ: str) -> subprocess.Popen[str]:
    home = scene.root / "home"
    fixed = {"PATH": os.environ["PATH"], "HOME": str(home), "MODELSCOPE_CACHE": str(home)}
    return subprocess.Popen(
        words,
        env=fixed | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _peak_mib(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    kib = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
    return kib * 1024 / MIB
