"""The operator as its users run it: a process, known by its endpoints and by /proc alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.bench.waiting import until

WRITES = frozenset({"apply", "apply_status", "merge", "delete", "event"})
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One look at /metrics."""

    reconciles: float
    waiting: float
    retrying: float
    calls: dict[str, float]
    log_bytes: float

    def count(self, verbs: frozenset[str] = WRITES) -> float:
        return sum(number for verb, number in self.calls.items() if verb in verbs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    process: asyncio.subprocess.Process
    port: int
    started: float
    session: aiohttp.ClientSession

    async def read(self) -> Reading:
        async with self.session.get(f"http://127.0.0.1:{self.port}/metrics") as answer:
            return reading(await answer.text())

    @property
    def pid(self) -> int:
        return self.process.pid

    async def is_ready(self) -> bool:
        if self.process.returncode is not None:
            raise RuntimeError(f"the operator ended with {self.process.returncode}: see its log")
        try:
            async with self.session.get(f"http://127.0.0.1:{self.port}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    def kill(self) -> None:
        self.process.kill()

    async def reconciled(self, models: int, *, within: float = 120) -> float:
        """Seconds from the start of the process until every model had a pass."""

        async def has_seen_all() -> bool:
            seen = await self.read()
            return seen.reconciles >= models and not seen.waiting

        await until(has_seen_all, within=within, every=0.1)
        return time.perf_counter() - self.started

    def rss_mib(self) -> float:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


def reading(text: str) -> Reading:
    found = [each for family in text_string_to_metric_families(text) for each in family.samples]
    calls: dict[str, float] = {}
    for each in found:
        if each.name == "flagos_api_request_seconds_count":
            verb = each.labels["verb"]
            calls[verb] = calls.get(verb, 0) + each.value
    return Reading(
        reconciles=_total(found, "flagos_reconcile_total"),
        waiting=_total(found, "flagos_queue_depth"),
        retrying=_total(found, "flagos_models_retrying"),
        calls=calls,
        log_bytes=_total(found, "flagos_log_read_bytes_total"),
    )


def _total(samples: Iterable[Sample], name: str) -> float:
    return sum(each.value for each in samples if each.name == name)


@contextlib.asynccontextmanager
async def running(log: Path, *, lease: str = "") -> AsyncIterator[Operator]:
    """Ready, and stopped at the end; what it says goes to the file."""
    port = a_free_port()
    settings = {"FLAGOS_HTTP_PORT": str(port), "POD_NAME": "bench", "FLAGOS_LEASE": lease}
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "flagos_operator", "run"),
            env=os.environ | settings,
            stdout=out,
            stderr=out,
        )
    async with aiohttp.ClientSession() as session:
        operator = Operator(process=process, port=port, started=started, session=session)
        try:
            await until(operator.is_ready, within=60)
            yield operator
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


def a_free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
