"""Faults in random order until time is up, each followed by the check of all invariants."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tests.faults import faults
from tests.faults.world import Size, World


class BrokenError(Exception):
    """An invariant did not hold; the message is what one needs to see it again."""


@dataclass(slots=True, kw_only=True)
class Story:
    seed: int
    models: int
    chapters: list[str] = field(default_factory=list)
    checks: int = 0
    first: Size | None = None
    last: Size | None = None

    def tell(self, line: str) -> None:
        print(line, flush=True)

    def end(self, wrong: BaseException) -> str:
        """The last fault, what had gone before, and what does not hold."""
        *before, last = self.chapters[-4:]
        return (
            f"seed {self.seed}, fault {len(self.chapters)}, {last!r}, "
            f"after {', '.join(before) or 'nothing'}:\n{wrong or type(wrong).__name__}"
        )

    def table(self) -> str:
        rows = {
            "seed": self.seed,
            "models": self.models,
            "faults": len(self.chapters),
            "checks": self.checks,
            "operator at the start": self.first,
            "operator at the end": self.last,
        }
        return "\n".join(f"{name:24} {value}" for name, value in rows.items())


async def soak(world: World, story: Story, *, seconds: float) -> None:
    """All faults in turn, in another order each time, so that none is left out for long."""
    ends = time.monotonic() + seconds
    story.checks, story.first = 1, await world.check()
    while True:
        for trial in world.dice.sample(faults.TRIALS, len(faults.TRIALS)):
            if time.monotonic() >= ends:
                return
            await one(world, trial, story)


async def one(world: World, trial: faults.Trial, story: Story) -> None:
    story.chapters.append(trial.name)
    began = time.monotonic()
    try:
        await trial.happen(world)
        struck = time.monotonic() - began
        size = await world.check()
    except (AssertionError, TimeoutError) as wrong:
        raise BrokenError(story.end(wrong)) from wrong
    story.checks, story.last = story.checks + 1, size
    settled = time.monotonic() - began - struck
    story.tell(f"{trial.name:44} {struck:5.0f} s, well after {settled:3.0f} s; {story.last}")
