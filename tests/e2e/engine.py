"""Signals for the engine process of a real vLLM, from within its container."""

from __future__ import annotations

from tests.e2e.model import Model
from tests.kube import Body, CommandFailedError

# The engine has a process of its own only then.
APART: Body = {"env": [{"name": "VLLM_ENABLE_V1_MULTIPROCESSING", "value": "1"}]}
SIGNAL = """\
import os, signal, sys
for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
    line = open(f"/proc/{pid}/cmdline", "rb").read() if pid != os.getpid() else b""
    if b"EngineCore" in line:
        os.kill(pid, getattr(signal, sys.argv[1]))
        print("sent")
"""


def signal_engine(model: Model, name: str) -> bool:
    """Whether there was an engine to get it, e.g. SIGKILL, as an out-of-memory killer would."""
    try:
        (pod,) = model.pods()
        python = ("python3", "-c", SIGNAL, name)
        words = ("exec", pod["metadata"]["name"], "-c", "server", "--", *python)
        return "sent" in model.kube.kubectl(*words)
    except (CommandFailedError, ValueError):
        return False  # it does not run yet
