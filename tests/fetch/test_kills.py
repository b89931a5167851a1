"""Killed at random bytes and started again until done: right bytes, and none of them twice."""

from __future__ import annotations

import os
import random
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from flagos_operator.fetch import pieces
from testbed.hub.faults import Rule
from tests.fetch import wire
from tests.fetch.lab import REPO, contents, until

if TYPE_CHECKING:
    import subprocess

    from tests.fetch.lab import Lab

SIZES = {"a.safetensors": 5_000_000, "b.safetensors": 2_700_001, "c.safetensors": 300_000}
PIECE = 192 << 10
STREAMS = 4
BLOCK = 1 << 20  # what a stream may hold in memory when it dies
KILLS = 8
RANGE = re.compile(r"bytes=(\d+)-(\d+)")
Span = tuple[str, int, int]


@dataclass(kw_only=True)
class Story:
    """What the hub has sent, less what no fetcher ever saw, against what is on the disk."""

    lab: Lab
    lost: int = 0  # in the kernel's buffers when its reader died
    spans: list[Span] = field(default_factory=list)  # on the disk after the last kill
    seen: int = 0  # requests until then

    def sent(self) -> int:
        return sum(each["sent"] for each in self.lab.stats()["requests"])

    def kill(self, process: subprocess.Popen[str]) -> None:
        port = int(self.lab.hub.server_address[1])
        self.lost += wire.kill(process, port=port, sent=self.sent)
        self.check()

    def check(self) -> None:
        """What the journals claim is there, byte for byte, and was not asked for again."""
        for name, start, stop in ranges_asked(self.lab)[self.seen :]:
            for known, first, end in self.spans:
                overlap = min(stop, end) - max(start, first)
                assert known != name or overlap <= 0, f"{name} [{start}, {stop}) came again"
        self.seen = len(ranges_asked(self.lab))
        self.spans = claimed(self.lab)
        arrived = sum(stop - start for _, start, stop in self.spans)
        assert self.sent() - self.lost - arrived <= self.blocks, "more than a block a stream"

    @property
    def blocks(self) -> int:
        kills = sum(process.returncode is not None for process in self.lab.running)
        return kills * STREAMS * BLOCK


def ranges_asked(lab: Lab) -> list[Span]:
    found = []
    for each in lab.stats()["requests"]:
        name = each["file"].removeprefix(f"{REPO}/")
        if name in SIZES:
            match = RANGE.fullmatch(each["wanted"])
            start, last = (int(match[1]), int(match[2])) if match else (0, SIZES[name] - 1)
            found.append((name, start, last + 1))
    return found


def claimed(lab: Lab) -> list[Span]:
    """The bytes that lie on the volume, after a look at each of them."""
    spans = []
    for journal in (lab.flagos / "partial").glob("*/parts/*/*/journal"):
        counts = pieces.unpack(journal.read_bytes())
        name = next((name for name in SIZES if counts and SIZES[name] == counts.size), None)
        part = pieces.data_in(journal.parent)
        if counts is None or name is None or not part.exists():  # moved on to the tree
            continue
        source, data = (lab.repos / REPO / name).read_bytes(), part.read_bytes()
        for start, length in counts.extents:
            assert data[start : start + length] == source[start : start + length], "untrue"
            spans.append((name, start, start + length))
    for tree in (lab.flagos / "partial").glob("*/tree"):
        for name, size in SIZES.items():
            if (tree / name).exists():
                assert (tree / name).read_bytes() == (lab.repos / REPO / name).read_bytes()
                spans.append((name, 0, size))
    return spans


def seeds() -> list[int]:
    """FLAGOS_SEED adds one of your own."""
    mine = os.environ.get("FLAGOS_SEED")
    return [3, 4, *([int(mine)] if mine else [])]


@pytest.mark.parametrize("seed", seeds())
def test_killed_at_random_bytes_until_done(lab: Lab, seed: int):
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)  # noqa: S311
    for name, size in SIZES.items():
        (lab.repos / REPO / name).write_bytes(chance.randbytes(size))
    (lab.repos / REPO / "model.safetensors").unlink()
    story = Story(lab=lab)
    lab.break_with(Rule(kind="slow", path="*.safetensors", bytes_per_second=4_000_000))
    words = ("--alone", "0", "--piece", str(PIECE), "--workers", str(STREAMS))
    total = sum(SIZES.values())
    for _ in range(KILLS):
        goal = story.sent() + chance.randrange(1, total // KILLS)
        process = lab.start(*words)
        until(lambda: story.sent() >= goal)  # noqa: B023
        story.kill(process)
    lab.break_with()
    assert lab.fetch(*words).code == 0
    assert contents(lab.place) == contents(lab.repos / REPO)
    small = sum(map(len, contents(lab.place).values())) - total
    assert story.sent() - story.lost <= total + small + story.blocks
