"""python -m tests.faults: the soak, faults without an end under a storm of edits."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults import crowd
from tests.faults.control_plane import BorrowedClusterError
from tests.faults.soak import BrokenError, Story, soak
from tests.faults.world import a_world

LOG = Path("build") / "soak-operator.log"


def arguments_of(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seconds", type=float, default=900, help="how long (%(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="of a run that shall come again")
    parser.add_argument(
        "--models", type=int, default=crowd.SIZE, help="how many are alive (%(default)s)"
    )
    return parser.parse_args(words)


async def run(asked: argparse.Namespace, story: Story) -> None:
    with TemporaryDirectory(prefix="soak-") as folder:
        async with a_world(
            folder=Path(folder), seed=story.seed, size=asked.models, log=LOG
        ) as world:
            await soak(world, story, seconds=asked.seconds)


def main(words: list[str]) -> int:
    asked = arguments_of(words)
    seed = random.SystemRandom().randrange(10**6) if asked.seed is None else asked.seed
    story = Story(seed=seed, models=asked.models)
    LOG.parent.mkdir(exist_ok=True)
    LOG.unlink(missing_ok=True)
    try:
        asyncio.run(run(asked, story))
    except (BorrowedClusterError, BrokenError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    finally:
        print(story.table())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
