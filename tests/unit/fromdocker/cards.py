"""Published cards, what is given with each, and what comes of it."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from flagos_operator.__main__ import main

CARDS = Path(__file__).parents[2] / "data" / "cards"
EXPECTED = CARDS / "expected"
NAMES = sorted(path.name for path in CARDS.iterdir() if path.suffix in {".md", ".txt"})

# What the cards do not say, or leave to whoever types them.
GIVEN: dict[str, list[str]] = {
    "minicpm5-arm.md": ["--set", "HOME=/home/flagos"],
    "minicpm-o-2.6-cambricon.md": ["--devices", "1"],
    "qwen3-metax-2025.md": ["--devices", "1"],
    "qwen3-mthreads-2025.md": ["--devices", "1"],
    "qwen3-iluvatar-2025.md": ["--devices", "1", "--image", "registry.example/iluvatar:1"],
    "qwen3.5-zhenwu-no-container.md": ["--weights-size", "900Gi"],
    "glm5.3-mthreads.md": ["--devices", "8"],
    "deepseek-r1-kunlunxin.md": [
        *("--image", "registry.example/xmlir:1", "--repo", "deepseek-ai/DeepSeek-R1"),
        *("--weights-size", "1Ti"),
    ],
    "qwen3.8-hygon.md": [
        *("--set", "MODEL_PATH=/data/Qwen3.8-Flash-Next", "--set", "SERVED_MODEL_NAME=qwen38"),
        *("--set", "TP=8", "--set", "PP=1", "--set", "DP=1", "--set", "LOAD_FORMAT=auto"),
    ],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    code: int
    out: str
    err: str
    model: dict[str, Any] = field(default_factory=dict)

    @property
    def spec(self) -> dict[str, Any]:
        assert self.code == 0, self.err
        found: dict[str, Any] = self.model["spec"]
        return found

    @property
    def server(self) -> dict[str, Any]:
        found: dict[str, Any] = self.spec.get("server", {})
        return found


def converted(file: Path, *options: str) -> Outcome:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["from-docker", str(file), *options])
    text = out.getvalue()
    return Outcome(code=code, out=text, err=err.getvalue(), model=yaml.safe_load(text) or {})


def told(name: str) -> str:
    """All that a user sees: the model, or why there is none."""
    found = converted(CARDS / name, *GIVEN.get(name, []))
    return found.out if found.code == 0 else f"# exit code {found.code}\n{found.err}"
