"""Tails of the logs of crashed containers: asked for once a run, kept while the pod exists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flagos_operator.cluster.kinds import Key
from flagos_operator.errors import OperatorError

if TYPE_CHECKING:
    from flagos_operator.cluster.client import Client
    from flagos_operator.observed.facts import PodFacts
    from flagos_operator.status.crashes import WantedLog

LogKey = tuple[str, str, int]
Texts = Mapping[LogKey, str]


@dataclass(slots=True, kw_only=True)
class Tails:
    client: Client
    _texts: dict[Key, dict[LogKey, str]] = field(default_factory=dict)

    def known(self, model: Key, pods: Iterable[PodFacts]) -> Texts:
        """What is already there, less the pods that are not."""
        alive = {pod.uid for pod in pods}
        texts = {log: text for log, text in self._texts.get(model, {}).items() if log[0] in alive}
        self._keep(model, texts)
        return texts

    async def complete(self, model: Key, wanted: Iterable[WantedLog]) -> Texts:
        texts = dict(self._texts.get(model, {}))
        for each in wanted:
            texts[each.key] = await self._read(each)
        self._keep(model, texts)
        return texts

    def forget(self, model: Key) -> None:
        self._texts.pop(model, None)

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
        if texts:
            self._texts[model] = texts
        else:
            self.forget(model)
