"""Progress lines: what happens now, how long that usually takes, how long it took."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HEARTBEAT_SECONDS = 30


class Progress:
    """Everything goes to stderr: stdout belongs to what a command was asked for."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        elapsed = time.monotonic() - self._began
        print(f"[{elapsed:6.1f} s] {text}", file=sys.stderr, flush=True)

    @contextmanager
    def step(self, doing: str, *, usually: str) -> Iterator[None]:
        """A step that takes long enough to make a person wonder."""
        began = time.monotonic()
        self.say(f"{doing} (usually {usually})")
        with self._heartbeat(doing):
            yield
        self.say(f"{doing}: done in {time.monotonic() - began:.0f} s")

    @contextmanager
    def _heartbeat(self, doing: str) -> Iterator[None]:
        done = threading.Event()

        def beat() -> None:
            while not done.wait(HEARTBEAT_SECONDS):
                self.say(f"  ... still {doing}")

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
