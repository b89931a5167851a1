"""How far a download is, told as lines for a log or as a bar for a terminal.

Nothing here knows a clock; whoever measures says when.
"""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Phase = Literal["downloading", "verifying"]
WINDOW = 6
BAR = 30
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    at: float
    done: int
    phase: Phase = "downloading"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    done: int
    total: int
    rate: float  # bytes per second over the last points
    phase: Phase = "downloading"

    @property
    def percent(self) -> int:
        return 100 if self.total == 0 else min(100, 100 * self.done // self.total)

    @property
    def eta(self) -> float | None:
        left = self.total - self.done
        return left / self.rate if self.rate > 0 and left > 0 else None


class Tally:
    """Counts what several threads have done."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.total = 0

    def add(self, count: int) -> None:
        with self._lock:
            self.total += count


class Meter:
    """Keeps the last few measurements, so that the rate is of now and not of the whole run."""

    def __init__(self, *, total: int) -> None:
        self._total = total
        self._points: list[Point] = []

    def measure(self, point: Point) -> Progress:
        kept = [old for old in self._points[-WINDOW + 1 :] if old.phase == point.phase]
        self._points = [*kept, point]
        first = self._points[0]
        seconds = point.at - first.at
        rate = (point.done - first.done) / seconds if seconds > 0 else 0.0
        return Progress(done=point.done, total=self._total, rate=max(0.0, rate), phase=point.phase)


def line(progress: Progress) -> str:
    """For a log: the operator reads the exact counts at its end into the status."""
    return f"{progress.phase}: {_words(progress)} [{progress.done}/{progress.total}]"


def bar(progress: Progress) -> str:
    full = BAR * progress.percent // 100
    phase = "" if progress.phase == "downloading" else f"{progress.phase} "
    return f"{phase}[{'#' * full}{'.' * (BAR - full)}] {_words(progress)}"


def _words(progress: Progress) -> str:
    words = f"{size(progress.done)} of {size(progress.total)} ({progress.percent}%)"
    rate = f", {size(int(progress.rate))}/s" if progress.rate else ""
    left = f", {duration(progress.eta)} left" if progress.eta is not None else ""
    return f"{words}{rate}{left}"


def size(count: int) -> str:
    number, unit = float(count), UNITS[0]
    for unit in UNITS:
        if number < 1024 or unit == UNITS[-1]:  # noqa: PLR2004
            break
        number /= 1024
    return f"{count} B" if unit == "B" else f"{number:.1f} {unit}"


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def bytes_below(folder: Path) -> int:
    """Sum of all files' sizes; what vanishes meanwhile has just been moved on."""
    total = 0
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    total += bytes_below(folder / entry.name)
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Says how far it is every few seconds while the block runs; `first`: until the first time."""

    measure: Callable[[], tuple[Phase, int]]
    total: int
    every: float
    clock: Callable[[], float]
    show: Callable[[Progress], None]
    first: float = 0.0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        ended = threading.Event()
        thread = threading.Thread(target=self._run, args=(ended,), daemon=True, name="progress")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _run(self, ended: threading.Event) -> None:
        meter = Meter(total=self.total)
        gone = ended.wait(self.first) if self.first else False
        while not gone:
            phase, done = self.measure()
            point = Point(at=self.clock(), done=min(done, self.total), phase=phase)
            self.show(meter.measure(point))
            gone = ended.wait(self.every)
