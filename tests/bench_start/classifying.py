"""How long it takes to tell the cause of a failure from a log."""

from __future__ import annotations

import statistics
import time

from flagos_operator.status.explain import explain
from tests.bench.report import Report, percentile
from tests.bench_start import scripts
from tests.bench_start.crashes import EXIT_CODE

ROUNDS = 5  # of each log; the middle one counts


def classify(report: Report) -> None:
    start = next(iter(scripts.starts().values()))
    before = "\n".join(said for _, said in scripts.moments(start))
    logs = [scripts.of_200_lines(each, before=before) for each in scripts.failures().values()]
    report.add("classify_log_ms", percentile(map(_milliseconds, logs), 0.99))


def _milliseconds(log: str) -> float:
    """A log differs in each round, so that nothing is remembered."""
    found = []
    for number in range(ROUNDS):
        told = f"{number}\n{log}"
        began = time.perf_counter()
        explain(told, exit_code=EXIT_CODE)
        found.append((time.perf_counter() - began) * 1000)
    return statistics.median(found)
