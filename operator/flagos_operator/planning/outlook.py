"""All that can be said of one model before it is applied."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flagos_operator.api.chip import Chip
from flagos_operator.api.outcome import Invalid
from flagos_operator.api.sent import as_sent
from flagos_operator.api.spec import CompleteSpec, parse
from flagos_operator.catalog.chips import chip_of
from flagos_operator.choosing import Chooser
from flagos_operator.cluster.fleets import read
from flagos_operator.cluster.inventory import Inventory, Survey, survey
from flagos_operator.decisions import Decision, Decisions, no_choice
from flagos_operator.desired import pin
from flagos_operator.desired.asked import Asked
from flagos_operator.desired.fleet import UNKNOWN, Fleet, doubts, known
from flagos_operator.desired.plan import Plan
from flagos_operator.desired.render import render
from flagos_operator.desired.resolution import resolve
from flagos_operator.errors import Forbidden
from flagos_operator.planning.changes import Change, changes, rendered
from flagos_operator.planning.layers import Field, Layered
from flagos_operator.planning.memory import estimated
from flagos_operator.planning.scene import scene
from flagos_operator.status import waiting
from flagos_operator.status.places import named
from flagos_operator.status.prechecks import objection
from flagos_operator.status.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flagos_operator.catalog.chips import Chips
    from flagos_operator.catalog.memory.estimate import Estimate
    from flagos_operator.cluster.client import Client
    from flagos_operator.decisions import Case
    from flagos_operator.desired.given import Defaults
    from flagos_operator.desired.wish import Selection
    from flagos_operator.documents import Document
    from flagos_operator.observed.facts import DeploymentFacts
    from flagos_operator.planning.memory import Evidence
    from flagos_operator.planning.scene import Scene
    from flagos_operator.render import Operator

OFFLINE = "no cluster was asked"
FITTING = ("Fits", "Unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """`fault` is why nothing would be made of it; what is known all the same is told."""

    title: str
    namespace: str
    name: str
    fault: Invalid | None = None
    release: str | None = None
    selection: Selection | None = None
    fields: tuple[Field, ...] = ()
    memory: Estimate | None = None
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        return self.fault is not None or any(each.action == "refused" for each in self.changes)

    @property
    def too_large(self) -> bool:
        return self.memory is not None and self.memory.verdict not in FITTING

    @property
    def rolls(self) -> bool:
        return any(each.rolls and each.pods for each in self.changes)

    @property
    def changed(self) -> bool:
        return any(each.action in {"create", "change", "delete"} for each in self.changes)


@dataclass(slots=True, kw_only=True)
class Planner:
    operator: Operator
    evidence: Evidence
    client: Client | None = None
    own_image: bool = False  # whether the operator's image was said
    notes: tuple[str, ...] = ()  # on what all of it rests
    _chooser: Chooser | None = None
    _looked: bool = False
    _fleets: Mapping[str, Fleet] | None = None  # None, after a look: nobody may

    async def outlook(self, document: Document, *, notes: tuple[str, ...] = ()) -> Outlook:
        """What is no FlagOSModel at all is not asked of a cluster."""
        namespace = str(document.metadata.get("namespace") or self.operator.namespace)
        named = {"namespace": namespace, "name": document.name}
        told: dict[str, Any] = {"title": document.title, **named, "notes": notes}
        spec = self.operator.readable(document)
        if isinstance(spec, Invalid):
            return Outlook(**told, fault=spec)
        seen = await scene(document.body, namespace=namespace, client=self.client)
        choose = (await self.chooser()).choose if spec.model else no_choice
        return await self.told(told, self.decided(seen, choose), seen)

    async def chooser(self) -> Chooser:
        """The operator's own, after one look for all models of a call.

        What one of them is promised the next one does not get.
        """
        if self._chooser is None:
            inventory = Inventory(look=self.look, clock=lambda: 0.0, tell=lambda _: None)
            inventory.take(await self.look())
            self._chooser = Chooser(inventory=inventory)
        return self._chooser

    async def look(self) -> Survey:
        return await survey(self.client) if self.client else Survey(unknown=OFFLINE)

    def decided(self, seen: Scene, choose: Callable[[Case], Selection | None]) -> Decision:
        snapshot = seen.snapshot()
        assert snapshot.model is not None  # noqa: S101 - it was put there
        decisions = Decisions(
            catalogue=lambda: self.operator.catalogue,
            defaults=self.defaults(snapshot.deployment),
            choose=choose,
        )
        return decisions.of(snapshot, snapshot.model)

    def defaults(self, live: DeploymentFacts | None) -> Defaults:
        """The image of the operator in the cluster is not known here: that of its last turn is."""
        known = self.operator.defaults
        if self.own_image or live is None or not live.fetch_image:
            return known
        return replace(known, fetch_image=live.fetch_image)

    async def told(self, told: Mapping[str, Any], decision: Decision, seen: Scene) -> Outlook:
        plan = decision.plan
        notes = (*told["notes"], *self.notes, *notes_of(decision, await self.fleet(decision)))
        told = {**told, "notes": notes, "selection": decision.selection}
        if isinstance(plan, Invalid):
            return Outlook(**told, fault=plan)
        layered = self.layered(plan, decision, seen)
        return Outlook(
            **told,
            release=plan.release,
            fields=layered.fields(),
            memory=estimated(layered.asked, evidence=self.evidence),
            changes=await self.changes(plan, decision, seen),
        )

    async def fleet(self, decision: Decision) -> Fleet:
        """As the operator sees it: of a model that names its chip."""
        plan = decision.plan
        if self.client is None or isinstance(plan, Invalid) or decision.selection:
            return UNKNOWN
        if not plan.resource_name or not plan.replicas:
            return UNKNOWN
        if not self._looked:
            self._looked = True
            with contextlib.suppress(Forbidden):
                self._fleets = await read(self.client)
        return known(self._fleets, plan.resource_name)

    def layered(self, plan: Plan, decision: Decision, seen: Scene) -> Layered:
        release = decision.rows.release if decision.rows else None
        chips = {**self.operator.catalogue.chips, **in_use(decision)}
        spec = parse(seen.model)
        assert not isinstance(spec, Invalid)  # noqa: S101 - a plan was made of it
        complete = resolve(seen.model, spec, release=release, chips=chips)
        assert isinstance(complete, CompleteSpec)  # noqa: S101 - likewise
        asked = Asked(
            spec=complete,
            meta=plan.meta,
            defaults=self.operator.defaults,
            chip=chips[plan.chip],
        )
        fields = release.fields if release else {}
        own = as_sent(seen.model["spec"])
        return Layered(asked=asked, plan=plan, own=own, release=fields)

    async def changes(self, plan: Plan, decision: Decision, seen: Scene) -> tuple[Change, ...]:
        kept = (pin.manifest(decision.pin),) if decision.pin else ()
        manifests = (*kept, *render(plan))
        if self.client is None:
            return tuple(rendered(each) for each in manifests)
        found = await changes(manifests, scene=seen, client=self.client)
        return tuple(replace(each, message=named(each.message, plan)) for each in found)


def in_use(decision: Decision) -> Chips:
    """The chip as it was kept beside the model, where that is not the newest."""
    row = decision.rows.chip if decision.rows else None
    found = chip_of(row.name, row.fields) if row else None
    return {row.name: found} if row and isinstance(found, Chip) else {}


def notes_of(decision: Decision, fleet: Fleet) -> list[str]:
    """What the operator would say beside it: a row that is newer, a release that failed."""
    doubtful = doubts(decision.plan, fleet) if isinstance(decision.plan, Plan) else ()
    found = (decision.behind, *map(objection, doubtful), decision.warning)
    notes = [f"{each.reason}: {each.message}" for each in found if each]
    if fleet.absent and isinstance(decision.plan, Plan):
        notes.insert(0, f"{Reason.UNSCHEDULABLE}: {waiting.nowhere(decision.plan)}")
    return notes
