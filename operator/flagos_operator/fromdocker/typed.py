"""Words that commands begin with: which lines of a card are commands, and which are prose."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flagos_operator.fromdocker import docker, programs
from flagos_operator.fromdocker.downloads import PROGRAMS as HUBS
from flagos_operator.fromdocker.text import WORTH

if TYPE_CHECKING:
    from collections.abc import Mapping

KEYWORDS = {"then", "do", "else", "{", "(", "!", "if", "while", "time"}
# Programs that start another one, and which of their flags take a value.
WRAPPERS: Mapping[str, frozenset[str]] = {
    "sudo": frozenset({"-u", "-g", "-C", "-h", "-p"}),
    "exec": frozenset({"-a"}),
    "nohup": frozenset(),
    "env": frozenset({"-u", "-C"}),
    "command": frozenset(),
    "setsid": frozenset(),
    "stdbuf": frozenset({"-i", "-o", "-e"}),
    "nice": frozenset({"-n"}),
    "ionice": frozenset({"-c", "-n"}),
    "numactl": frozenset({"-C", "-N", "-m", "-l"}),
    "taskset": frozenset(),
    "timeout": frozenset({"-k", "-s"}),
}
PLACING = {"numactl", "taskset", "nice", "ionice"}
DETACHING = {"nohup", "setsid"}
WITH_OPERAND = {"taskset", "timeout"}
ASSIGNED = re.compile(r"([A-Za-z_]\w*)(\+?=)")
NOISE = {"curl", "wget", "ls", "pwd", "cat", "echo", "printf", "tail", "head", "sleep", "clear"}
NOISE |= {"set", "true", "false", "test", "[", "[[", "done", "fi", "exit", "grep", "tee", "shopt"}
NOISE |= {"python", "python3", "uname", "lscpu", "nvidia-smi", "npu-smi", "mx-smi", "hy-smi"}
STEPS = {"pip", "pip3", "apt", "apt-get", "yum", "ln", "cp", "mv", "sed", "git", "sysctl", "tar"}
STEPS |= {"chmod", "uv", "mkdir", "patch", "modprobe"}
MEANT = {
    *docker.PROGRAMS,
    *HUBS,
    *WRAPPERS,
    *programs.SHELLS,
    *{"export", "declare", "readonly", "unset", "source", ".", "cd", "ulimit", "conda"},
    *{"vllm", "sglang", "flagscale", "ray", "git"},
}
OTHERS = {*KEYWORDS, *NOISE, *STEPS, "mount", "rm", "service", "for"}
FIRST = re.compile(r"\s*(?:[A-Za-z_]\w*=(?:\"[^\"]*\"|'[^']*'|[^\s\"'])*\s+)*([^\s;&|]+)")
SET = re.compile(r"\s*[A-Z_][A-Z0-9_]*\+?=")
PATH = re.compile(r"\.{0,2}/[\w./+-]+$")
FLAG_LINE = re.compile(r"\s*--?[A-Za-z][\w-]*(?:[=\s]|$)")
HOSTS = re.compile(r"(?m)^[ \t]*(?:vim?|nano|(?:cat|tee|echo)\b.*>?)\s+\S*hostfile\S*")
CALLED = re.compile(r"(?:localhost|127\.0\.0\.1|0\.0\.0\.0|<[^>]*ip[^>]*>):(\d{2,5})\b")


def worth(line: str) -> bool:
    """Whether a line can be a command; all else is prose."""
    if FLAG_LINE.match(line) or SET.match(line):
        return True
    found = FIRST.match(line)
    if found is None:
        return False
    word = found.group(1)
    name = word.rpartition("/")[2]
    known = MEANT | OTHERS
    return word in known or bool(PATH.match(word)) or (("/" in word) and name in known)


def matters(line: str) -> bool:
    found = FIRST.match(line)
    return bool(WORTH.search(line)) or (found is not None and found.group(1) in MEANT)
