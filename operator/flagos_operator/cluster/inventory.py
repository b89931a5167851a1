"""What the cluster has of devices, read when somebody has to choose and never else.

A choice is made once, so nodes and other people's pods are not followed: a watch of all pods of a
large cluster costs more in an hour than all choices in a year. They are listed when a model has
none yet, one list for all that ask meanwhile, and again from time to time while a model waits for
devices; the pause grows with what a list has cost. Nothing but sums is kept of pods.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flagos_operator.cluster.kinds import ANY_POD, NODE, Key
from flagos_operator.cluster.suspicions import LASTING
from flagos_operator.desired.stock import Stock, stock
from flagos_operator.errors import Forbidden, OperatorError
from flagos_operator.observed.nodes import Pool, node_facts, pod_demand

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from flagos_operator.cluster.client import Client
    from flagos_operator.desired.stock import Taken
    from flagos_operator.desired.wish import Chosen, Selection
    from flagos_operator.observed.nodes import NodeFacts, PodDemand

log = logging.getLogger(__name__)

RUNNING = "status.phase!=Succeeded,status.phase!=Failed"
# With few nodes that have devices the API server, which knows pods by their node, is asked for
# theirs alone.
FEW = 20
FRESH = 5.0  # seconds that an answer is good for others that ask
PAUSE, SHARE = 10.0, 20  # between two lists at least, and as many times what the last one took
RETRY = 5.0
DOUBT = 1.0  # a refusal is believed when it has lasted
PROMISED = 120.0  # seconds within which the pods of a choice come


@dataclass(slots=True)
class Survey:
    """One look. `held` is what models' own pods hold, by model."""

    nodes: list[NodeFacts] = field(default_factory=list)
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    waiting: Counter[tuple[str, int]] = field(default_factory=Counter)
    held: defaultdict[Key, Counter[tuple[str, str]]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    unknown: str = ""
    uncounted: str = ""

    def count(self, demand: PodDemand) -> None:
        for resource, devices in demand.devices.items():
            if demand.node:
                self.taken[demand.node, resource] += devices
            else:
                self.waiting[resource, devices] += 1
            if demand.model:
                key = Key(demand.namespace, demand.model)
                self.held[key][demand.node, resource] += devices

    def stock(self) -> Stock:
        if self.unknown:
            return Stock(unknown=self.unknown)
        return stock(self.nodes, taken=self.taken, waiting=self.waiting, uncounted=self.uncounted)


async def survey(client: Client) -> Survey:
    """Without the right to list nodes, or other people's pods, it says so."""
    found = Survey()
    try:
        found.nodes = await nodes(client)
    except Forbidden as refused:
        found.unknown = f"the nodes cannot be listed: {refused}"
        return found
    try:
        for fields in _selectors(found.nodes):
            await _count_pods(client, fields, found)
    except Forbidden as refused:
        found.uncounted = f"what is in use is not known, the pods cannot be listed: {refused}"
    return found


async def nodes(client: Client) -> list[NodeFacts]:
    pool = Pool()
    found: list[NodeFacts] = []
    async for chunk in client.list(NODE, namespace=""):
        found += (node_facts(body, pool=pool) for body in chunk.get("items") or ())
    return found


async def _count_pods(client: Client, fields: str, found: Survey) -> None:
    async for chunk in client.list(ANY_POD, namespace="", fields=fields):
        for body in chunk.get("items") or ():
            if demand := pod_demand(body):
                found.count(demand)


def _selectors(nodes: list[NodeFacts]) -> Iterator[str]:
    """Pods that wait for their node are of none."""
    equipped = [node.name for node in nodes if node.devices]
    if len(equipped) > FEW:
        yield RUNNING
        return
    for name in ("", *equipped):
        yield f"spec.nodeName={name},{RUNNING}"


@dataclass(slots=True, kw_only=True)
class Inventory:
    look: Callable[[], Awaitable[Survey]]
    clock: Callable[[], float]
    tell: Callable[[Key], None]
    pause: float = PAUSE
    _asking: set[Key] = field(default_factory=set)
    _waiting: set[Key] = field(default_factory=set)
    _survey: Survey | None = None
    _stock: Stock = field(default_factory=Stock)
    _read_at: float = float("-inf")
    _took: float = 0.0
    _denied_since: float | None = None
    _promised: dict[Key, tuple[Selection, float]] = field(default_factory=dict)
    _asked: asyncio.Event = field(default_factory=asyncio.Event)

    def ask(self, model: Key) -> tuple[Stock, Taken] | None:
        """What there is and what the model itself holds; None: it is told when to ask again."""
        self._waiting.discard(model)
        if self._survey is None or self.clock() - self._read_at > max(FRESH, self._took):
            self._asking.add(model)
            self._asked.set()
            return None
        return self._stock, self._survey.held.get(model, Counter())

    def promise(self, model: Key, selection: Selection) -> None:
        """Others that choose by the same list count the pods that are yet to come."""
        self._promised[model] = (selection, self.clock())
        if selection.chosen:
            self._stock = _less(self._stock, selection.chosen)

    def promised(self, model: Key, wish: str) -> Selection | None:
        """What was chosen already, though nothing may tell of it yet."""
        selection, _ = self._promised.get(model, (None, 0.0))
        return selection if selection and selection.wish == wish else None

    def wait(self, model: Key) -> None:
        """Nothing fits: tell the model when the cluster has changed."""
        self._waiting.add(model)
        self._asked.set()

    def waits(self, model: Key) -> bool:
        return model in self._waiting

    def forget(self, model: Key) -> None:
        self._asking.discard(model)
        self._waiting.discard(model)
        self._promised.pop(model, None)

    async def run(self) -> None:
        """Only while somebody asks, and from time to time while somebody waits."""
        while True:
            self._asked.clear()
            left = self._read_at + max(self.pause, SHARE * self._took) - self.clock()
            if self._asking or (self._waiting and left <= 0):
                await self._look()
            else:
                await self._until_asked(within=left if self._waiting else None)

    async def _until_asked(self, *, within: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._asked.wait()

    async def _look(self) -> None:
        """Whoever asked is told, and whoever waits if anything is not as it was."""
        asking, started = frozenset(self._asking), self.clock()
        try:
            found = await self.look()
        except OperatorError as error:
            log.warning("cannot read what the cluster has: %s: %s", type(error).__name__, error)
            await asyncio.sleep(RETRY)
            return
        if not self._believes(found):
            await asyncio.sleep(DOUBT)
            return
        before = self._stock
        self.take(found, took=self.clock() - started)
        told = asking | (self._waiting if self._stock != before else frozenset())
        self._asking -= told
        self._waiting -= told
        for model in told:
            self.tell(model)

    def _believes(self, found: Survey) -> bool:
        """An API server that has just started knows nobody's rights."""
        if not found.unknown and not found.uncounted:
            self._denied_since = None
            return True
        if self._denied_since is None:
            self._denied_since = self.clock()
        return self.clock() - self._denied_since >= LASTING.total_seconds()

    def take(self, found: Survey, *, took: float = 0.0) -> None:
        self._survey, self._took, self._read_at = found, took, self.clock()
        self._stock = found.stock()
        # A pod that never came, for a quota for one, keeps nothing from others for ever.
        late = self.clock() - PROMISED
        self._promised = {
            model: promise
            for model, promise in self._promised.items()
            if model not in found.held and promise[1] > late
        }
        for selection, _ in self._promised.values():
            if selection.chosen:
                self._stock = _less(self._stock, selection.chosen)


def _less(stock: Stock, chosen: Chosen) -> Stock:
    if not chosen.node or not chosen.resource:
        return stock
    return stock.without(chosen.resource, devices=chosen.devices, on=chosen.node)
