"""python -m tests.bench_start: how soon a start and its failure are told, and what that reads."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import cycle, islice
from pathlib import Path

from flagos_operator.status import explain
from flagos_operator.status.timeline import OF_THE_LOG
from tests.bench.cluster import Body, Cluster, Sightings, connected, defined, quiet
from tests.bench.process import Operator, running
from tests.bench.report import Report, percentile, say
from tests.bench.waiting import until_terminated
from tests.bench_start import scripts
from tests.bench_start.models import a_model
from tests.bench_start.stage import (
    PATIENCE,
    Stage,
    begun_in,
    first_end,
    has_reached,
    is_ready,
    model_of,
    ready,
    stage,
)

BUILD = Path("build")
LOG = BUILD / "bench-start-operator.log"
TERMINATED = 143  # as a shell says it
KIB = 1024
NOISE = 200  # lines a second, of the one start that is noisy
EXIT_CODE = 1
ROUNDS = 5  # of each log that is classified; the middle one counts

# name: unit, and the most that is allowed
TARGETS: dict[str, tuple[str, float | None]] = {
    "crash_to_reason_p50_s": ("s", None),
    "crash_to_reason_p99_s": ("s", 5),
    "phase_lag_p50_s": ("s", None),
    "phase_lag_p99_s": ("s", 5),
    "log_bytes_usual_start_kib": ("KiB", None),
    "log_bytes_per_start_kib": ("KiB", 256),
    "classify_log_ms": ("ms", 20),
}


def classify(report: Report) -> None:
    before = "\n".join(said for _, said in scripts.moments(next(iter(scripts.starts().values()))))
    logs = [scripts.of_200_lines(text, before=before) for text in scripts.failures().values()]
    report.add("classify_log_ms", percentile(map(_milliseconds, logs), 0.99))


def _milliseconds(log: str) -> float:
    """A log differs in each round, so that nothing is remembered."""
    found = []
    for number in range(ROUNDS):
        told = f"{number}\n{log}"
        began = time.perf_counter()
        explain.explain(told, exit_code=EXIT_CODE)
        found.append((time.perf_counter() - began) * 1000)
    return statistics.median(found)


async def follow(stage: Stage, operator: Operator, *, count: int, report: Report) -> None:
    """A noisy start by itself, then usual ones: the bytes are of all that is read meanwhile."""
    lags: list[float] = []
    noise = ("--noise", str(NOISE))
    before = await operator.read()
    lags += await _starts(stage, [_start(stage, "noisy", script=_names(1)[0], words=noise)])
    after_noise = await operator.read()
    usual = [
        _start(stage, f"start-{number}", script=name)
        for number, name in enumerate(_names(count - 1))
    ]
    lags += await _starts(stage, usual)
    noisy = (after_noise.log_bytes - before.log_bytes) / KIB
    mean = ((await operator.read()).log_bytes - after_noise.log_bytes) / KIB / len(usual)
    report.add("phase_lag_p50_s", percentile(lags, 0.50))
    report.add("phase_lag_p99_s", percentile(lags, 0.99))
    report.add("log_bytes_usual_start_kib", mean)
    report.add("log_bytes_per_start_kib", max(mean, noisy))


def _names(count: int) -> list[str]:
    return list(islice(cycle(scripts.starts()), count))


def _start(stage: Stage, name: str, *, script: str, words: tuple[str, ...] = ()) -> Body:
    return a_model(name, namespace=stage.namespace, script=script, words=words)


async def _starts(stage: Stage, models: Iterable[Body]) -> list[float]:
    """Seconds from each line that begins a step until a watch tells of the step."""
    lags: list[float] = []
    with stage.models.sightings(is_ready) as up, _steps(stage) as told:

        async def until_told(name: str) -> None:
            await up.of([name], within=PATIENCE)
            for step, written in begun_in(await stage.log(name)).items():
                lags.append(stage.at(told[step].times[name]) - written)
                say(f"    {name}: {step} after {lags[-1]:.2f} s")

        await stage.play_all(models, until_told)
        await quiet(stage.models)  # what is read of a log after the start counts too
    return lags


@contextlib.contextmanager
def _steps(stage: Stage) -> Iterator[Mapping[str, Sightings]]:
    with contextlib.ExitStack() as life:
        yield {
            step: life.enter_context(stage.models.sightings(partial(has_reached, step=step)))
            for step in OF_THE_LOG
        }


async def crash(stage: Stage, *, count: int, report: Report) -> None:
    """The first crash of each: from its end until Ready has the reason of that log."""
    logs = list(islice(cycle(scripts.failures().items()), count))
    wanted = {
        f"crash-{number}": explain.explain(text, exit_code=EXIT_CODE).reason
        for number, (_, text) in enumerate(logs)
    }
    models = [
        _start(stage, f"crash-{number}", script=name, words=("--exit-code", str(EXIT_CODE)))
        for number, (name, _) in enumerate(logs)
    ]

    def is_told(model: Body) -> bool:
        said, name = ready(model), model["metadata"]["name"]
        return bool(said.get("message")) and said["reason"] == wanted.get(name)

    def has_ended(pod: Body) -> bool:
        return first_end(pod) is not None

    with stage.models.sightings(is_told) as told, stage.pods.sightings(has_ended) as ended:

        async def until_told(name: str) -> None:
            await told.of([name], within=PATIENCE)
            say(f"    {name}: {wanted[name]}")

        await stage.play_all(models, until_told)
    ends = {model_of(pod): first_end(pod) or 0.0 for pod in ended.bodies.values()}
    waits = [stage.at(told.times[name]) - ends[name] for name in wanted]
    report.add("crash_to_reason_p50_s", percentile(waits, 0.50))
    report.add("crash_to_reason_p99_s", percentile(waits, 0.99))


async def measure(report: Report, asked: argparse.Namespace) -> None:
    LOG.unlink(missing_ok=True)
    classify(report)
    async with connected() as cluster, defined(cluster), running(LOG) as operator:
        await _measure(cluster, operator, report=report, asked=asked)


async def _measure(
    cluster: Cluster, operator: Operator, *, report: Report, asked: argparse.Namespace
) -> None:
    async with stage(cluster, "bench-start") as found:
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
    try:
        asyncio.run(until_terminated(measure(report, arguments)))
    except asyncio.CancelledError:
        return TERMINATED
    finally:
        say(report.table())
    return 0 if report.is_met() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
