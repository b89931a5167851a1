"""The conductor: one pass makes one model so, and says how it is.

It reads the store and never an event, so a pass that runs twice, late or after a restart is
harmless. A pass never waits: what needs time is looked at again later.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from flagos_operator.api.spec import stopped_by
from flagos_operator.cluster.apply import kind_of
from flagos_operator.cluster.kinds import DEPLOYMENT, JOB, MODEL, PIN, Key
from flagos_operator.desired.pin import manifest as manifest_of
from flagos_operator.desired.plan import ObjectRef, Plan
from flagos_operator.desired.render import render
from flagos_operator.engine.workers import Next
from flagos_operator.errors import ClaimRefused, NotFound, OperatorError
from flagos_operator.status import mounts, prechecks, waiting
from flagos_operator.status.checks import reclaiming
from flagos_operator.status.conditions import is_ready
from flagos_operator.status.crashes import wanted_logs
from flagos_operator.status.durations import of_phases, seconds_to_first_ready
from flagos_operator.status.listening import live_logs
from flagos_operator.status.summary import Summary, summarize
from flagos_operator.status.view import Objection, View

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from flagos_operator.api.outcome import Invalid
    from flagos_operator.cluster.apply import Applier, Manifest
    from flagos_operator.cluster.complaints import Complaints
    from flagos_operator.cluster.fleets import Fleets
    from flagos_operator.cluster.listener import Listener
    from flagos_operator.cluster.pins import Pins
    from flagos_operator.cluster.recorder import Recorder
    from flagos_operator.cluster.statuses import Statuses
    from flagos_operator.cluster.store import Snapshot, Store
    from flagos_operator.cluster.suspicions import Suspicions
    from flagos_operator.cluster.tails import Tails
    from flagos_operator.cluster.verdicts import Verdicts
    from flagos_operator.decisions import Decision, Decisions
    from flagos_operator.desired.pin import Pin
    from flagos_operator.observed.facts import JobFacts, ModelFacts
    from flagos_operator.retention import Retention

log = logging.getLogger(__name__)

HELD_AGAIN = 5.0


def _asks(model: ModelFacts) -> tuple[int, str]:
    """All that a user can have changed; the annotation moves no generation."""
    return model.generation, model.verify


def _told(fault: OperatorError | None) -> Objection | None:
    if fault is None or not fault.reason:
        return None
    return Objection(reason=fault.reason, message=str(fault))


def _writes(manifest: Manifest) -> bool:
    """Whether pods of it put weights in place, or look for them."""
    return manifest["kind"] == DEPLOYMENT.name or (
        manifest["kind"] == JOB.name and not manifest["spec"].get("suspend")
    )


@dataclass(slots=True, kw_only=True)
class Pass:
    """What one pass did; `fault` is what stopped it from doing more."""

    changed: list[str] = field(default_factory=list)
    fault: OperatorError | None = None
    aside: ClaimRefused | None = None  # a fault that stopped nothing: all else was done
    outdated: bool = False  # the model was edited meanwhile, and the store knows it already
    held: JobFacts | None = None  # what the pods have to wait for
    look_again: float | None = None
    look_for_logs: float | None = None
    look_for_events: float | None = None

    def next(self, summary: Summary | None) -> Next:
        told = summary.requeue_after if summary else None
        held = HELD_AGAIN if self.held else None
        looks = (self.look_again, self.look_for_logs, self.look_for_events)
        times = [each for each in (told, held, *looks) if each is not None]
        return Next(after=0.0 if self.outdated else min(times, default=None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Conductor:
    store: Store
    applier: Applier
    statuses: Statuses
    tails: Tails
    complaints: Complaints
    listener: Listener
    recorder: Recorder
    suspicions: Suspicions
    retention: Retention
    verdicts: Verdicts
    decisions: Decisions
    fleets: Fleets
    pins: Pins
    now: Callable[[], datetime]
    started: Callable[[float], None]  # seconds from a model's creation to its first Ready
    lasted: Callable[[str, str, float], None]  # phase of a start, chip, seconds

    async def reconcile(self, key: Key) -> Next:
        seen = self.store.snapshot(key)
        if seen.model is None or seen.model.deleting:
            self._forget(key)
            # Owner references clean up, but for what was to be removed with the model.
            return Next(after=await self.retention.settle(seen))
        decision = self.decisions.of(seen, seen.model)
        done = await self._realize(decision, seen, seen.model)
        summary = await self._tell(key, decision, done, generation=seen.model.generation)
        if done.changed:
            phase = summary.status.get("phase") if summary else None
            log.info("%s", key, extra={"changed": done.changed, "phase": phase})
        if done.fault:
            raise done.fault
        return done.next(summary)

    async def _realize(self, decision: Decision, seen: Snapshot, model: ModelFacts) -> Pass:
        """An invalid spec changes nothing, but a stop is a stop.

        Pruning waits until all else is in place: a half-done pass never takes away what serves.
        """
        done, plan = Pass(), decision.plan
        try:
            if pin := decision.pin or decision.noted(seen):
                await self._pin(pin, seen, done)
            await self._share(plan, seen, model, done)
            if isinstance(plan, Plan):
                done.held = self.retention.held(plan)
                await self._apply(plan, model, done)
                if not done.held:
                    await self._prune(plan, seen, model, done)
            elif stopped_by(model.raw) and await self.applier.halt(seen, model=model):
                done.changed.append("Deployment")
            done.look_again = await self.retention.settle(seen)
        except OperatorError as fault:
            done.fault = fault
        return done

    async def _share(
        self, plan: Plan | Invalid, seen: Snapshot, model: ModelFacts, done: Pass
    ) -> None:
        """Before anything starts that could lose its files with another model."""
        tied = await self.retention.tie(seen, model)
        freed = isinstance(plan, Plan) and await self.retention.free(seen, plan)
        if tied or freed:
            done.changed.append("owners")

    async def _apply(self, plan: Plan, model: ModelFacts, done: Pass) -> None:
        """What is refused but is there from before holds up nothing.

        A claim that cannot grow, for one: the rest of an edit is made so all the same.
        """
        manifests = render(plan)
        refused: list[OperatorError] = []
        self.applier.recall(manifests, model=model)
        for manifest in manifests:
            if done.held and _writes(manifest):
                continue
            try:
                if await self.applier.apply(manifest, model=model):
                    done.changed.append(manifest["kind"])
            except OperatorError as fault:
                if not fault.reason or not self.applier.has(manifest, model=model):
                    raise
                refused.append(fault)
        if refused:
            worse = (fault for fault in refused if not isinstance(fault, ClaimRefused))
            told = next(worse, refused[0])
            done.aside = told if isinstance(told, ClaimRefused) else None
            raise told

    async def _prune(self, plan: Plan, seen: Snapshot, model: ModelFacts, done: Pass) -> None:
        if await self.retention.untie(model):
            done.changed.append("owners")
        for stale in seen.owned:
            kind = kind_of(stale).name
            wanted = ObjectRef(kind=kind, namespace=stale.namespace, name=stale.name)
            if wanted in plan.owns:
                continue
            if await self.retention.hand_over(stale, model=model):
                done.changed.append("owners")
            elif await self.applier.prune(stale, model=model):
                done.changed.append(f"-{kind}")

    async def _tell(
        self, key: Key, decision: Decision, done: Pass, *, generation: int
    ) -> Summary | None:
        """Status is written also when something else could not be; the first fault counts.

        It is about the edit that the plan was made from: another may have come meanwhile.
        """
        seen, plan = self.store.snapshot(key), decision.plan  # anew, with what was applied
        if seen.model is None or seen.model.deleting:
            return None
        fault = self.suspicions.confirmed(key, done.fault)
        judged = replace(seen.model, generation=generation)
        view = self._view(seen, judged, decision=decision, fault=None if done.aside else fault)
        view = replace(view, claim_refused=_told(done.aside))
        view = self._with_fleet(view, key)
        if done.held:
            view = replace(view, refused=view.refused or reclaiming(done.held))
        if isinstance(plan, Plan) and not done.fault and not done.held:
            view = replace(view, applied=self.applier.fingerprint(seen.model))
        view = replace(view, logs=await self.tails.complete(key, wanted_logs(view)))
        done.look_for_logs = self.tails.look_again(key)
        told = await self.complaints.of(key, mounts.asked(view))
        view = replace(view, complaints=told)
        done.look_for_events = self.complaints.look_again(key)
        self.listener.want(key, live_logs(view))
        view = await self._with_verdict(view, seen, done)
        summary = summarize(view)
        try:
            # First: a row that changes in between must find it.
            await self._pin_if_ready(decision, summary, seen, done)
            await self._publish(summary, model=seen.model, done=done)
        except NotFound:
            self.store.gone(MODEL, key)
        except OperatorError as fault:
            done.fault = done.fault or fault
        return summary

    async def _pin(self, pin: Pin, seen: Snapshot, done: Pass) -> None:
        if await self.pins.keep(manifest_of(pin), seen=seen):
            done.changed.append(PIN.name)

    async def _pin_if_ready(
        self, decision: Decision, summary: Summary, seen: Snapshot, done: Pass
    ) -> None:
        pin = decision.first_pin(seen) if is_ready(summary.status) else None
        if pin:
            await self._pin(pin, seen, done)

    async def _with_verdict(self, view: View, seen: Snapshot, done: Pass) -> View:
        if not isinstance(view.plan, Plan):
            return view
        try:
            verified = await self.verdicts.of(view.plan, seen)
        except OperatorError as fault:
            done.fault = done.fault or fault
            return view
        if verified:
            done.look_again = 0.0  # the Job is wanted no more
        return replace(view, verified=verified)

    async def _publish(self, summary: Summary, *, model: ModelFacts, done: Pass) -> None:
        written = await self.statuses.write(summary.status, model=model)
        if written is None:
            return
        # The answer brought the edit into the store, so the edit's own event will be no news.
        done.outdated = written.deleting or _asks(written) != _asks(model)
        if written.resource_version == model.resource_version:
            return
        done.changed.append("status")
        seconds = seconds_to_first_ready(model, summary.status)
        if seconds is not None:
            self.started(seconds)
        for phase, lasted in of_phases(model.status, summary.status):
            chip = summary.status.get("resolved", {}).get("chip", "")
            self.lasted(phase, chip, lasted)
        for place, event in enumerate(summary.events):
            await self.recorder.record(event, model=written, place=place)

    def _view(
        self,
        seen: Snapshot,
        model: ModelFacts,
        *,
        decision: Decision,
        fault: OperatorError | None,
    ) -> View:
        key = Key(model.namespace, model.name)
        return View(
            model=model,
            plan=decision.plan,
            behind=decision.behind,
            warning=decision.warning,
            selection=decision.selection,
            deployment=seen.deployment,
            pods=seen.pods,
            children=seen.children,
            now=self.now(),
            refused=_told(fault),
            logs=self.tails.known(key, seen.pods),
            heard=self.listener.heard(key, seen.pods),
            heard_out=self.listener.heard_out(key),
            silent=self.listener.silent(key),
        )

    def _with_fleet(self, view: View, key: Key) -> View:
        resource = prechecks.looks(view)
        if not resource:
            self.fleets.forget(key)
            return view
        view = replace(view, fleet=self.fleets.of(key, resource))
        self.fleets.hope(key, hopes=waiting.is_absent(view) or bool(prechecks.too_small(view)))
        return view

    def _forget(self, key: Key) -> None:
        self.applier.forget(key)
        self.suspicions.forget(key)
        self.tails.forget(key)
        self.complaints.forget(key)
        self.listener.forget(key)
        self.decisions.forget(key)
        self.fleets.forget(key)
