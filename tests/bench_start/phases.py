"""Starts: how late each step is told after its line, and what is read of logs for it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice

from flagos_operator.status.timeline import OF_THE_LOG
from tests.bench.cluster import Body, Sightings, quiet
from tests.bench.process import Operator
from tests.bench.report import Report, percentile, say
from tests.bench_start import scripts
from tests.bench_start.models import a_model
from tests.bench_start.stage import PATIENCE, Stage, begun_in, has_reached, is_at, is_ready

KIB = 1024
Judge = Callable[[str, Body], bool]
NOISE = ("--noise", "200")  # lines a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Of one step: seconds from its line, and whether the status ever was at that step."""

    late: float
    seen: bool


async def follow(stage: Stage, operator: Operator, *, count: int, report: Report) -> None:
    """A noisy start by itself, then usual ones: the bytes are of all that is read meanwhile."""
    noisy, *usual = models(stage, count)
    before = await operator.read()
    drowned = await starts(stage, [noisy])
    between = await operator.read()
    told = await starts(stage, usual)
    after = await operator.read()
    lags = [each.late for each in told]
    of_noisy = (between.log_bytes - before.log_bytes) / KIB
    of_usual = (after.log_bytes - between.log_bytes) / KIB / len(usual)
    report.add("phase_lag_p50_s", percentile(lags, 0.50))
    report.add("phase_lag_p99_s", percentile(lags, 0.99))
    report.add("phase_lag_noisy_s", max(each.late for each in drowned))
    report.add("phases_passed_over", sum(not each.seen for each in told + drowned))
    report.add("log_bytes_usual_start_kib", of_usual)
    report.add("log_bytes_per_start_kib", max(of_usual, of_noisy))


def models(stage: Stage, count: int) -> Iterator[Body]:
    for number, script in enumerate(islice(cycle(scripts.starts()), count)):
        name, words = (f"start-{number}", ()) if number else ("noisy", NOISE)
        yield a_model(name, namespace=stage.namespace, script=script, words=words)


async def starts(stage: Stage, played: Sequence[Body]) -> list[Told]:
    found: list[Told] = []
    with (
        stage.models.sightings(is_ready) as up,
        steps(stage, has_reached) as reached,
        steps(stage, is_at) as seen,
    ):

        async def until_told(name: str) -> None:
            await up.of([name], within=PATIENCE)
            for step, written in begun_in(await stage.log(name)).items():
                late = stage.at(reached[step].times[name]) - written
                found.append(Told(late=late, seen=name in seen[step].times))
                say(
                    f"    {name}: {step} after {late:.2f} s{'' if found[-1].seen else ', as over'}"
                )

        await stage.play_all(played, until_told)
        await quiet(stage.models)  # what is read of a log after the start counts too
    return found


@contextlib.contextmanager
def steps(stage: Stage, judge: Judge) -> Iterator[Mapping[str, Sightings]]:
    with contextlib.ExitStack() as life:
        yield {
            step: life.enter_context(stage.models.sightings(partial(judge, step)))
            for step in OF_THE_LOG
        }
