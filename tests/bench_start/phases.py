"""Starts: how late each step is told after its line, and what is read of logs for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import cycle, islice

from flagos_operator.status.timeline import OF_THE_LOG
from tests.bench.cluster import Body, Sightings, quiet
from tests.bench.process import Operator
from tests.bench.report import Report, percentile, say
from tests.bench_start import scripts
from tests.bench_start.models import a_model
from tests.bench_start.stage import PATIENCE, Stage, begun_in, has_reached, is_ready

KIB = 1024
NOISE = ("--noise", "200")  # lines a second


async def follow(stage: Stage, operator: Operator, *, count: int, report: Report) -> None:
    """A noisy start by itself, then usual ones: the bytes are of all that is read meanwhile."""
    noisy, *usual = models(stage, count)
    before = await operator.read()
    lags = await starts(stage, [noisy])
    between = await operator.read()
    lags += await starts(stage, usual)
    after = await operator.read()
    of_noisy = (between.log_bytes - before.log_bytes) / KIB
    of_usual = (after.log_bytes - between.log_bytes) / KIB / len(usual)
    report.add("phase_lag_p50_s", percentile(lags, 0.50))
    report.add("phase_lag_p99_s", percentile(lags, 0.99))
    report.add("log_bytes_usual_start_kib", of_usual)
    report.add("log_bytes_per_start_kib", max(of_usual, of_noisy))


def models(stage: Stage, count: int) -> Iterator[Body]:
    for number, script in enumerate(islice(cycle(scripts.starts()), count)):
        name, words = (f"start-{number}", ()) if number else ("noisy", NOISE)
        yield a_model(name, namespace=stage.namespace, script=script, words=words)


async def starts(stage: Stage, played: Sequence[Body]) -> list[float]:
    """Seconds from each line that begins a step until a watch tells of the step."""
    lags: list[float] = []
    with stage.models.sightings(is_ready) as up, steps(stage) as told:

        async def until_told(name: str) -> None:
            await up.of([name], within=PATIENCE)
            for step, written in begun_in(await stage.log(name)).items():
                lags.append(stage.at(told[step].times[name]) - written)
                say(f"    {name}: {step} after {lags[-1]:.2f} s")

        await stage.play_all(played, until_told)
        await quiet(stage.models)  # what is read of a log after the start counts too
    return lags


@contextlib.contextmanager
def steps(stage: Stage) -> Iterator[Mapping[str, Sightings]]:
    with contextlib.ExitStack() as life:
        yield {
            step: life.enter_context(stage.models.sightings(partial(has_reached, step=step)))
            for step in OF_THE_LOG
        }
