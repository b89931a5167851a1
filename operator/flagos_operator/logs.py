"""Log lines for machines or for people; what a caller passes as `extra` is part of the line."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

_BUILT_IN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure(*, form: str, level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else ConsoleLines())
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # kopf tells of each event and each retry; a line per change is ours to write.
    logging.getLogger("kopf").setLevel(logging.WARNING)
    # It warns that signals are not its business in its thread, which is as it should be.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class ConsoleLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        words = [self.formatTime(record, "%H:%M:%S"), record.levelname[0], record.getMessage()]
        words += [f"{name}={value}" for name, value in _extra(record).items()]
        line = " ".join(words)
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _BUILT_IN}
