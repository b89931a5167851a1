"""`flagos-operator run`: kopf as informer and nothing else; the only file that knows it.

It lives in a thread of its own: when it ends, for a broken stream too, it cancels every task of
its event loop that is younger than itself. Some of those it then waits for in vain, so nobody
waits for it when the process ends: it reads, and has nothing to finish.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
import kopf

from flagos_operator import heap, logs
from flagos_operator.app import App, build
from flagos_operator.cluster.client import CHUNK
from flagos_operator.cluster.kinds import KINDS, Resource
from flagos_operator.errors import Deposed, SettingsError
from flagos_operator.settings import Settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

log = logging.getLogger(__name__)

_AGAIN_FIRST, _AGAIN_MOST = 1.0, 30.0
_INSIST, _INSIST_MOST = 1.0, 10
_FAREWELL = 2.0
_THREAD = "kopf"
# The API server takes objects that are nested 10,000 deep, and Python reads them by recursion: one
# such object must not make every list unreadable.
RECURSION = 25_000


def add_arguments(_: argparse.ArgumentParser) -> None:
    """All settings come from the environment, as a chart gives them."""


def run(_: argparse.Namespace) -> int:
    code = _run()
    if any(thread.name == _THREAD for thread in threading.enumerate()):
        # A thread that goes on while the interpreter is taken down can bring it down hard.
        logging.shutdown()
        os._exit(code)
    return code


def _run() -> int:
    sys.setrecursionlimit(RECURSION)
    try:
        settings = Settings.from_environment(os.environ)
        logs.configure(form=settings.log_format, level=settings.log_level)
        asyncio.run(_until_signalled(build(settings, os.environ)))
    except SettingsError as wrong:
        print(f"flagos-operator: {wrong}", file=sys.stderr)  # noqa: T201
        return 2
    except Deposed as by:
        log.warning("not leading any more: %s", by)
        return 3
    return 0


async def _until_signalled(app: App) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _end, stop)
    await serve(app, stop=stop)
    log.info("stopped")


def _end(stop: asyncio.Event) -> None:
    logging.getLogger("kopf").setLevel(logging.CRITICAL)  # it calls errors what is only its end
    stop.set()


async def serve(app: App, *, stop: asyncio.Event) -> None:
    """Told to stop it works no more at once; how long the watches take to end is their affair.

    Those that take long go on until the process is gone.
    """
    watching = asyncio.create_task(_keep_watching(app, stop))
    watching.add_done_callback(lambda _: stop.set())
    try:
        async with app.running(on_end=stop.set):
            await stop.wait()
    finally:
        stop.set()
        ended, _ = await asyncio.wait((watching,), timeout=_FAREWELL)
        watching.cancel()
    for each in ended:
        each.result()


async def _keep_watching(app: App, stop: asyncio.Event) -> None:
    """Watches start after the first list, when all kinds are known to exist."""
    await _first(app.resync.synced, stop)
    heap.settled()
    pause = _AGAIN_FIRST
    while not stop.is_set():
        if await _watch(app, stop):
            pause = _AGAIN_FIRST
        app.resync.soon()  # what was missed meanwhile is found by a list
        await _first(stop, after=pause)
        pause = min(pause * 2, _AGAIN_MOST)


async def _watch(app: App, stop: asyncio.Event) -> bool:
    """Watch until told to stop, or until kopf gives up; returns whether it ever was ready.

    It gives up on any error in a stream but "410 Gone", an API server that is going down
    included. The answer is always the same: watch anew.
    """
    ready, end = threading.Event(), threading.Event()
    app.resync.turned.clear()
    watching = _in_a_thread(partial(_run_kopf, app, ready, end))
    turned = (stop, app.resync.turned)
    others: list[asyncio.Future[Any]] = [asyncio.create_task(each.wait()) for each in turned]
    try:
        await asyncio.wait((watching, *others), return_when=asyncio.FIRST_COMPLETED)
    finally:
        end.set()
        for other in others:
            other.cancel()
    try:
        await watching
    except Exception as broken:  # noqa: BLE001  see above
        log.warning("watches broke: %s: %s", type(broken).__name__, broken)
    return ready.is_set()


def _in_a_thread(work: Callable[[], None]) -> asyncio.Future[None]:
    """As asyncio.to_thread, but neither the loop nor the process waits for it at its end."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def tell(error: Exception | None) -> None:
        if not ended.done():
            ended.set_exception(error) if error else ended.set_result(None)

    def run() -> None:
        error: Exception | None = None
        try:
            work()
        except Exception as broken:  # noqa: BLE001  told to who waits
            error = broken
        with contextlib.suppress(RuntimeError):  # nobody waits any more, the loop is closed
            loop.call_soon_threadsafe(tell, error)

    threading.Thread(target=run, name=_THREAD, daemon=True).start()
    return ended


