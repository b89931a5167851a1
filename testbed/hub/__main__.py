"""python3 -m testbed.hub ROOT: serve ROOT/<owner>/<name>/ in both dialects."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from testbed.hub.faults import Faults, Rule
from testbed.hub.server import Hub, Server
from testbed.hub.traffic import Traffic
from testbed.hub.tree import Tree


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m testbed.hub", description=__doc__)
    parser.add_argument("root", type=Path, help="directory that holds <owner>/<name>/")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--token", help="answer 401 to whoever does not send it")
    parser.add_argument("--fail", type=int, metavar="N", help="503 to the first N file requests")
    parser.add_argument("--slow", type=int, metavar="BYTES", help="bytes per second of a file")
    parser.add_argument("--cut", action="store_true", help="cut the first file half way")
    parser.add_argument(
        "--busy", metavar="STATUS:N[:SECONDS]", help="STATUS and Retry-After to N file requests"
    )
    parser.add_argument("--quiet", action="store_true", help="do not print requests")
    return parser


def rules(options: argparse.Namespace) -> tuple[Rule, ...]:
    found = []
    if options.fail:
        found.append(Rule(kind="status", status=503, times=options.fail))
    if options.busy:
        status, times, *wait = options.busy.split(":")
        after = wait[0] if wait else None
        found.append(Rule(kind="status", status=int(status), times=int(times), retry_after=after))
    if options.slow:
        found.append(Rule(kind="slow", bytes_per_second=options.slow))
    if options.cut:
        found.append(Rule(kind="cut", times=1))
    return tuple(found)


def main(argv: list[str] | None = None) -> int:
    options = arguments().parse_args(argv)
    hub = Hub(
        tree=Tree(options.root),
        faults=Faults(rules(options)),
        traffic=Traffic(),
        token=options.token,
        verbose=not options.quiet,
    )
    # As process 1 of a container nothing but a handler makes SIGTERM end it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Server(hub, host=options.host, port=options.port) as server:
        print(f"hub: {options.root} on {server.url}", flush=True)
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
