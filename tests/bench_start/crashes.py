"""Crashes: how late the reason is told after the first end of a server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import cycle, islice

from flagos_operator.status.explain import explain
from tests.bench.cluster import Body, quiet
from tests.bench.report import Report, percentile, say
from tests.bench_start import scripts
from tests.bench_start.models import a_model
from tests.bench_start.stage import PATIENCE, Stage, first_end, model_of, ready

EXIT_CODE = 1


async def crash(stage: Stage, *, count: int, report: Report) -> None:
    logs = {
        f"crash-{number}": failure
        for number, failure in enumerate(islice(cycle(scripts.failures()), count))
    }
    waits = await told_after(stage, logs)
    report.add("crash_to_reason_p50_s", percentile(waits, 0.50))
    report.add("crash_to_reason_p99_s", percentile(waits, 0.99))


async def told_after(stage: Stage, logs: Mapping[str, str]) -> list[float]:
    """Seconds from the first end until Ready has a message and the reason of that log."""
    reasons = {name: reason_of(failure) for name, failure in logs.items()}

    def is_told(model: Body) -> bool:
        said, name = ready(model), model["metadata"]["name"]
        return bool(said.get("message")) and said["reason"] == reasons.get(name)

    with stage.models.sightings(is_told) as told, stage.pods.sightings(has_ended) as ended:

        async def until_told(name: str) -> None:
            await told.of([name], within=PATIENCE)

        await stage.play_all(models(stage, logs), until_told)
        await quiet(stage.models, stage.pods)
    ends = {model_of(pod): first_end(pod) or 0.0 for pod in ended.bodies.values()}
    waits = {name: stage.at(told.times[name]) - ends[name] for name in logs}
    for name, seconds in waits.items():
        say(f"    {logs[name]}: {reasons[name]} after {seconds:.2f} s")
    return list(waits.values())


def models(stage: Stage, logs: Mapping[str, str]) -> Iterator[Body]:
    words = ("--exit-code", str(EXIT_CODE))
    for name, failure in logs.items():
        yield a_model(name, namespace=stage.namespace, script=failure, words=words)


def reason_of(failure: str) -> str:
    return explain(scripts.failures()[failure], exit_code=EXIT_CODE).reason


def has_ended(pod: Body) -> bool:
    return first_end(pod) is not None
