"""`flagos-operator run`: kopf as informer and nothing else; the only file that knows it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import kopf

from flagos_operator import logs
from flagos_operator.app import App, build
from flagos_operator.cluster.kinds import KINDS, Kind
from flagos_operator.errors import SettingsError
from flagos_operator.settings import Settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

log = logging.getLogger(__name__)

_AGAIN_FIRST, _AGAIN_MOST = 1.0, 30.0


def add_arguments(_: argparse.ArgumentParser) -> None:
    """All settings come from the environment, as a chart gives them."""


def run(_: argparse.Namespace) -> int:
    try:
        settings = Settings.from_environment(os.environ)
        logs.configure(form=settings.log_format, level=settings.log_level)
        asyncio.run(serve(build(settings, os.environ)))
    except SettingsError as wrong:
        print(f"flagos-operator: {wrong}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


async def serve(app: App) -> None:
    """Until SIGTERM. Watches start after the first list, when all kinds are known to exist."""
    stop = asyncio.Event()
    _on_signals(stop.set)
    async with app.running(on_end=stop.set):
        await _either(app.resync.synced, stop)
        pause = _AGAIN_FIRST
        while not stop.is_set() and not await _watch(app, stop):
            _on_signals(stop.set)  # kopf has left its own behind
            app.resync.soon()
            await _either(stop, after=pause)
            pause = min(pause * 2, _AGAIN_MOST)
    log.info("stopped")


async def _watch(app: App, stop: asyncio.Event) -> bool:
    """True when told to stop.

    kopf gives up on any error in a stream but "410 Gone", an API server that is going down
    included; what was missed meanwhile is found by the next list.
    """
    ready = asyncio.Event()
    signals = asyncio.create_task(_take_back_signals(ready, stop))
    try:
        await kopf.operator(
            registry=handlers(app),
            settings=kopf_settings(),
            standalone=True,
            clusterwide=not app.settings.watch_namespaces,
            namespaces=app.settings.watch_namespaces,
            ready_flag=ready,
            stop_flag=stop,
        )
    except Exception as broken:  # noqa: BLE001  whatever it was, watching anew is the answer
        log.warning("watches broke: %s: %s", type(broken).__name__, broken)
        return False
    finally:
        signals.cancel()
    return True


async def _take_back_signals(ready: asyncio.Event, stop: asyncio.Event) -> None:
    """They are replaced when kopf starts, and ending by its own takes five seconds more."""
    await ready.wait()
    _on_signals(stop.set)


def handlers(app: App) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: object) -> kopf.ConnectionInfo:
        found = await app.client.connection()
        return kopf.ConnectionInfo(
            server=found.server,
            ca_path=found.ca_file,
            certificate_path=found.certificate_file,
            private_key_path=found.key_file,
            insecure=not found.verify,
            scheme=found.scheme or None,
            token=found.token or None,
        )

    async def observe(*, event: kopf.RawEvent, param: Any = None, **_: Any) -> None:  # noqa: ANN401
        app.observe(param, event)

    for kind in KINDS:
        name = f"observe-{kind.plural}"
        kopf.on.event(*selector(kind), id=name, param=kind.name, registry=registry)(observe)
    return registry


def kopf_settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True  # no watches on definitions and namespaces, less rights
    settings.posting.enabled = False
    settings.watching.chunk_size = 500
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


def selector(kind: Kind) -> tuple[str, str] | tuple[str, str, str]:
    return (kind.group, kind.version, kind.plural) if kind.group else (kind.version, kind.plural)


def _on_signals(act: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, act)


async def _either(*events: asyncio.Event, after: float | None = None) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waits, timeout=after, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
