"""Crashes: how late the reason is told after the first end of a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from itertools import cycle, islice

from flagos_operator.status.explain import explain
from tests.bench.cluster import Body, quiet
from tests.bench.report import Report, percentile, say
from tests.bench_start import scripts
from tests.bench_start.models import a_model
from tests.bench_start.stage import PATIENCE, Stage, first_end, model_of, ready

EXIT_CODE = 1
KEPT = 3.0  # seconds after which a person may look


async def crash(stage: Stage, *, count: int, report: Report) -> None:
    logs = {
        f"crash-{number}": failure
        for number, failure in enumerate(islice(cycle(scripts.failures()), count))
    }
    waits, kept = await told_after(stage, logs)
    report.add("crash_to_reason_p50_s", percentile(waits, 0.50))
    report.add("crash_to_reason_p99_s", percentile(waits, 0.99))
    report.add("reason_kept_percent", 100 * kept / len(logs))


async def told_after(stage: Stage, logs: Mapping[str, str]) -> tuple[list[float], int]:
    """Seconds from the first end until Ready has a message and the reason of that log.

    And of how many it still has them a while later, when the server has started once more.
    """
    reasons = {name: reason_of(failure) for name, failure in logs.items()}
    kept: list[str] = []

    def is_told(model: Body) -> bool:
        said, name = ready(model), model["metadata"]["name"]
        return bool(said.get("message")) and said["reason"] == reasons.get(name)

    async def until_told(name: str) -> None:
        await told.of([name], within=PATIENCE)
        await asyncio.sleep(KEPT)
        if is_told(await stage.model(name)):
            kept.append(name)

    with (
        stage.models.sightings(is_told) as told,
        stage.models.sightings(has_failed) as failed,
        stage.pods.sightings(has_ended) as ended,
    ):
        await stage.play_all(models(stage, logs), until_told)
        await quiet(stage.models, stage.pods)
    ends = {model_of(pod): first_end(pod) or 0.0 for pod in ended.bodies.values()}
    waits = {name: stage.at(told.times[name]) - ends[name] for name in logs}
    for name, seconds in waits.items():
        first = ready(failed.bodies[name])["reason"]
        say(f"    {logs[name]}: {reasons[name]} after {seconds:.2f} s; first told: {first}")
    return list(waits.values()), len(kept)


def models(stage: Stage, logs: Mapping[str, str]) -> Iterator[Body]:
    words = ("--exit-code", str(EXIT_CODE))
    for name, failure in logs.items():
        yield a_model(name, namespace=stage.namespace, script=failure, words=words)


def reason_of(failure: str) -> str:
    return explain(scripts.failures()[failure], exit_code=EXIT_CODE).reason


def has_failed(model: Body) -> bool:
    return str(model.get("status", {}).get("phase")) == "Failed"


def has_ended(pod: Body) -> bool:
    return first_end(pod) is not None
