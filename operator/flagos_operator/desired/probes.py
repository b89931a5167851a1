"""One health path, three probes, one budget.

The kubelet counts from the container's start, so loading 60 GB at 1 GB/s needs the budget in
the startup probe: a liveness probe would kill a model that is still loading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flagos_operator.desired.manifest import Manifest

PERIOD = 5


def probes(*, path: str, budget_seconds: int) -> Manifest:
    return {
        "startupProbe": probe(path, period=PERIOD, failures=-(-budget_seconds // PERIOD)),
        "readinessProbe": probe(path, period=PERIOD, failures=3),
        # Slow on purpose: a kernel that compiles holds up /health for seconds.
        "livenessProbe": probe(path, period=10, failures=6, timeout=10),
    }


def probe(path: str, *, period: int, failures: int, timeout: int = 5) -> Manifest:
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": period,
        "timeoutSeconds": timeout,
        "failureThreshold": failures,
    }
