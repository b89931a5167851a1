"""The operator as a process that can be killed, doubled, or given a wrong clock."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import aiohttp

from tests.bench.process import Operator, a_free_port
from tests.bench.waiting import until

IMAGE = "localhost/flagos-operator:dev"
START = 60.0
END = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """`known` is what its endpoints and /proc tell of it."""

    process: asyncio.subprocess.Process
    known: Operator

    async def kill(self) -> None:
        """It gets no chance to say goodbye."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()

    async def stop(self) -> None:
        assert self.process.returncode is None, f"it ended by itself: {self.process.returncode}"
        self.process.terminate()
        async with asyncio.timeout(END):
            code = await self.process.wait()
        assert code == 0, f"it did not end well: {code}"

    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.known.pid}/fd").iterdir()))

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.known.pid}/task").iterdir()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """What all operators of one run have in common; `proxied` go by the way that can fail."""

    direct: Path
    proxied: Path
    namespace: str
    log: Path
    session: aiohttp.ClientSession
    _numbers: list[int] = field(default_factory=list)

    async def start(
        self,
        *,
        kubeconfig: Path | None = None,
        hours_off: int = 0,
        settings: Mapping[str, str] | None = None,
    ) -> Running:
        port = a_free_port()
        self._numbers.append(port)
        environment = {
            "KUBECONFIG": str(kubeconfig or self.direct),
            "FLAGOS_OPERATOR_IMAGE": IMAGE,
            "FLAGOS_HTTP_PORT": str(port),
            "POD_NAME": f"operator-{len(self._numbers)}",
            "POD_NAMESPACE": self.namespace,
        }
        started = perf_counter()
        with self.log.open("ab") as out:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", *_module(hours_off), "run"),
                env=os.environ | environment | dict(settings or {}),
                stdout=out,
                stderr=out,
            )
        known = Operator(process=process, port=port, started=started, session=self.session)
        return Running(process=process, known=known)

    @contextlib.asynccontextmanager
    async def running(
        self,
        *,
        kubeconfig: Path | None = None,
        hours_off: int = 0,
        settings: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Running]:
        """Synced at the start, and it has to end well."""
        operator = await self.start(kubeconfig=kubeconfig, hours_off=hours_off, settings=settings)
        try:
            await until(operator.known.is_ready, within=START)
            yield operator
            await operator.stop()
        finally:
            await operator.kill()


def _module(hours_off: int) -> tuple[str, ...]:
    if not hours_off:
        return ("flagos_operator",)
    return ("tests.faults.wrong_clock", str(hours_off * 3600))
