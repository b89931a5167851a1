"""The verb `fetch`: what an init container runs, and a person by hand."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flagos_operator.fetch import dryrun, guard, options, report
from flagos_operator.fetch.download import LOST, fetch
from flagos_operator.fetch.lease import Holder, Lock
from flagos_operator.fetch.pace import Floor, Streams
from flagos_operator.fetch.patience import Patience, Persistence
from flagos_operator.fetch.pieces import SMALLEST
from flagos_operator.fetch.progress import Progress, bar, line
from flagos_operator.fetch.reasons import EXIT_CODES, EXIT_TERMINATED, FetchError, Reason, scrub
from flagos_operator.fetch.request import Request, check
from flagos_operator.fetch.tools import Tools
from flagos_operator.fetch.typed import as_typed
from flagos_operator.fetch.volume import Volume, storage_errors, volume_of
from flagos_operator.fetch.waiting import Queue
from flagos_operator.printing import UNWRITABLE, written

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from flagos_operator.fetch.hub import Hub

TERMINATION_LOG = "FLAGOS_TERMINATION_LOG"
POD_UID = re.compile(r"/pods/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/")

add_arguments = options.add_arguments


def run(args: argparse.Namespace) -> int:
    voice = Voice()

    def work() -> dict[str, Any]:
        request = options.request_from(args, environ=os.environ)
        voice.tokens = tuple(each.token for each in request.hubs if each.token)
        guard.install(request.allowed)
        return _run(request, args, voice=voice)

    return concluded(work, voice=voice, as_json=args.json)


def concluded(work: Callable[[], dict[str, Any]], *, voice: Voice, as_json: bool) -> int:
    """What every verb ends with: one result, told to whoever reads it, and its exit code."""
    try:
        result, code = work(), 0
    except FetchError as error:
        result, code = report.failure(error), EXIT_CODES[error.reason]
    except Exception as error:  # noqa: BLE001 - the last one to explain it in the log
        voice.say(traceback.format_exc())
        words = f"{type(error).__name__}: {error}"
        result = report.failure(FetchError(Reason.INTERNAL_ERROR, words))
        code = EXIT_CODES[Reason.INTERNAL_ERROR]
    told = _tell(voice.scrubbed(result), voice=voice, as_json=as_json)
    return _leave(code if told else UNWRITABLE)


def _run(request: Request, args: argparse.Namespace, *, voice: Voice) -> dict[str, Any]:
    check(request)
    volume = Volume(root=args.volume.absolute()) if args.volume else volume_of(request.destination)
    with contextlib.ExitStack() as mess, storage_errors(volume.root):
        tools = _tools(request, args, volume=volume, voice=voice, mess=mess)
        if args.dry_run:
            return dryrun.plan(request, on=volume, tools=tools)
        with _ending_on_signals(tools.queue.lock, voice=voice, mess=mess):
            outcome = fetch(request, on=volume, tools=tools)
    voice.end_of_bar()
    voice.say(report.sentence(outcome, place=request.destination))
    return report.success(outcome, revision=request.revision, place=request.destination)


def _tools(
    request: Request,
    args: argparse.Namespace,
    *,
    volume: Volume,
    voice: Voice,
    mess: contextlib.ExitStack,
) -> Tools:
    patience = Patience(attempts=args.attempts, first=args.retry_wait)
    lock = Lock(path=volume.lock, me=_me(request))
    return Tools(
        open_hub=lambda asked: _open_hub(asked, home=_home(volume, mess=mess)),
        persistence=Persistence(
            patience=patience, sleep=time.sleep, random=random.random, say=voice.say
        ),
        queue=Queue(
            lock=lock,
            stale_after=args.lock_stale,
            longest=args.lock_wait,
            clock=time.monotonic,
            sleep=time.sleep,
            say=voice.say,
        ),
        streams=Streams(
            count=args.workers,
            piece=max(SMALLEST, args.piece),
            alone=args.alone,
            floor=Floor(bytes_per_second=args.slowest, over=args.slowest_over),
        ),
        clock=time.monotonic,
        now=time.time,  # noqa: TID251 - the one place that asks
        say=voice.say,
        show=voice.show,
        show_every=0.5 if voice.on_terminal else args.progress_every,
        on_lost_lock=lambda: _lose(voice, as_json=args.json),
    )


def _open_hub(request: Request, *, home: Path) -> Hub:
    # Here and not above: a warm start asks no hub and must not pay for a client.
    from flagos_operator.fetch.clients import open_hub  # noqa: PLC0415

    return open_hub(request, home=home)


def _me(request: Request) -> Holder:
    return Holder(
        name=socket.gethostname(),
        pod=_pod_uid(_text("/proc/self/mountinfo")),
        boot=_text("/proc/sys/kernel/random/boot_id"),
        pids=_link("/proc/self/ns/pid"),
        pid=os.getpid(),
        nonce=uuid.uuid4().hex,  # noqa: TID251 - two processes must never share it
        what=f"{request.repo} at {request.revision}",
    )


def _pod_uid(mounts: str) -> str:
    """The kubelet mounts the termination log from a path with the pod's uid in it."""
    found = POD_UID.search(mounts)
    return found[1] if found else ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""


