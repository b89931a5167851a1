"""Tails of the logs of crashed containers: asked for once a run, kept while the pod exists.

The log of a run that has just ended is asked for as the present one, and by the time of the answer
that may be the next run's. So it is asked for once more when it is surely the previous one.
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


@dataclass(slots=True, kw_only=True)
class Tails:
    client: Client
    _texts: dict[Key, dict[LogKey, str]] = field(default_factory=dict)
    _doubtful: set[LogKey] = field(default_factory=set)

    def known(self, model: Key, pods: Iterable[PodFacts]) -> Texts:
        """What is already there, less the pods that are not, and less what has become doubtful."""
        there = {pod.uid: pod for pod in pods}
        texts = {log: text for log, text in self._texts.get(model, {}).items() if log[0] in there}
        self._keep(model, texts)
        return {log: text for log, text in texts.items() if not self._doubts(log, there[log[0]])}

    async def complete(self, model: Key, wanted: Iterable[WantedLog]) -> Texts:
        texts = dict(self._texts.get(model, {}))
        for each in wanted:
            text = await self._read(each)
            texts[each.key] = text or texts.get(each.key, "")
            (self._doubtful.discard if each.previous else self._doubtful.add)(each.key)
        self._keep(model, texts)
        return texts

    def forget(self, model: Key) -> None:
        self._doubtful -= self._texts.pop(model, {}).keys()

    def _doubts(self, log: LogKey, pod: PodFacts) -> bool:
        """It was read while the container had ended, which has gone on since."""
        gone_on = any(each.name == log[1] and each.ended is None for each in pod.containers)
        return log in self._doubtful and gone_on

    async def _read(self, wanted: WantedLog) -> str:
        """A log that cannot be had is an empty one.

        The status has the exit code anyway, and a node that is gone must not be asked again at
        every pass.
        """
        try:
            return await self.client.log_tail(
                Key(wanted.namespace, wanted.pod),
                wanted.container,
                previous=wanted.previous,
                lines=wanted.lines,
            )
        except OperatorError:
            return ""

    def _keep(self, model: Key, texts: dict[LogKey, str]) -> None:
        self._doubtful -= self._texts.pop(model, {}).keys() - texts.keys()
        if texts:
            self._texts[model] = texts