def _run_kopf(app: App, ready: threading.Event, end: threading.Event) -> None:
    """What is left of kopf dies with its loop: asyncio.run() would wait for it."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(_operate(app, ready, end))
    finally:
        loop.set_exception_handler(_not_news)
        loop.close()


async def _operate(app: App, ready: threading.Event, end: threading.Event) -> None:
    watching = asyncio.create_task(
        kopf.operator(
            registry=handlers(app),
            settings=kopf_settings(),
            standalone=True,
            clusterwide=not app.settings.watch_namespaces,
            namespaces=app.settings.watch_namespaces,
            ready_flag=ready,
            stop_flag=end,
        )
    )
    # Not younger than kopf's own, which it would cancel.
    insisting = asyncio.create_task(_insist())
    try:
        done, _ = await asyncio.wait((watching, insisting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        # It waits for this flag in a thread: where kopf gave up by itself nobody else sets it.
        end.set()
    for each in done:
        each.result()


def _not_news(_: asyncio.AbstractEventLoop, told: dict[str, Any]) -> None:
    """What goes wrong while a loop that nobody needs any more is taken down."""
    log.debug("at the end of the watches: %s", told.get("message"))


async def _insist() -> None:
    """Kopf cancels each watch once, together with what tells the watch to pause.

    One that is just connecting takes the former for the latter and goes on, and kopf would wait
    for it for ever: blind, deaf and still there. Returns when even insisting was in vain.
    """
    asked = 0
    while asked < _INSIST_MOST:
        await asyncio.sleep(_INSIST)
        deaf = [task for task in asyncio.all_tasks() if _was_to_end(task)]
        for task in deaf:
            task.cancel()
        asked = asked + 1 if deaf else 0


def _was_to_end(task: asyncio.Task[Any]) -> bool:
    return bool(task.cancelling()) and task.get_name().startswith("watcher for ")


def handlers(app: App) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    trace = tracing(app.listed)

    @kopf.on.login(registry=registry)
    async def login(**_: object) -> kopf.AiohttpSession:
        found = await app.client.connection()
        info = kopf.ConnectionInfo(
            server=found.server,
            ca_path=found.ca_file,
            certificate_path=found.certificate_file,
            private_key_path=found.key_file,
            insecure=not found.verify,
            scheme=found.scheme or None,
            token=found.token or None,
        )
        return kopf.AiohttpSession(server=info.server, aiohttp_session=session(info, trace))

    async def observe(*, event: kopf.RawEvent, param: Any = None, **_: Any) -> None:  # noqa: ANN401
        app.tell(param, event)

    for kind in app.resync.readable:
        name = f"observe-{kind.plural}"
        kopf.on.event(*selector(kind), id=name, param=kind.name, registry=registry)(observe)
    return registry


def session(info: kopf.ConnectionInfo, trace: aiohttp.TraceConfig) -> aiohttp.ClientSession:
    """As kopf makes its own, which nobody else can look into; it closes this one, too."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
        headers=info.as_http_headers(),
        trace_configs=[trace],
    )


def tracing(listed: Callable[[], None]) -> aiohttp.TraceConfig:
    """Kopf lists a kind, watches it from there, and tells nobody of a list that was empty."""
    lists: set[str] = set()

    async def look(_: object, __: object, asks: aiohttp.TraceRequestStartParams) -> None:
        if "watch" not in asks.url.query:
            lists.add(asks.url.path)
        elif asks.url.path in lists:
            lists.discard(asks.url.path)
            listed()

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(look)
    return trace


def kopf_settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True  # no watches on definitions and namespaces, less rights
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = NoDifferences()
    # It lists all kinds at once and holds each object until its worker has been idle: at the
    # start with 1,000 models these two decide how much memory the process has for ever.
    settings.watching.chunk_size = CHUNK
    settings.queueing.idle_timeout = 0.2
    settings.watching.server_timeout = 300
    settings.watching.connect_timeout = 10
    settings.networking.request_timeout = 30
    settings.networking.enforce_retry_after = True
    # It would kill the process ten minutes after a watch broke, recovered or not.
    settings.process.ultimate_exiting_timeout = None
    for each in KINDS:
        if each.selector:
            # The documented string form of the key matches nothing, silently; a tuple does.
            settings.watching.label_selectors[selector(each)] = each.selector
    return settings


class NoDifferences(kopf.DiffBaseStorage):
    """Kopf copies each object four times to see what has changed in it, and nobody here asks.

    That was more than half of what an event costs.
    """

    def build(self, **_: object) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, **_: object) -> None:
        """Nothing was kept of an earlier state."""

    def store(self, **_: object) -> None:
        """Nothing is kept."""


def selector(kind: Resource) -> tuple[str, str] | tuple[str, str, str]:
    return (kind.group, kind.version, kind.plural) if kind.group else (kind.version, kind.plural)


async def _first(*events: asyncio.Event, after: float | None = None) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waits, timeout=after, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