def _home(volume: Volume, *, mess: contextlib.ExitStack) -> Path:
    """A place for what the clients want to remember; nothing of it is kept."""
    try:
        home = tempfile.mkdtemp(prefix="flagos-fetch-")
    except FileNotFoundError:  # a read-only root without /tmp
        home = tempfile.mkdtemp(prefix="home-", dir=volume.state)
    mess.callback(shutil.rmtree, home, ignore_errors=True)
    return Path(home)


def termination_log() -> Path:
    return Path(os.environ.get(TERMINATION_LOG, "/dev/termination-log"))


def write(words: str) -> None:
    sys.stderr.write(words)
    sys.stderr.flush()


class Voice:
    """Speaks on stderr, a line at a time, and never says a token."""

    def __init__(self) -> None:
        self.tokens: tuple[str, ...] = ()
        # Who reads that file is the operator, whose users write fields.
        self.by_hand = not termination_log().exists()
        self.on_terminal = sys.stderr.isatty()
        self._bar_open = False
        self._lock = threading.Lock()

    def say(self, words: str) -> None:
        with self._lock:
            self.end_of_bar()
            write(self.scrub(words) + "\n")

    def show(self, progress: Progress) -> None:
        if not self.on_terminal:
            self.say(line(progress))
            return
        with self._lock:
            write(f"\r\033[K{bar(progress)}")
            self._bar_open = True

    def end_of_bar(self) -> None:
        if self._bar_open:
            write("\n")
            self._bar_open = False

    def scrub(self, words: str) -> str:
        for token in self.tokens:
            words = scrub(words, token=token)
        words = scrub(words, token=None)
        return as_typed(words) if self.by_hand else words

    def scrubbed(self, result: dict[str, Any]) -> dict[str, Any]:
        return {
            key: self.scrub(value) if isinstance(value, str) else value
            for key, value in result.items()
        }


def _tell(result: dict[str, Any], *, voice: Voice, as_json: bool) -> bool:
    """Whether whoever asked for a result could be given it."""
    if "message" in result:
        voice.say(f"{result['reason']}: {result['message']}")
    report.to_termination_log(result, path=termination_log())
    return written(json.dumps(result) + "\n") if as_json else True


@contextlib.contextmanager
def _ending_on_signals(lock: Lock, *, voice: Voice, mess: contextlib.ExitStack) -> Iterator[None]:
    """As process 1 of a container nothing else would make SIGTERM end us.

    Threads may sit in a read for a long time; all that is on disk is fit to be continued, so
    there is nothing to wait for.
    """

    def end(number: int, _: object) -> None:
        lock.release()
        mess.close()
        # Not through the voice: the line that we interrupt may hold its lock.
        words = f"ended by {signal.Signals(number).name}; run again to continue"
        write(f"\n{voice.scrub(words)}\n")
        os._exit(EXIT_TERMINATED - signal.SIGTERM + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _lose(voice: Voice, *, as_json: bool) -> None:
    """Ends now, from the heartbeat's thread: the files belong to another since a while."""
    error = FetchError(Reason.LOCK_HELD, LOST)
    _tell(report.failure(error), voice=voice, as_json=as_json)
    os._exit(EXIT_CODES[Reason.LOCK_HELD])


def _leave(code: int) -> int:
    """Does not wait for downloads that a failure has made pointless."""
    busy = any(thread.name.startswith("fetch") for thread in threading.enumerate())
    if busy:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
