"""A hub on loopback, a volume, and the real `flagos-operator fetch` as its own process."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flagos_operator.fetch import pieces
from testbed.hub.faults import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from testbed.hub.server import Server

ROOT = Path(__file__).resolve().parents[2]
REPO = "acme/tiny"
WEIGHTS = "model.safetensors"
SIZE = 2_400_000
CHUNK = 300_000  # what a client may hold in memory when it dies or its line breaks
SOURCES = ("modelscope", "huggingface")


def make_repo(root: Path, *, repo: str = REPO, salt: str = "") -> Path:
    """Small files, a nested one, an empty one, and weights that no two salts share."""
    folder = root / repo
    (folder / "tokenizer").mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "tiny"}')
    (folder / "empty.txt").write_text("")
    (folder / "tokenizer" / "vocab.json").write_text('{"a": 1}')
    block = f"{repo}{salt}".encode()
    (folder / WEIGHTS).write_bytes((block * (SIZE // len(block) + 1))[:SIZE])
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".flagos.json"
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    code: int
    said: dict[str, Any]  # the termination log
    log: str

    @property
    def reason(self) -> str:
        return str(self.said.get("reason"))

    @property
    def message(self) -> str:
        return str(self.said.get("message"))


@dataclass(slots=True, kw_only=True)
class Lab:
    hub: Server
    repos: Path
    volume: Path
    source: str
    environ: dict[str, str] = field(default_factory=dict)
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def place(self) -> Path:
        return self.volume / REPO / "main"

    @property
    def flagos(self) -> Path:
        return self.volume / ".flagos"

    def arguments(self, *more: str, repo: str = REPO) -> list[str]:
        fixed = {
            "--source": self.source,
            "--repo": repo,
            "--destination": str(self.place),
            "--volume": str(self.volume),
            "--endpoint": self.hub.url,
            "--retry-wait": "0.02",
            "--attempts": "4",
            "--lock-stale": "6",
        }
        words = [word for pair in fixed.items() for word in pair]
        return [sys.executable, "-m", "flagos_operator", "fetch", *words, *more]

    def fetch(self, *more: str, repo: str = REPO, **environ: str) -> Result:
        return self.finish(self.start(*more, repo=repo, **environ))

    def start(
        self,
        *more: str,
        repo: str = REPO,
        before: Callable[[], None] | None = None,
        behind: Sequence[str] = (),
        **environ: str,
    ) -> subprocess.Popen[str]:
        """`before` runs in the new process; `behind`: the words of a program that runs it."""
        log = self.volume.parent / f"termination-{len(self.running)}"
        log.touch()
        process = subprocess.Popen(
            [*behind, *self.arguments(*more, repo=repo)],
            env=self._environment(log, environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=before,  # noqa: PLW1509 - the tests have no threads that matter to it
        )
        self.running.append(process)
        return process

    def finish(self, process: subprocess.Popen[str]) -> Result:
        output, _ = process.communicate(timeout=30)
        log = self.volume.parent / f"termination-{self.running.index(process)}"
        said = log.read_text()
        return Result(code=process.returncode, said=json.loads(said or "{}"), log=output)

    def _environment(self, log: Path, more: dict[str, str]) -> dict[str, str]:
        home = self.volume.parent / "home"
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "operator"),
            "HOME": str(home),
            "FLAGOS_TERMINATION_LOG": str(log),
            **self.environ,
            **more,
        }

    def require_token(self, token: str) -> None:
        self.hub.hub = replace(self.hub.hub, token=token)

    def break_with(self, *rules: Rule) -> None:
        self.hub.hub.faults.replace(rules)

    def stats(self) -> dict[str, Any]:
        return self.hub.hub.traffic.report()

    def sent(self, name: str = WEIGHTS) -> int:
        """Bytes of one file that have left the hub, over all requests."""
        return int(self.stats()["files"].get(f"{REPO}/{name}", {"bytes": 0})["bytes"])

    def asked(self, name: str = WEIGHTS) -> int:
        return int(self.stats()["files"].get(f"{REPO}/{name}", {"requests": 0})["requests"])

    def stall(self, *, at: int = SIZE // 2) -> Rule:
        rule = Rule(kind="stall", path=WEIGHTS, at=at, times=1)
        self.break_with(rule)
        return rule

    def waiting(self, room: str) -> dict[str, int]:
        """Sizes of the files in one room (parts, tree) of the staging, while they come and go."""
        found = {}
        for folder, _, names in os.walk(self.flagos / "partial"):
            for path in (Path(folder, name) for name in names if room in Path(folder).parts):
                with contextlib.suppress(FileNotFoundError):
                    found[str(path)] = path.stat().st_size
        return found

    def part_bytes(self) -> int:
        """How much of the weights is on the volume, as the next fetch reads it in the journal.

        All other files are tiny. A block is written before it is entered.
        """
        journals = (self.flagos / "partial").glob("*/parts/*/*/journal")
        return max((_arrived(each) for each in journals), default=0)


def _arrived(journal: Path) -> int:
    """0 while it is being made, and after it has gone."""
    with contextlib.suppress(FileNotFoundError):
        counts = pieces.unpack(journal.read_bytes())
        return counts.arrived if counts else 0
    return 0


def until(true: Callable[[], bool], *, seconds: float = 20) -> None:
    """Polls; fails loudly instead of hoping that a sleep was long enough."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
