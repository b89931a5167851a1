"""What a fetch needs of the world, so that a test can hand it another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from flagos_operator.fetch.hub import Hub
    from flagos_operator.fetch.pace import Streams
    from flagos_operator.fetch.patience import Persistence
    from flagos_operator.fetch.progress import Progress
    from flagos_operator.fetch.request import Request
    from flagos_operator.fetch.waiting import Queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    open_hub: Callable[[Request], Hub]
    persistence: Persistence
    queue: Queue
    streams: Streams
    clock: Callable[[], float]
    now: Callable[[], float]
    say: Callable[[str], None]
    show: Callable[[Progress], None]
    show_every: float
    on_lost_lock: Callable[[], None]
