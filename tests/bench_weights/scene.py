"""A repo of 2 GiB, a hub in a process of its own that serves it, and room for what arrives."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.fetch.lab import until

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
REPO = "acme/big"
FILES = 4
BLOCK = 64 << 20


@dataclass(frozen=True, kw_only=True)
class Scene:
    root: Path
    port: int
    size: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def volume(self) -> Path:
        return self.root / "volume"

    @property
    def place(self) -> Path:
        return self.volume / "weights"

    def clear(self) -> None:
        """Nothing of the run before is left to be written: it would be counted to the next."""
        for folder in (self.volume, self.root / "home"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        os.sync()

    def sent(self) -> int:
        with urllib.request.urlopen(f"{self.url}/_stats") as answer:
            files = json.load(answer)["files"].values()
        return sum(each["bytes"] for each in files)

    def forget(self) -> None:
        request = urllib.request.Request(f"{self.url}/_stats", method="DELETE")
        urllib.request.urlopen(request).close()


@contextlib.contextmanager
def scene(root: Path, *, size: int) -> Iterator[Scene]:
    root.mkdir(parents=True, exist_ok=True)
    total = make_repo(root / "hub" / REPO, size=size)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    words = ("-m", "testbed.hub", str(root / "hub"), "--port", str(port), "--quiet")
    hub = subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        found = Scene(root=root, port=port, size=total)
        until(lambda: _hashes_are_known(found.url), seconds=120)
        yield found
    finally:
        hub.terminate()
        hub.wait()
        shutil.rmtree(root)


def make_repo(folder: Path, *, size: int) -> int:
    """Large files of equal size, each another one, and two small ones."""
    folder.mkdir(parents=True)
    chance = random.Random(5)  # noqa: S311
    block = chance.randbytes(min(BLOCK, size // FILES))
    for number in range(FILES):
        with (folder / f"model-{number}.safetensors").open("wb") as file:
            turned = block[number:] + block[:number]
            for _ in range(size // FILES // len(block)):
                file.write(turned)
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    return sum(path.stat().st_size for path in folder.iterdir())


def _hashes_are_known(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/api/models/{REPO}/tree/main") as answer:
            return bool(json.load(answer))
    except OSError:
        return False
