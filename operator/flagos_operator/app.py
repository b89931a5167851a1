"""Wiring: settings become a client, a store, a queue, workers and endpoints."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from flagos_operator.census import Census
from flagos_operator.choosing import Chooser
from flagos_operator.cluster import connection
from flagos_operator.cluster.apply import Applier
from flagos_operator.cluster.client import Client
from flagos_operator.cluster.complaints import Complaints
from flagos_operator.cluster.election import Election
from flagos_operator.cluster.fleets import Fleets, read
from flagos_operator.cluster.inventory import Inventory, survey
from flagos_operator.cluster.kinds import BY_NAME, MODEL, ROW_BY_NAME, Key, Kind
from flagos_operator.cluster.listener import Listener
from flagos_operator.cluster.pins import Pins
from flagos_operator.cluster.recorder import Recorder
from flagos_operator.cluster.resync import Resync
from flagos_operator.cluster.rows import Rows
from flagos_operator.cluster.shipping import Shipping
from flagos_operator.cluster.statuses import Statuses
from flagos_operator.cluster.store import Store
from flagos_operator.cluster.suspicions import Suspicions
from flagos_operator.cluster.tails import Tails
from flagos_operator.cluster.verdicts import Verdicts
from flagos_operator.decisions import Decisions, users
from flagos_operator.engine.health import Health, Pulse
from flagos_operator.engine.workers import Workers
from flagos_operator.engine.workqueue import Lane, WorkQueue
from flagos_operator.metrics import Metrics
from flagos_operator.observed.facts import ModelFacts
from flagos_operator.operands import catalogue, defaults, own_chips
from flagos_operator.reconcile import Conductor
from flagos_operator.retention import Retention
from flagos_operator.status import fetchlog, listening, startlog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping

    from flagos_operator.api.outcome import Invalid
    from flagos_operator.desired.plan import Plan
    from flagos_operator.settings import Settings

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    return datetime.now(tz=UTC)  # noqa: TID251  here the clock enters; all else is given it


@dataclass(slots=True, kw_only=True)
class App:
    settings: Settings
    metrics: Metrics
    store: Store
    queue: WorkQueue[Key]
    client: Client
    resync: Resync
    workers: Workers[Key]
    health: Health
    election: Election | None
    listener: Listener
    decisions: Decisions
    rows: Rows
    shipping: Shipping
    inventory: Inventory
    fleets: Fleets
    loop: asyncio.AbstractEventLoop | None = None
    _told: deque[tuple[str, Mapping[str, Any]]] = field(default_factory=deque)
    _called: bool = False

    def tell(self, kind: str, event: Mapping[str, Any]) -> None:
        """As observe(), from another thread; told in order.

        One call wakes the loop for all that is told until it comes: each wakes two threads.
        """
        if not self.loop:
            return
        self._told.append((kind, event))
        if not self._called:
            self._called = True
            self.loop.call_soon_threadsafe(self._hear, self.loop)

    def _hear(self, loop: asyncio.AbstractEventLoop) -> None:
        self._called = False  # first: what is told from here on calls again
        while self._told:
            loop.call_soon(self.observe, *self._told.popleft())

    def observe(self, kind: str, event: Mapping[str, Any]) -> None:
        """The one seam for whatever watches the cluster."""
        body, deleted = event["object"], event["type"] == "DELETED"
        if kind in ROW_BY_NAME:
            self._observe_row(kind, body, deleted=deleted)
            return
        known = BY_NAME[kind]
        news = self.store.drop(known, body) if deleted else self.store.put(known, body)
        for key in news:
            self.queue.add(key, lane=self._lane(known, key))
        self.metrics.seen_at.labels(kind=kind).set_to_current_time()

    def _lane(self, kind: Kind, key: Key) -> Lane:
        """A model is asked for while no status is about its present generation."""
        model = self.store.find(MODEL, key) if kind is MODEL else None
        if not isinstance(model, ModelFacts):
            return Lane.TOLD
        told = model.status.get("observedGeneration")
        return Lane.TOLD if told == model.generation else Lane.ASKED

    def _observe_row(self, kind: str, body: Mapping[str, Any], *, deleted: bool) -> None:
        known = ROW_BY_NAME[kind]
        if deleted:
            self.rows.drop(known, body)
            self.shipping.soon()  # one of ours comes back
        else:
            self.rows.put(known, body)
        self.metrics.seen_at.labels(kind=kind).set_to_current_time()

    def rows_changed(self, *, chips: Collection[str] = (), releases: Collection[str] = ()) -> None:
        """The catalogue has other rows of these names: look at the models that use them."""
        for model in users(self.store.models(), chips=chips, releases=releases):
            self.queue.add(Key(model.namespace, model.name), lane=Lane.ROUTINE)

    def listed(self) -> None:
        """A watch begins anew, in another thread: what went before its list is told by none."""
        if self.loop:
            self.loop.call_soon_threadsafe(self.resync.soon)

    @contextlib.asynccontextmanager
    async def running(self, *, on_end: Callable[[], None]) -> AsyncIterator[None]:
        """Everything but the watches; at the end no task and no connection is left.

        None of the parts ends by itself: should one, `on_end` tells and leaving raises why.
        """
        self.loop = asyncio.get_running_loop()
        runner = await self.health.serve(port=self.settings.http_port)
        parts = [
            self.health.pulse.run(),
            self.resync.run(),
            self.listener.run(),
            self.inventory.run(),
            self.fleets.run(),
            self._work(),
        ]
        parts += [self._ship()] if self.resync.rows else []
        if self.election:
            parts.append(self.election.run())
        tasks = [asyncio.create_task(part) for part in parts]
        for task in tasks:
            task.add_done_callback(lambda _: on_end())
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            if self.election:
                await self.election.release()
                await self.election.client.close()
            await self.client.close()
            await runner.cleanup()
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def _work(self) -> None:
        await self.resync.synced.wait()
        log.info("synced", extra={"models": len(self.store)})
        if self.election:
            await self.election.won.wait()
        await self.workers.run(count=self.settings.workers)

    async def _ship(self) -> None:
        await self.resync.synced.wait()
        if self.election:
            await self.election.won.wait()
        await self.shipping.run()


def build(settings: Settings, environment: Mapping[str, str]) -> App:
    metrics = Metrics()
    queue = _queue(metrics)
    store = Store(concerns=queue.add)
    connect = partial(
        Client,
        login=partial(connection.load, environment),
        metrics=metrics,
        clock=time.monotonic,
    )
    election = _election(settings, connect()) if settings.lease else None
    may_write = election.may_write if election else lambda: True
    metrics.leader.set_function(may_write)
    _expose(metrics, store, queue, election)
    client = connect(may_write=may_write)
    rows = _rows(settings)
    shipping = Shipping(client=client, rows=rows)
    resync = _resync(settings, client, store, metrics, queue=queue, shipping=shipping)
    listener = _listener(client, tell=partial(queue.add, lane=Lane.ROUTINE))
    inventory = Inventory(look=partial(survey, client), clock=time.monotonic, tell=queue.add)
    chooser = Chooser(inventory=inventory)
    decisions = Decisions(
        catalogue=lambda: rows.catalogue,
        defaults=defaults(settings),
        choose=chooser.choose,
        forgotten=chooser.forget,
    )
    fleets = _fleets(settings, client, tell=partial(queue.add, lane=Lane.ROUTINE))
    conductor = _conductor(
        settings, client, store, metrics, listener=listener, decisions=decisions, fleets=fleets
    )
    workers = Workers(
        queue=queue, handle=conductor.reconcile, metrics=metrics, clock=time.monotonic
    )
    health = Health(
        pulse=Pulse(clock=time.monotonic, metrics=metrics),
        metrics=metrics,
        ready=resync.synced.is_set,
        longest_pass=queue.longest_pass,
    )
    app = App(
        settings=settings,
        metrics=metrics,
        store=store,
        queue=queue,
        client=client,
        resync=resync,
        workers=workers,
        health=health,
        election=election,
        listener=listener,
        decisions=decisions,
        rows=rows,
        shipping=shipping,
        inventory=inventory,
        fleets=fleets,
    )
    rows.told = app.rows_changed
    return app


def _queue(metrics: Metrics) -> WorkQueue[Key]:
    return WorkQueue(clock=time.monotonic, dice=random.random, waited=metrics.queue_wait.observe)


def _expose(
    metrics: Metrics, store: Store, queue: WorkQueue[Key], election: Election | None
) -> None:
    metrics.models.set_function(lambda: len(store))
    metrics.retrying.set_function(queue.retrying)
    # Of two operators that follow the same models, one tells of them.
    tells = election.won.is_set if election else lambda: True
    metrics.registry.register(Census(models=lambda: store.models() if tells() else ()))
    metrics.queue_depth.set_function(lambda: len(queue) if tells() else 0)


def _rows(settings: Settings) -> Rows:
    catalogue(settings)  # raises where the user's own chips are wrong
    if settings.watch_namespaces:
        log.info("namespaced: chips and releases are those built in, not those of the cluster")
    return Rows(own_chips=own_chips(settings))


def _resync(  # noqa: PLR0913
    settings: Settings,
    client: Client,
    store: Store,
    metrics: Metrics,
    *,
    queue: WorkQueue[Key],
    shipping: Shipping,
) -> Resync:
    return Resync(
        client=client,
        store=store,
        metrics=metrics,
        namespaces=settings.watch_namespaces or ("",),
        interval=settings.resync_seconds,
        dice=random.random,
        wall=lambda: utc_now().timestamp(),
        enqueue=partial(queue.add, lane=Lane.ROUTINE),
        rows=None if settings.watch_namespaces else shipping.rows,
        listed_rows=shipping.soon,
    )


def _listener(client: Client, *, tell: Callable[[Key], None]) -> Listener:
    return Listener(
        client=client,
        clock=time.monotonic,
        tell=tell,
        says_something=fetchlog.says_something,
        distil=listening.distil,
        turns=startlog.turns,
    )


def _fleets(settings: Settings, client: Client, *, tell: Callable[[Key], None]) -> Fleets:
    """Who follows some namespaces has no right to what is of the whole cluster."""
    look = None if settings.watch_namespaces else partial(read, client)
    return Fleets(look=look, clock=time.monotonic, tell=tell)


def _conductor(  # noqa: PLR0913
    settings: Settings,
    client: Client,
    store: Store,
    metrics: Metrics,
    *,
    listener: Listener,
    decisions: Decisions,
    fleets: Fleets,
) -> Conductor:
    def plan_of(model: ModelFacts) -> Plan | Invalid:
        return decisions.of(store.snapshot(Key(model.namespace, model.name)), model).plan

    return Conductor(
        store=store,
        applier=Applier(client=client, store=store, metrics=metrics, now=utc_now),
        statuses=Statuses(client=client, store=store),
        tails=Tails(client=client),
        complaints=Complaints(client=client, clock=time.monotonic),
        listener=listener,
        suspicions=Suspicions(now=utc_now),
        recorder=Recorder(client=client, instance=settings.pod_name, now=utc_now),
        retention=Retention(
            client=client,
            store=store,
            decide=plan_of,
            image=decisions.defaults.fetch_image,
        ),
        verdicts=Verdicts(client=client),
        decisions=decisions,
        fleets=fleets,
        pins=Pins(client=client, store=store, now=utc_now),
        now=utc_now,
        started=metrics.model_ready_seconds.observe,
        lasted=metrics.phase_lasted,
    )


def _election(settings: Settings, client: Client) -> Election:
    """With a client of its own: what it must send does not wait behind what others send."""
    return Election(
        client=client,
        lease=Key(settings.pod_namespace, settings.lease),
        identity=f"{settings.pod_name}_{secrets.token_hex(4)}",
        clock=time.monotonic,
        now=utc_now,
        dice=random.random,
    )
