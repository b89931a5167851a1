"""A server that writes a recorded log line by line and then serves, or ends as the real one did.

It runs in a container, from a ConfigMap, so it knows nothing but the standard library. The
operator adds the flags of a real server to its command line; they mean nothing here.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NOISE = "(EngineCore pid=7) DEBUG [flag_gems.runtime.backend] {:06} GEMS MM: tuned, key {}\n"


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """What is in the log is what was recorded."""


def play(script: Path, *, noise: float) -> None:
    """Each line of the script is `<seconds since the start> <text>`; noise: lines a second."""
    began, said = time.monotonic(), 0
    for line in script.read_text().splitlines():
        due, _, text = line.partition(" ")
        while (left := began + float(due) - time.monotonic()) > 0:
            time.sleep(min(left, 1 / noise) if noise else left)
            for number in range(said, int((time.monotonic() - began) * noise)):
                sys.stdout.write(NOISE.format(number, number * 7919))
                said = number + 1
        sys.stdout.write(text.replace("\\r", "\r") + "\n")
        sys.stdout.flush()


def main(words: list[str]) -> None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--script", type=Path, required=True)
    parser.add_argument("--noise", type=float, default=0)
    parser.add_argument("--exit-code", type=int)
    asked, _ = parser.parse_known_args(words)
    play(asked.script, noise=asked.noise)
    if asked.exit_code is not None:
        os._exit(asked.exit_code)
    ThreadingHTTPServer(("", 8000), Healthy).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
