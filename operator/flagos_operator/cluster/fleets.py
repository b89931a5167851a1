"""Which nodes there are, for models that name their chip and do not serve yet.

Nodes are not watched: in a large cluster their kubelets report all day. They are listed when such
a model is new, one list for all that come meanwhile, and again while one is left: often if
a model is told that no node has its devices, or none enough of them, so that it hears of the one
that comes, else as seldom as all is listed. A model is told when what is said of its resource is
other than before.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flagos_operator.cluster.inventory import nodes
from flagos_operator.desired.fleet import UNKNOWN, UNREAD, Fleet, fleets, known
from flagos_operator.errors import Forbidden, OperatorError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from flagos_operator.cluster.client import Client
    from flagos_operator.cluster.kinds import Key

log = logging.getLogger(__name__)

# Seconds between two lists at least, and as many times what the last one took.
SOON, SELDOM, SHARE = 15.0, 300.0, 20
FRESH = 5.0  # seconds that a list is good for a model that is new, likewise
RETRY = 5.0


@dataclass(slots=True)
class Follower:
    resource: str
    told: Fleet
    hopes: bool = False  # for a node that has the devices


async def read(client: Client) -> dict[str, Fleet]:
    return fleets(await nodes(client))


@dataclass(slots=True, kw_only=True)
class Fleets:
    """Without `look` nothing is ever known."""

    look: Callable[[], Awaitable[Mapping[str, Fleet]]] | None
    clock: Callable[[], float]
    tell: Callable[[Key], None]
    soon: float = SOON
    _followers: dict[Key, Follower] = field(default_factory=dict)
    _known: Mapping[str, Fleet] | None = None  # None: the nodes cannot be listed
    _read_at: float = float("-inf")
    _took: float = 0.0
    _denied: bool = False
    _wanted: bool = False  # by somebody who has been told nothing yet
    _asked: asyncio.Event = field(default_factory=asyncio.Event)

    def of(self, model: Key, resource: str) -> Fleet:
        """What is known of it; the model is told when it is something else."""
        if self.look is None:
            return UNKNOWN
        before = self._followers.get(model)
        follows = before is not None and not before.told.unread
        age = self.clock() - self._read_at
        if self._read_at == float("-inf") or (
            not follows and age > max(FRESH, SHARE * self._took)
        ):
            found, self._wanted = UNREAD, True
        else:
            found = known(self._known, resource)
        hopes = before.hopes if before else False
        self._followers[model] = Follower(resource=resource, told=found, hopes=hopes)
        self._asked.set()
        return found

    def hope(self, model: Key, *, hopes: bool) -> None:
        """Whether a node that comes would be good news."""
        follower = self._followers.get(model)
        if follower and follower.hopes != hopes:
            follower.hopes = hopes
            self._asked.set()

    def forget(self, model: Key) -> None:
        self._followers.pop(model, None)

    async def run(self) -> None:
        """Only while somebody follows."""
        while True:
            self._asked.clear()
            left = self._left()
            if left is not None and left <= 0:
                await self._look()
            else:
                await self._until_asked(within=left)

    def _left(self) -> float | None:
        """Seconds to the next list; None: nobody wants one."""
        if not self._followers:
            self._wanted = False
            return None
        if self._wanted:
            return 0.0
        pause = self.soon if any(f.hopes for f in self._followers.values()) else SELDOM
        return self._read_at + max(pause, SHARE * self._took) - self.clock()

    async def _until_asked(self, *, within: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._asked.wait()

    async def _look(self) -> None:
        assert self.look  # noqa: S101 - without it nobody follows
        started = self.clock()
        try:
            found = await self.look()
        except Forbidden as refused:
            await self._refused(refused)
            return
        except OperatorError as error:
            log.warning("cannot list the nodes: %s: %s", type(error).__name__, error)
            await asyncio.sleep(RETRY)
            return
        self._denied = False
        self._take(found, took=self.clock() - started)

    async def _refused(self, refused: Forbidden) -> None:
        """An API server that has just started knows nobody's rights: it is asked again once."""
        if not self._denied:
            self._denied = True
            await asyncio.sleep(RETRY)
            return
        log.info("nothing is said of nodes, which cannot be listed: %s", refused)
        self._take(None, took=0.0)

    def _take(self, found: Mapping[str, Fleet] | None, *, took: float) -> None:
        self._known, self._took, self._read_at = found, took, self.clock()
        self._wanted = False
        for model, follower in self._followers.items():
            now = known(found, follower.resource)
            if now != follower.told:
                follower.told = now
                self.tell(model)
