"""Listens to containers whose logs tell how far they are: downloads, and servers that start.

A pass says whom to listen to and takes what was heard; it never waits for a node. A turn is told
at once; mere progress at most once in PACE for each model, so that it costs no more than one write
of its status.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flagos_operator.cluster.following import Distil, Following
from flagos_operator.cluster.kinds import Key
from flagos_operator.errors import Forbidden, OperatorError, ServerFault

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from flagos_operator.cluster.client import Client
    from flagos_operator.observed.facts import PodFacts
    from flagos_operator.status.logs import LiveLog, LogKey, Texts

log = logging.getLogger(__name__)

PACE = 5.0
FIRST_PAUSE = 1.0  # until a log says something at all; doubled each time
STALE = 20.0  # what was heard longer ago is no news any more
BYTES = 32 * 1024  # cut off at the new end, so more than the lines take
LONGEST_READ = 5.0
MOST_READS = 32  # at a time; the connections are shared with the passes
MOST_READS_OF_NODE = 4
# Nodes that do not answer, namespaces whose logs may not be read
MUTE = 10.0
LONGEST_MUTE = 60.0
MOST_FAILURES = 12  # of the last read of a log; a node that is mute is not asked meanwhile


@dataclass(slots=True, kw_only=True)
class Place:
    """A node or a namespace; one that fails is left in peace, longer each time."""

    reads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_READS_OF_NODE))
    mute_until: float = 0.0
    mute: float = 0.0

    def failed(self, *, now: float) -> None:
        if now >= self.mute_until:
            self.mute = min(max(MUTE, 2 * self.mute), LONGEST_MUTE)
            self.mute_until = now + self.mute

    def answered(self) -> None:
        self.mute = 0.0


@dataclass(slots=True, kw_only=True)
class Heard:
    text: str
    at: float
    silent: bool = False  # it was read to its end, and nothing was ever written


@dataclass(slots=True, kw_only=True)
class Ear:
    """What is kept for one model while it is listened to."""

    wanted: tuple[LiveLog, ...] = ()
    heard: dict[LogKey, Heard] = field(default_factory=dict)
    followed: dict[LogKey, Following] = field(default_factory=dict)
    due: dict[LogKey, float] = field(default_factory=dict)
    pauses: dict[LogKey, float] = field(default_factory=dict)
    told_at: float = -math.inf
    untold: bool = False
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def want(self, logs: tuple[LiveLog, ...]) -> None:
        """What is wanted in another way than before is read at once."""
        for each in set(logs) - set(self.wanted):
            self.due.pop(each.key, None)
            self.woken.set()
        self.wanted = logs

    def keep_only(self, pods: set[str]) -> None:
        for kept in (self.heard, self.followed, self.due, self.pauses):
            for key in [key for key in kept if key[0] not in pods]:
                del kept[key]


@dataclass(slots=True, kw_only=True)
class Listener:
    client: Client
    clock: Callable[[], float]
    tell: Callable[[Key], None]
    says_something: Callable[[str], bool]
    distil: Distil
    turns: Callable[[str], Hashable]  # what of a log that is followed is told at once
    pace: float = PACE  # of downloads; others keep their proportion to it
    _ears: dict[Key, Ear] = field(default_factory=dict)
    _out: dict[Key, set[LogKey]] = field(default_factory=dict)
    _tasks: dict[Key, asyncio.Task[None]] = field(default_factory=dict)
    _nodes: dict[str, Place] = field(default_factory=dict)
    _namespaces: dict[str, Place] = field(default_factory=dict)
    _reads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_READS))
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def heard(self, model: Key, pods: Iterable[PodFacts]) -> Texts:
        """Less what was heard of pods that are gone."""
        alive = {pod.uid for pod in pods}
        if out := self._out.get(model):
            out -= {key for key in out if key[0] not in alive}
        if (ear := self._ears.get(model)) is None:
            return {}
        ear.keep_only(alive)
        return {key: each.text for key, each in ear.heard.items()}

    def heard_out(self, model: Key) -> frozenset[LogKey]:
        """Logs whose last read, as it was wanted, is done or was given up."""
        return frozenset(self._out.get(model, ()))

    def silent(self, model: Key) -> frozenset[LogKey]:
        ear = self._ears.get(model)
        return (
            frozenset(key for key, each in ear.heard.items() if each.silent)
            if ear
            else frozenset()
        )

    def want(self, model: Key, logs: tuple[LiveLog, ...]) -> None:
        if not logs:
            self._stop(model)
            return
        self._ears.setdefault(model, Ear()).want(logs)
        if model not in self._tasks:
            self._news.set()

    def forget(self, model: Key) -> None:
        self._out.pop(model, None)
        self._stop(model)

    def _stop(self, model: Key) -> None:
        self._ears.pop(model, None)
        if task := self._tasks.pop(model, None):
            task.cancel()
        if not self._tasks:
            self._nodes.clear()
            self._namespaces.clear()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                await self._news.wait()
                self._news.clear()
                for model in self._ears.keys() - self._tasks.keys():
                    self._tasks[model] = group.create_task(self._attend(model, self._ears[model]))

    async def _attend(self, model: Key, ear: Ear) -> None:
        """Until it is cancelled, for there is nothing more to hear."""
        while True:
            ear.woken.clear()
            now = self.clock()
            due = [each for each in ear.wanted if ear.due.get(each.key, now) <= now]
            pauses: dict[LogKey, float] = {}
            try:
                await self._listen(model, ear, due)
                pauses = {each.key: self._pause(each, ear) for each in due}
            except Exception:
                # A defect of ours: it must not take the operator down with it.
                log.exception("%s: cannot listen to its pods", model)
            for each in set(due) & set(ear.wanted):  # else it is wanted otherwise by now
                ear.due[each.key] = self.clock() + pauses.get(each.key, self.pace)
            await self._sleep(ear)

    async def _sleep(self, ear: Ear) -> None:
        now = self.clock()
        times = [ear.due.get(each.key, now) for each in ear.wanted]
        if ear.untold:
            times.append(ear.told_at + self.pace)
        until = min(times, default=math.inf) - now
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if until == math.inf else until):
                await ear.woken.wait()

    def _pause(self, each: LiveLog, ear: Ear) -> float:
        """Shorter until a log says something at all, and until its end is read."""
        following, heard = ear.followed.get(each.key), ear.heard.get(each.key)
        if following and (following.ended or following.exhausted):
            return math.inf
        if following and following.spent and not following.current:
            return FIRST_PAUSE
        wished = following.pace(each.pace) if following else each.pace
        wished *= self.pace / PACE
        if heard and (bool(heard.text) if each.follows else self.says_something(heard.text)):
            ear.pauses[each.key] = wished
        pause = min(ear.pauses.get(each.key, FIRST_PAUSE), wished)
        ear.pauses[each.key] = 2 * pause
        return pause

    async def _listen(self, model: Key, ear: Ear, due: Sequence[LiveLog]) -> None:
        """All at once, so that the model is told once."""
        before = {each.key: ear.heard.get(each.key) for each in due}
        texts = await asyncio.gather(*(self._hear(each, ear) for each in due))
        now, turned = self.clock(), False
        for each, text in zip(due, texts, strict=True):
            self._keep(each, text, ear, now=now)
            ended = self._end(model, each, ear, failed=text is None)
            was, heard = before[each.key], ear.heard[each.key]
            ear.untold |= ended or was is None or _news(was, heard)
            turned |= ended or self._turned(each, was.text if was else "", heard.text)
        if ear.untold and (turned or now - ear.told_at >= self.pace):
            ear.told_at, ear.untold = now, False
            self.tell(model)

    def _keep(self, each: LiveLog, text: str | None, ear: Ear, *, now: float) -> None:
        """Of a log that may be read no more nothing is claimed."""
        heard, following = ear.heard.get(each.key), ear.followed.get(each.key)
        if following and following.exhausted and not each.last:
            ear.heard[each.key] = Heard(text="", at=now)
        elif text is not None:
            silent = following is not None and following.silent
            ear.heard[each.key] = Heard(text=text, at=now, silent=silent)
        elif heard is None or now - heard.at >= max(STALE, 2 * each.pace):
            ear.heard[each.key] = Heard(text="", at=now)

    def _end(self, model: Key, each: LiveLog, ear: Ear, *, failed: bool) -> bool:
        following = ear.followed.get(each.key)
        if following is None or following.ended or not each.last:
            return False
        following.failures = following.failures + 1 if failed else 0
        following.ended = not failed or following.failures >= MOST_FAILURES
        if following.ended:
            self._out.setdefault(model, set()).add(each.key)
        return following.ended

    def _turned(self, each: LiveLog, before: str, now: str) -> bool:
        if not before:
            return bool(now)
        return each.follows and self.turns(before) != self.turns(now)

    async def _hear(self, wanted: LiveLog, ear: Ear) -> str | None:
        """None if it could not be read."""
        new = Following(distil=self.distil)
        following = ear.followed.setdefault(wanted.key, new) if wanted.follows else None
        node = self._nodes.setdefault(wanted.node, Place())
        space = self._namespaces.setdefault(wanted.namespace, Place())
        async with node.reads, self._reads:
            if self.clock() < max(node.mute_until, space.mute_until):
                return None
            try:
                async with asyncio.timeout(LONGEST_READ):
                    text = await self._read(wanted, following)
            except Forbidden as refused:
                self._refused(space, refused)
            except (TimeoutError, ServerFault):
                node.failed(now=self.clock())
            except OperatorError:
                pass  # the pod has just gone, or the API server is away
            else:
                node.answered()
                space.answered()
                return text
        return None

    def _refused(self, space: Place, refused: Forbidden) -> None:
        if not space.mute:
            log.warning("progress of downloads and starts is not told: %s", refused)
        space.failed(now=self.clock())

    async def _read(self, wanted: LiveLog, following: Following | None) -> str:
        pod = Key(wanted.namespace, wanted.pod)
        if following is None:
            return await self.client.log_tail(
                pod, wanted.container, previous=False, lines=wanted.lines, limit=BYTES
            )
        asked = {"timestamps": "true", **following.query()}
        text = await self.client.log(pod, wanted.container, asked=asked)
        following.take(text, asked=asked, now=self.clock())
        return following.kept if following.current or wanted.last else ""


def _news(was: Heard, now: Heard) -> bool:
    return (was.text, was.silent) != (now.text, now.silent)
