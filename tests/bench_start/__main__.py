"""python -m tests.bench_start: how soon a start and its failure are told, and what that reads."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.bench.cluster import connected, defined
from tests.bench.process import running
from tests.bench.report import Report, exit_code
from tests.bench_start.classifying import classify
from tests.bench_start.crashes import crash
from tests.bench_start.phases import follow
from tests.bench_start.stage import stage

BUILD = Path("build")
LOG = BUILD / "bench-start-operator.log"

# name: unit, and the most that is allowed
TARGETS: dict[str, tuple[str, float | None]] = {
    "crash_to_reason_p50_s": ("s", None),
    "crash_to_reason_p99_s": ("s", 5),
    "reason_kept_percent": ("%", None),
    "phase_lag_p50_s": ("s", None),
    "phase_lag_p99_s": ("s", 5),
    "phase_lag_noisy_s": ("s", None),
    "phases_passed_over": ("steps", None),
    "log_bytes_usual_start_kib": ("KiB", None),
    "log_bytes_per_start_kib": ("KiB", 256),
    "classify_log_ms": ("ms", 20),
}


async def measure(report: Report, asked: argparse.Namespace) -> None:
    LOG.unlink(missing_ok=True)
    classify(report)
    async with (
        connected() as cluster,
        defined(cluster),
        running(LOG) as operator,
        stage(cluster, "bench-start") as found,
    ):
        await crash(found, count=asked.crashes, report=report)
        await follow(found, operator, count=asked.starts, report=report)


def arguments_of(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench_start", description=__doc__)
    parser.add_argument("--starts", type=int, default=20, help="replayed starts (%(default)s)")
    parser.add_argument("--crashes", type=int, default=20, help="replayed crashes (%(default)s)")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    arguments = arguments_of(words)
    report = Report(BUILD / "bench-start.json", targets=TARGETS)
    return exit_code(measure(report, arguments), report)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
