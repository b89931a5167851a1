"""python3 -m testbed: a real Kubernetes on this machine."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from testbed import cluster, daemons, gobuild, joining, kind, leftovers, status
from testbed.images import build_all
from testbed.settings import Settings
from testbed.shell import TestbedError
from testbed.terminal import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[[argparse.Namespace, Settings, Progress], int]


INTERRUPTED = 130  # what a shell says of a program that Ctrl-C ended


def up(arguments: argparse.Namespace, settings: Settings, progress: Progress) -> int:
    (kind if arguments.kind else cluster).up(settings, progress)
    progress.say("next: eval $(make -s env); kubectl get nodes")
    return 0


def down(arguments: argparse.Namespace, settings: Settings, progress: Progress) -> int:
    (kind if arguments.kind else cluster).down(settings, progress)
    return 0


def join(_: argparse.Namespace, settings: Settings, progress: Progress) -> int:
    joining.join(settings, progress)
    return 0


def leave(_: argparse.Namespace, settings: Settings, progress: Progress) -> int:
    joining.leave(settings, progress)
    return 0


def load(arguments: argparse.Namespace, settings: Settings, progress: Progress) -> int:
    cluster.load(settings, progress, only=frozenset(arguments.image))
    return 0


def print_status(_: argparse.Namespace, settings: Settings, __: Progress) -> int:
    print(status.describe(settings))
    return 0 if status.healthy(settings) else 1


def build(_: argparse.Namespace, settings: Settings, progress: Progress) -> int:
    cluster.build(settings, progress)
    return 0


def images(_: argparse.Namespace, __: Settings, progress: Progress) -> int:
    build_all()
    progress.say("the images of the operator, the server and the hub are there")
    return 0


def env(_: argparse.Namespace, settings: Settings, progress: Progress) -> int:
    link_operator(settings)
    if not settings.kubeconfig.exists():
        progress.say(f"no cluster {settings.name} is running; `make cluster` starts one")
    print(f'export PATH={shlex.quote(str(settings.programs))}:"$PATH"')
    for name, value in settings.environment().items():
        print(f"export {name}={shlex.quote(value)}")
    # Last, since `eval $(...)` makes one line of all.
    print(f"# the cluster {settings.name}, at {settings.network.whole}")
    return 0


def link_operator(settings: Settings) -> None:
    """`flagos-operator` and `kubectl flagos` beside kubectl, if `make setup` has made them."""
    settings.programs.mkdir(parents=True, exist_ok=True)
    for name in ("flagos-operator", "kubectl-flagos"):
        made = Path(__file__).parents[1] / ".venv" / "bin" / name
        link = settings.programs / name
        link.unlink(missing_ok=True)
        if made.exists():
            link.symlink_to(made)


def start(arguments: argparse.Namespace, settings: Settings, progress: Progress) -> int:
    binaries = gobuild.ensure(settings, progress)
    daemons.start(settings, arguments.daemon, binaries=binaries)
    return 0


def stop(arguments: argparse.Namespace, settings: Settings, _: Progress) -> int:
    daemons.stop(settings, arguments.daemon)
    return 0


def print_leftovers(_: argparse.Namespace, settings: Settings, __: Progress) -> int:
    found = leftovers.find(settings)
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


def arguments_of(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m testbed", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Command, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=command)
        return added

    for added in (
        add("up", up, "a new cluster, built first where needed"),
        add("down", down, "end it and leave nothing running"),
    ):
        added.add_argument("--kind", action="store_true", help="use kind, which needs Docker")
    add("status", print_status, "print which daemon runs and whether the node is Ready")
    add("join", join, "a second node for the cluster that runs, without a vLLM's image")
    add("leave", leave, "drain the second node and take it away again")
    add("load", load, "import these images into the cluster, or all that it lacks").add_argument(
        "image", nargs="*"
    )
    add("env", env, "print what a shell needs: eval $(python3 -m testbed env)")
    add("build", build, "make programs and small images, start nothing")
    add("images", images, "make the images of the operator, the server and the hub")
    add("start", start, "start a daemon that was stopped").add_argument("daemon")
    add("stop", stop, "kill a daemon, as if it crashed").add_argument("daemon")
    add(
        "leftovers", print_leftovers, "print what a cluster left on this machine; nothing if clean"
    )
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    arguments = arguments_of(words)
    settings = Settings.from_environment(os.environ, home=Path.home())
    try:
        return int(arguments.command(arguments, settings, Progress()))
    except TestbedError as error:
        print(f"error: {error}", file=sys.stderr)
        if error.cure:
            print(f"cure:  {error.cure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; `make cluster-down` removes what is there by now", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
