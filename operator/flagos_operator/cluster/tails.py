"""Tails of the logs of crashed containers: asked for once a run, kept while the pod exists.

The log of a run that has just ended is asked for as the present one, and by the time of the answer
that may be the next run's. So it is asked for once more when it is surely the previous one. A
kubelet between two runs refuses to say anything: such a miss is made good at the next pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flagos_operator.cluster.kinds import Key
from flagos_operator.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flagos_operator.cluster.client import Client
    from flagos_operator.observed.facts import PodFacts
    from flagos_operator.status.logs import LogKey, Texts, WantedLog


LONGEST_READ = 5.0
MOST_MISSES = 3  # of one log, in a row; a node that is gone is not asked at every pass
AGAIN = 1.0  # seconds after a miss


@dataclass(slots=True, kw_only=True)
class Tails:
    client: Client
    _texts: dict[Key, dict[LogKey, str]] = field(default_factory=dict)
    _doubtful: set[LogKey] = field(default_factory=set)
    _misses: dict[LogKey, int] = field(default_factory=dict)

    def known(self, model: Key, pods: Iterable[PodFacts]) -> Texts:
        """What is already there, less the pods that are not, and less what has become doubtful."""
        there = {pod.uid: pod for pod in pods}
        texts = {log: text for log, text in self._texts.get(model, {}).items() if log[0] in there}
        self._keep(model, texts)
        return {
            log: text
            for log, text in texts.items()
            if not (self._doubts(log, there[log[0]]) or self._missing(log))
        }

    async def complete(self, model: Key, wanted: Iterable[WantedLog]) -> Texts:
        texts = dict(self._texts.get(model, {}))
        for each in wanted:
            text = await self._read(each)
            self._count(each, text)
            texts[each.key] = text or texts.get(each.key, "")
            (self._doubtful.discard if each.previous else self._doubtful.add)(each.key)
        self._keep(model, texts)
        return texts

    def look_again(self, model: Key) -> float | None:
        """Seconds until a pass has to ask once more for what it did not get."""
        return AGAIN if any(map(self._missing, self._texts.get(model, ()))) else None

    def forget(self, model: Key) -> None:
        self._keep(model, {})

    def _doubts(self, log: LogKey, pod: PodFacts) -> bool:
        """It was read while the container had ended, which has gone on since."""
        gone_on = any(each.name == log[1] and each.ended is None for each in pod.containers)
        return log in self._doubtful and gone_on

    def _missing(self, log: LogKey) -> bool:
        return 0 < self._misses.get(log, 0) < MOST_MISSES

    def _count(self, wanted: WantedLog, text: str | None) -> None:
        """A log is not empty of which the kubelet has kept the end."""
        if text is None or (wanted.spoke and not text):
            self._misses[wanted.key] = self._misses.get(wanted.key, 0) + 1
        else:
            self._misses.pop(wanted.key, None)

    async def _read(self, wanted: WantedLog) -> str | None:
        """None if it could not be had; the status has the exit code anyway."""
        try:
            return await self.client.log_tail(
                Key(wanted.namespace, wanted.pod),
                wanted.container,
                previous=wanted.previous,
                lines=wanted.lines,
                within=LONGEST_READ,
            )
        except OperatorError:
            return None

    def _keep(self, model: Key, texts: dict[LogKey, str]) -> None:
        gone = self._texts.pop(model, {}).keys() - texts.keys()
        self._doubtful -= gone
        for log in gone:
            self._misses.pop(log, None)
        if texts:
            self._texts[model] = texts
