"""The table, the file, and what was promised."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.waiting import until_terminated

TERMINATED = 143  # as a shell says it

# name: unit, and the most that is allowed
TARGETS: dict[str, tuple[str, float | None]] = {
    "create_to_child_p50_ms": ("ms", 25),
    "create_to_child_p99_ms": ("ms", 100),
    "burst_1000_children_s": ("s", 20),
    "burst_1000_status_s": ("s", 30),
    "edit_to_status_p99_ms": ("ms", 250),
    "event_to_status_p99_ms": ("ms", 250),
    "rss_1000_mib": ("MiB", 130),
    "rss_1000_10000_mib": ("MiB", 130),
    "cpu_rest_percent": ("% of a core", 1),
    "writes_at_rest": ("writes", 0),
    "writes_after_restart": ("writes", 0),
    "restart_to_synced_s": ("s", 10),
    "api_calls_per_model": ("calls", 6),
    "takeover_s": ("s", 15),
    "select_5000_nodes_ms": ("ms", 50),
    "rss_5000_nodes_mib": ("MiB", 200),
    "floor_create_p50_ms": ("ms", None),
    "floor_create_p99_ms": ("ms", None),
    "floor_1000_s": ("s", None),
    "burst_over_floor": ("times", 1.5),
}


@dataclass(slots=True)
class Report:
    """Written anew with each row: a run that is cut short leaves what it had."""

    path: Path
    targets: Mapping[str, tuple[str, float | None]] = field(default_factory=lambda: TARGETS)
    rows: dict[str, dict[str, object]] = field(default_factory=dict)

    def add(self, name: str, value: float, *, unit: str = "") -> None:
        unit, target = self.targets.get(name, (unit, None))
        ok = target is None or value <= target
        self.rows[name] = {"value": round(value, 2), "unit": unit, "target": target, "ok": ok}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.rows, indent=2) + "\n")
        say(f"  {name} = {value:.2f} {unit}")

    def value(self, name: str) -> float:
        return float(str(self.rows[name]["value"]))

    def is_met(self) -> bool:
        return all(row["ok"] for row in self.rows.values())

    def table(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterable[str]:
        yield f"{'name':<28}{'value':>10}  {'unit':<13}{'target':>8}  "
        for name in sorted(self.rows, key=self._place):
            row = self.rows[name]
            target = "-" if row["target"] is None else f"<= {row['target']}"
            verdict = "" if row["ok"] else "MISSED"
            yield f"{name:<28}{row['value']:>10}  {row['unit']:<13}{target:>8}  {verdict}"

    def _place(self, name: str) -> int:
        """As in the list of targets; growth comes last, in the order of its measuring."""
        names = list(self.targets)
        return names.index(name) if name in names else len(names)


def exit_code(measuring: Coroutine[Any, Any, None], report: Report) -> int:
    """Of a program that measures, and that always prints what it has."""
    try:
        asyncio.run(until_terminated(measuring))
    except asyncio.CancelledError:
        return TERMINATED
    finally:
        say(report.table())
    return 0 if report.is_met() else 1


def percentile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  it speaks to a person on a terminal
