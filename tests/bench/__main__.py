"""python -m tests.bench: measure the operator against the API server that KUBECONFIG names."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from tests.bench import bursts, choosing, latency, rest
from tests.bench.cluster import Body, Cluster, connected, defined
from tests.bench.process import running
from tests.bench.report import Report, exit_code

BUILD = Path("build")
LOG = BUILD / "bench-operator.log"
QUICK_REST = 20.0


def arguments_of(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rest", type=float, default=180, help="seconds of rest (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="rest for 20 s only")
    parser.add_argument("--alone", action="store_true", help="leave out the pods of others")
    parser.add_argument(
        "--large", action="store_true", help="also 5,000 models, and 5,000 nodes with 50,000 pods"
    )
    return parser.parse_args(words)


async def measure(report: Report, asked: argparse.Namespace) -> None:
    LOG.unlink(missing_ok=True)
    choosing.select(report)
    async with connected() as cluster, defined(cluster):
        status = await alone(cluster, report, size=100)
        await bursts.floor(cluster, status, size=1000, report=report)
        await thousand(cluster, report, asked)
        await latency.create_floor(cluster, status, count=200, report=report)
        async with running(LOG):
            await latency.create_to_child(cluster, count=200, report=report)
        if asked.large:
            await alone(cluster, report, size=5000)
            await choosing.look(cluster, LOG, report)


async def thousand(cluster: Cluster, report: Report, asked: argparse.Namespace) -> None:
    seconds = QUICK_REST if asked.quick else asked.rest
    async with contextlib.AsyncExitStack() as life:
        async with running(LOG) as operator:
            burst = bursts.crowd(cluster, operator, size=1000, report=report)
            crowd = await life.enter_async_context(burst)
            bursts.compare(report)
            await rest.rest(crowd, operator, seconds=seconds, report=report)
        async with rest.restarted(crowd, running(LOG), report=report) as operator:
            await latency.edit_to_status(crowd, count=200, report=report)
            await latency.event_to_status(crowd, count=200, report=report)
            if not asked.alone:
                await rest.beside_foreign_pods(cluster, operator, report=report)
        await rest.takeover(cluster, LOG, report=report)


async def alone(cluster: Cluster, report: Report, *, size: int) -> Body:
    """For growth: each size meets an operator that has seen no other."""
    async with (
        running(LOG) as operator,
        bursts.crowd(cluster, operator, size=size, report=report) as crowd,
    ):
        return crowd.status


def main(words: list[str]) -> int:
    arguments = arguments_of(words)
    report = Report(BUILD / "bench.json")
    return exit_code(measure(report, arguments), report)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
