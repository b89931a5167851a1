"""What real vLLMs say to arguments. A command line needs no GPU, so old versions run here too.

Older vLLMs cannot serve with the torch that is here, but build their parser with it. Each is laid
over the site-packages of the one that serves, and takes 20 to 130 MB.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testbed.images import interpreter, wheels
from testbed.images.store import Store
from testbed.shell import run
from testbed.vllm import packages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from testbed.images.store import Input

HERE = Path(__file__).parent
CHECK = HERE / "argument_check.py"
OLDER = {"0.13.0": HERE / "parser-0.13.0.txt", "0.24.0": HERE / "parser-0.24.0.txt"}
VERSIONS = (*OLDER, packages.VERSION)
# Kernels are most of an old version, and would not load anyway.
UNUSED = ("bin", "vllm/_C*.so")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`message` says why not; `values` is what the arguments came to mean, by vLLM's names."""

    accepted: bool
    message: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


def parse_check(version: str, argvs: Sequence[Sequence[str]]) -> list[Verdict]:
    """A verdict for each list of what follows `vllm serve`.

    Ask for many at once: starting a vLLM takes 6 s, a list then no time. The last answers for a
    version are kept, and the same question costs nothing.
    """
    store = Store.of_this_machine()
    path = search_path(store, version=version)
    asked = "".join(json.dumps(list(argv)) + "\n" for argv in argvs)

    def make(directory: Path) -> None:
        (directory / "answers").write_text(ask(asked, path=path))

    inputs: list[Input] = [CHECK, asked, *(site.name for site in path)]
    kept = store.directory(f"vllm-{version}-answers", inputs=inputs, make=make, usually="10 s")
    return [Verdict(**json.loads(line)) for line in (kept / "answers").read_text().splitlines()]


def search_path(store: Store, *, version: str) -> list[Path]:
    newest = packages.build(store)
    return [newest] if version == packages.VERSION else [overlay(store, version=version), newest]


def overlay(store: Store, *, version: str) -> Path:
    def make(site: Path) -> None:
        wheels.install(OLDER[version], into=site, unused=UNUSED)
        packages.name_vllm(site, version=version)
        wheels.finish(site)

    inputs: list[Input] = [OLDER[version], *UNUSED, *wheels.recipe()]
    return store.directory(f"vllm-{version}-parser", inputs=inputs, make=make, usually="20 s")


def ask(lines: str, *, path: Sequence[Path]) -> str:
    """VLLM logs to its standard output, so the answers go to a file."""
    env = {
        "PATH": os.environ["PATH"],
        "HF_HUB_OFFLINE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": ":".join(str(site) for site in path),
        "VLLM_NO_USAGE_STATS": "1",
    }
    with Store.of_this_machine().scratch() as scratch:
        env["HOME"] = str(scratch)
        answers = scratch / "answers"
        run(interpreter.find(), CHECK, answers, env=env, given=lines)
        return answers.read_text()
