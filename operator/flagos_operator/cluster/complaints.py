"""What the cluster complains of about pods that wait for their volumes: Events, read now and then.

Which volume cannot be mounted is told in an Event of the kubelet and nowhere else. Nobody follows
Events, of which a cluster has many: such a pod alone is asked about, at growing pauses. Where they
cannot be read, what was told of it before still holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flagos_operator.errors import OperatorError
from flagos_operator.observed.parse import event_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from flagos_operator.cluster.client import Client
    from flagos_operator.cluster.kinds import Key
    from flagos_operator.observed.facts import EventFacts, PodFacts

    Told = tuple[EventFacts, ...]

FIRST_PAUSE = 3.0  # until a pod is asked about again; doubled each time
LONGEST_PAUSE = 600.0
LONGEST_READ = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    told: Told
    pause: float
    due: float


@dataclass(slots=True, kw_only=True)
class Complaints:
    client: Client
    clock: Callable[[], float]
    _asked: dict[Key, dict[str, Asked]] = field(default_factory=dict)

    async def of(self, model: Key, pods: Iterable[PodFacts]) -> Mapping[str, Told]:
        """By uid, of these pods; nothing is kept of others."""
        before = self._asked.pop(model, {})
        asked = {pod.uid: await self._ask(pod, before.get(pod.uid)) for pod in pods}
        if asked:
            self._asked[model] = asked
        return {uid: each.told for uid, each in asked.items()}

    def look_again(self, model: Key) -> float | None:
        """Seconds until one of its pods is asked about again."""
        due = min((each.due for each in self._asked.get(model, {}).values()), default=None)
        return None if due is None else max(0.0, due - self.clock())

    def forget(self, model: Key) -> None:
        self._asked.pop(model, None)

    async def _ask(self, pod: PodFacts, before: Asked | None) -> Asked:
        if before and self.clock() < before.due:
            return before
        found = await self._read(pod)
        known = before.told if before else ()
        pause = min(2 * before.pause, LONGEST_PAUSE) if before else FIRST_PAUSE
        told = known if found is None else found
        return Asked(told=told, pause=pause, due=self.clock() + pause)

    async def _read(self, pod: PodFacts) -> Told | None:
        """None without the right to read them, or while the API server has other worries."""
        try:
            found = await self.client.warnings(pod.namespace, uid=pod.uid, within=LONGEST_READ)
        except OperatorError:
            return None
        return tuple(map(event_facts, found))
