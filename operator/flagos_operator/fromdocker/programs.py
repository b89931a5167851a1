"""Which program a line starts, and whether it is a server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flagos_operator.fromdocker.shell import Arg

PYTHON = re.compile(r"python(?:3(?:\.\d+)?)?$")
VLLM_MODULES = re.compile(r"vllm\.entrypoints\.(?:openai\.)?api_server$")
SGLANG_MODULES = {"sglang.launch_server", "sglang_router.launch_server"}
SHELLS = {"bash", "sh", "zsh", "ash", "dash"}
SCRIPT = re.compile(r"(?:^|/)[\w.+-]+\.sh$|(?:^|/)serve[-_][\w.-]+$|(?:^|/)start[-_][\w.-]+$")


def base(arg: Arg) -> str:
    return arg.text.rpartition("/")[2]


def engine(argv: Sequence[Arg]) -> str:
    """VLLM, SGLang or FlagScale; empty for what is no server, or not known as one."""
    if not argv[1:]:
        return ""
    name, second = base(argv[0]), argv[1].text
    if name in {"vllm", "sglang", "flagscale"} and second == "serve":
        if any(arg.text == "--stop" for arg in argv):
            return ""
        return {"vllm": "VLLM", "sglang": "SGLang", "flagscale": "FlagScale"}[name]
    module = module_of(argv)
    if VLLM_MODULES.match(module):
        return "VLLM"
    return "SGLang" if module in SGLANG_MODULES else ""


def module_of(argv: Sequence[Arg]) -> str:
    """Of `python -u -m module`; python's own flags before -m take no value but -W and -X."""
    if not PYTHON.match(base(argv[0])):
        return ""
    words = [arg.text for arg in argv[1:]]
    return words[words.index("-m") + 1] if "-m" in words[:-1] else ""


def program_length(argv: Sequence[Arg]) -> int:
    """How many words name the server; its own flags follow."""
    if not PYTHON.match(base(argv[0])):
        return 2
    return [arg.text for arg in argv].index("-m") + 2


def is_script(argv: Sequence[Arg]) -> bool:
    """A script that may start a server: only looked at where nothing else does."""
    words = [arg.text for arg in argv if not arg.text.startswith("-")]
    if not words:
        return False
    if base(argv[0]) in SHELLS:
        given = any(re.match("-[a-z]*c", arg.text) for arg in argv[1:])
        return not given and len(words) > 1 and SCRIPT.search(words[1]) is not None
    return SCRIPT.search(words[0]) is not None


def is_program(argv: Sequence[Arg]) -> bool:
    """A script of Python's: it computes something, and answers nobody."""
    return PYTHON.match(base(argv[0])) is not None and any(
        arg.text.endswith(".py") for arg in argv[1:3]
    )
