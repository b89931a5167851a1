"""Sends the bytes of a file, or what a fault makes of them."""

from __future__ import annotations

import os
import re
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from testbed.hub.faults import Faults, Rule
    from testbed.hub.traffic import Exchange

BLOCK = 1 << 18
LARGE = 1 << 20
RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The part of a file that was asked for: [start, stop)."""

    start: int
    stop: int
    whole: bool


def span(wanted: str, *, size: int) -> Span | None:
    """None when the range begins past the end: HTTP's 416."""
    match = RANGE.fullmatch(wanted)
    if match is None:
        return Span(start=0, stop=size, whole=True)
    start = int(match[1])
    stop = min(int(match[2]) + 1 if match[2] else size, size)
    return Span(start=start, stop=stop, whole=False) if start < stop else None


class Cut(Exception):
    """The connection is to be closed in the middle of the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    faults: Faults
    exchange: Exchange
    path: str
    gone: Callable[[], bool]

    def send(self, place: Path, part: Span, sink: socket.socket) -> None:
        cut, stall, slow, corrupt = (
            self.faults.strike(kind, route="file", path=self.path)
            for kind in ("cut", "stall", "slow", "corrupt")
        )
        if not any((cut, stall, slow, corrupt)) and not isinstance(sink, ssl.SSLSocket):
            self._send_by_kernel(place, part, sink)
            return
        limit = _limit(cut, part)
        pause = stall.at or 0 if stall else None
        step = max(1, slow.bytes_per_second // 20) if slow else BLOCK
        for block in _blocks(place, part, step=step):
            if pause is not None and self.exchange.sent + len(block) > pause:
                # Only whole blocks wait: the part before the stall has to leave first.
                head = block[: pause - self.exchange.sent]
                self._write(head, sink)
                self.faults.wait_for_change(since=stall)  # type: ignore[arg-type]
                if self.gone():
                    raise Cut
                block, pause = block[len(head) :], None  # noqa: PLW2901
            if limit is not None and self.exchange.sent + len(block) > limit:
                self._write(block[: limit - self.exchange.sent], sink)
                raise Cut
            self._write(_spoilt(block) if corrupt else block, sink)
            if slow:
                time.sleep(len(block) / slow.bytes_per_second)

    def _send_by_kernel(self, place: Path, part: Span, sink: socket.socket) -> None:
        """So that a client is never measured against a hub that is slower than itself."""
        with place.open("rb") as file:
            at = part.start
            while at < part.stop:
                sent = os.sendfile(sink.fileno(), file.fileno(), at, min(LARGE, part.stop - at))
                if not sent:  # the file has become shorter
                    raise Cut
                at += sent
                self.exchange.sent += sent

    def _write(self, block: bytes, sink: socket.socket) -> None:
        sink.sendall(block)
        self.exchange.sent += len(block)


def _limit(cut: Rule | None, part: Span) -> int | None:
    if cut is None:
        return None
    return cut.at if cut.at is not None else (part.stop - part.start) // 2


def _blocks(place: Path, part: Span, *, step: int) -> Iterator[bytes]:
    with place.open("rb") as file:
        file.seek(part.start)
        left = part.stop - part.start
        while left > 0 and (block := file.read(min(step, left))):
            left -= len(block)
            yield block


def _spoilt(block: bytes) -> bytes:
    return bytes([block[0] ^ 0xFF]) + block[1:] if block else block
