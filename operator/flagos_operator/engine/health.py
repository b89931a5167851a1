"""The operator's own HTTP endpoints: is it alive, is it ready, what does it measure."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

    from flagos_operator.metrics import Metrics

MOST_LAG = 10.0
LONGEST_PASS = 300.0
_TICK = 1.0


@dataclass(slots=True, kw_only=True)
class Pulse:
    """How late the event loop runs: something that blocks it blocks every model at once."""

    clock: Callable[[], float]
    metrics: Metrics
    lag: float = field(default=0.0, init=False)

    async def run(self) -> None:
        while True:
            before = self.clock()
            await asyncio.sleep(_TICK)
            self.lag = max(0.0, self.clock() - before - _TICK)
            self.metrics.loop_lag.set(self.lag)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """`ready` and `longest_pass` are asked at each request; nothing is remembered here."""

    pulse: Pulse
    metrics: Metrics
    ready: Callable[[], bool]
    longest_pass: Callable[[], float]

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        return app

    async def serve(self, *, port: int) -> web.AppRunner:
        """Start serving; the caller owes the runner a cleanup()."""
        # A probe that still holds its connection must not hold up the end of the process.
        runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, port=port).start()
        return runner

    def troubles(self) -> list[str]:
        found = []
        if self.pulse.lag > MOST_LAG:
            found.append(f"the event loop was {self.pulse.lag:.0f} s late")
        if self.longest_pass() > LONGEST_PASS:
            found.append(f"a worker is stuck for {self.longest_pass():.0f} s")
        return found

    async def _healthz(self, _: web.Request) -> web.Response:
        troubles = self.troubles()
        return web.Response(text="; ".join(troubles) or "ok", status=500 if troubles else 200)

    async def _readyz(self, _: web.Request) -> web.Response:
        ready = self.ready()
        return web.Response(text="ok" if ready else "not synced", status=200 if ready else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return web.Response(body=self.metrics.text(), headers={"Content-Type": kind})
