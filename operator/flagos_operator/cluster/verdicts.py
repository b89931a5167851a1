"""What the pod of a Job has said at its end: asked for once, when the Job is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flagos_operator.cluster.kinds import POD
from flagos_operator.observed.facts import PodFacts
from flagos_operator.status.view import Verified

if TYPE_CHECKING:
    from flagos_operator.cluster.client import Client
    from flagos_operator.cluster.store import Snapshot
    from flagos_operator.desired.plan import Plan
    from flagos_operator.observed.facts import JobFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    client: Client

    async def of(self, plan: Plan, seen: Snapshot) -> Verified | None:
        """None while there is nothing new to tell."""
        asked = plan.verification
        if asked is None or asked.done or asked.impossible:
            return None
        job = next((each for each in seen.jobs if each.name == asked.name and each.ended), None)
        if job is None:
            return None
        return Verified(text=asked.text, said=await self._last_words(job) or job.message)

    async def _last_words(self, job: JobFacts) -> str:
        """Job's pods have no label of the model's, so no watch tells of them."""
        pods = []
        selector = f"batch.kubernetes.io/job-name={job.name}"
        async for chunk in self.client.list(POD, namespace=job.namespace, selector=selector):
            pods += [POD.facts(body) for body in chunk.get("items") or ()]
        mine = sorted((p for p in pods if isinstance(p, PodFacts)), key=lambda pod: pod.created)
        ends = (each.ended for pod in reversed(mine) for each in pod.containers)
        return next((end.message.strip() for end in ends if end and end.message.strip()), "")
