"""What was asked of the hub, kept so that a test can say `nothing came twice`."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One request and what became of it; `sent` grows while the body goes out."""

    method: str
    target: str
    route: str
    file: str  # owner/name/path, empty when it was no file
    wanted: str  # the Range header
    credentials: bool
    at: float  # by a clock without a date
    status: int = 0
    sent: int = 0


class Traffic:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._exchanges: list[Exchange] = []
        self.shown: set[str] = set()  # the tokens, in whatever header they came

    def open(self, exchange: Exchange) -> Exchange:
        with self._lock:
            self._exchanges.append(exchange)
        return exchange

    def forget(self) -> None:
        with self._lock:
            self._exchanges.clear()

    def report(self) -> dict[str, Any]:
        with self._lock:
            exchanges = [asdict(exchange) for exchange in self._exchanges]
        files: dict[str, dict[str, int]] = {}
        for exchange in exchanges:
            if exchange["file"] and exchange["method"] == "GET":
                count = files.setdefault(exchange["file"], {"requests": 0, "bytes": 0})
                count["requests"] += 1
                count["bytes"] += exchange["sent"]
        return {"requests": exchanges, "files": files}
