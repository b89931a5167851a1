"""Listens to downloads that run: the ends of their logs, read again and again, beside the passes.

A pass says whom to listen to and takes what was heard; it never waits for a node. What is new is
told at most once in PACE for each model, so that it costs no more than one write of its status.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flagos_operator.cluster.kinds import Key
from flagos_operator.errors import Forbidden, OperatorError, ServerFault

if TYPE_CHECKING:
    from flagos_operator.cluster.client import Client
    from flagos_operator.observed.facts import PodFacts
    from flagos_operator.status.weights import LiveLog

log = logging.getLogger(__name__)

LogKey = tuple[str, str, int]
Texts = Mapping[LogKey, str]

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


@dataclass(slots=True, kw_only=True)
class Listener:
    client: Client
    clock: Callable[[], float]
    tell: Callable[[Key], None]
    says_something: Callable[[str], bool]
    pace: float = PACE
    _wanted: dict[Key, tuple[LiveLog, ...]] = field(default_factory=dict)
    _heard: dict[Key, dict[LogKey, Heard]] = field(default_factory=dict)
    _tasks: dict[Key, asyncio.Task[None]] = field(default_factory=dict)
    _nodes: dict[str, Place] = field(default_factory=dict)
    _namespaces: dict[str, Place] = field(default_factory=dict)
    _reads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_READS))
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def heard(self, model: Key, pods: Iterable[PodFacts]) -> Texts:
        """Less what was heard of pods that are gone."""
        known, alive = self._heard.get(model, {}), {pod.uid for pod in pods}
        for key in [key for key in known if key[0] not in alive]:
            del known[key]
        return _texts(known)

    def want(self, model: Key, logs: tuple[LiveLog, ...]) -> None:
        if logs:
            self._wanted[model] = logs
            if model not in self._tasks:
                self._news.set()
        else:
            self.forget(model)

    def forget(self, model: Key) -> None:
        self._wanted.pop(model, None)
        self._heard.pop(model, None)
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
                for model in self._wanted.keys() - self._tasks.keys():
                    self._tasks[model] = group.create_task(self._follow(model))

    async def _follow(self, model: Key) -> None:
        """Until it is cancelled, for there is nothing more to hear."""
        pause = FIRST_PAUSE
        while True:
            try:
                if any(map(self.says_something, await self._listen(model))):
                    pause = self.pace
            except Exception:
                # A defect of ours: it must not take the operator down with it.
                log.exception("%s: cannot listen to its download", model)
            await asyncio.sleep(pause)
            pause = min(2 * pause, self.pace)

    async def _listen(self, model: Key) -> list[str]:
        """All at once, so that the model is told once."""
        wanted = self._wanted[model]
        texts = self._heard.setdefault(model, {})
        before = _texts(texts)
        found = await asyncio.gather(*(self._hear(each) for each in wanted))
        now = self.clock()
        for each, text in zip(wanted, found, strict=True):
            if text is not None:
                texts[each.key] = Heard(text=text, at=now)
            elif each.key not in texts or now - texts[each.key].at >= STALE:
                texts[each.key] = Heard(text="", at=now)
        if _texts(texts) != before:
            self.tell(model)
        return [texts[each.key].text for each in wanted]

    async def _hear(self, wanted: LiveLog) -> str | None:
        """None if it could not be read."""
        node = self._nodes.setdefault(wanted.node, Place())
        space = self._namespaces.setdefault(wanted.namespace, Place())
        async with node.reads, self._reads:
            if self.clock() < max(node.mute_until, space.mute_until):
                return None
            try:
                async with asyncio.timeout(LONGEST_READ):
                    text = await self._read(wanted)
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
            log.warning("progress of downloads is not told: %s", refused)
        space.failed(now=self.clock())

    async def _read(self, wanted: LiveLog) -> str:
        return await self.client.log_tail(
            Key(wanted.namespace, wanted.pod),
            wanted.container,
            previous=False,
            lines=wanted.lines,
            limit=BYTES,
        )


def _texts(known: Mapping[LogKey, Heard]) -> Texts:
    return {key: each.text for key, each in known.items()}
