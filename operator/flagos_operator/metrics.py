"""Prometheus metrics, made by the app and handed down. Those of single models: census.py."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SLOW = (10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)


class Metrics:
    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.reconciles = Counter(
            "flagos_reconcile",
            "Passes over one model, by how they ended.",
            ["result"],
            registry=registry,
        )
        self.reconcile_seconds = Histogram(
            "flagos_reconcile_seconds",
            "Duration of a pass over one model.",
            buckets=_QUICK,
            registry=registry,
        )
        self.queue_depth = Gauge(
            "flagos_queue_depth", "Models that wait for a worker.", registry=registry
        )
        self.queue_wait = Histogram(
            "flagos_queue_wait_seconds",
            "How long a model waited for a worker.",
            buckets=_QUICK,
            registry=registry,
        )
        self.applies = Counter(
            "flagos_apply",
            "Server-side applies, by kind and by what came of them.",
            ["kind", "result"],
            registry=registry,
        )
        self.api_seconds = Histogram(
            "flagos_api_request_seconds",
            "Calls to the API server, by verb and status code.",
            ["verb", "code"],
            buckets=_QUICK,
            registry=registry,
        )
        self.log_bytes = Counter(
            "flagos_log_read_bytes",
            "Bytes of containers' logs that were read through the API server.",
            registry=registry,
        )
        self.ghosts = Counter(
            "flagos_resync_ghosts",
            "Objects that a relist found gone without an event.",
            ["kind"],
            registry=registry,
        )
        self._add_gauges(registry)
        self._add_starts(registry)

    def _add_starts(self, registry: CollectorRegistry) -> None:
        self.model_ready_seconds = Histogram(
            "flagos_model_ready_seconds",
            "From the creation of a model to its first Ready.",
            buckets=_SLOW,
            registry=registry,
        )
        self.start_phase_seconds = Histogram(
            "flagos_start_phase_seconds",
            "How long the phases of starts lasted that became Ready.",
            ["phase", "chip"],
            buckets=(1, 5, *_SLOW),
            registry=registry,
        )

    def phase_lasted(self, phase: str, chip: str, seconds: float) -> None:
        self.start_phase_seconds.labels(phase=phase, chip=chip).observe(seconds)

    def _add_gauges(self, registry: CollectorRegistry) -> None:
        self.seen_at = Gauge(
            "flagos_watch_last_seen_timestamp_seconds",
            "When an event or a relist last told of a kind.",
            ["kind"],
            registry=registry,
        )
        self.loop_lag = Gauge(
            "flagos_loop_lag_seconds", "How late the event loop last was.", registry=registry
        )
        self.leader = Gauge(
            "flagos_leader",
            "1 if this operator may write: it holds the lease, or there is no other.",
            registry=registry,
        )
        self.retrying = Gauge(
            "flagos_models_retrying",
            "Models whose last pass failed and that wait for another one.",
            registry=registry,
        )
        self.models = Gauge("flagos_models", "Models that exist.", registry=registry)

    def text(self) -> bytes:
        return generate_latest(self.registry)
