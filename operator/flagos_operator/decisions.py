"""What a model is made from: its spec, and rows of the catalogue as they are or as they were.

A model that was ever Ready keeps the rows that it was made from (desired/pin.py); so does one that
has a ready pod of what was made last, which may have become so while no operator looked. Possible
scenarios, where a row has changed since:

    the newest rows give the pods that run        take them: nothing rolls
    a restart was asked for (kubectl rollout      take them
      restart)
    the spec was edited so that pods roll anyway  take them
    else                                          what was kept stays, and UpToDate says so
    a row is gone, or is of no use any more       what was kept stays, also through edits

They are written down before the first pods are made, and hold nothing until then. So without a pin
that holds the newest rows count: a model that was never Ready, or was Ready under an operator
that kept none and gets its pin now. But where an operator from before the chips' own lists of
operators has made the pods that run, it gets that chip as its pin: an upgrade rolls nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from flagos_operator.api.outcome import Invalid
from flagos_operator.api.spec import INVALID, parse
from flagos_operator.catalog.chips import before_lists, chip_of
from flagos_operator.catalog.rows import Row, Rows, chip_row, row
from flagos_operator.cluster.kinds import Key
from flagos_operator.desired.given import Defaults, Meta
from flagos_operator.desired.pin import Pin
from flagos_operator.desired.plan import Plan, decide, keeping, with_reclaim, with_release
from flagos_operator.desired.resolution import resolve, taken, unknown
from flagos_operator.desired.room import bytes_of
from flagos_operator.desired.wish import Selection
from flagos_operator.status.rows import changed, failed
from flagos_operator.status.verification import last_verified

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from flagos_operator.api.rules import Raw
    from flagos_operator.api.spec import FlagOSModelSpec
    from flagos_operator.catalog.catalogue import Catalogue
    from flagos_operator.catalog.chips import Chips
    from flagos_operator.cluster.store import Snapshot
    from flagos_operator.observed.facts import DeploymentFacts, ModelFacts, PinFacts
    from flagos_operator.status.view import Objection


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One model at one moment. `release` is the row that its spec comes to, if any."""

    seen: Snapshot
    model: ModelFacts
    spec: FlagOSModelSpec
    catalogue: Catalogue
    release: str | None = None

    @property
    def live(self) -> DeploymentFacts | None:
        return self.seen.deployment

    @property
    def pin(self) -> PinFacts | None:
        """Rows that are proven hold, and those of pods that serve, told or not."""
        last = _last(self.seen)
        return last if last and (last.proven or self._serves) else None

    @property
    def _serves(self) -> bool:
        live = self.live
        return live is not None and any(
            pod.ready and not pod.deleting and pod.template == live.template
            for pod in self.seen.pods
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """Rows for one spec, be they of the catalogue or kept; `fault` is why they are of no use."""

    chips: Chips
    chip: Row | None = None
    release: Row | None = None
    weights: int | None = None  # bytes of the release's, as it says
    fault: Invalid | None = None

    @property
    def rows(self) -> Rows | None:
        if self.chip is None or self.fault:
            return None
        return Rows(chip=self.chip, release=self.release)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    plan: Plan | Invalid
    rows: Rows | None = None  # that the plan was made from
    behind: Objection | None = None  # what the catalogue has anew
    warning: Objection | None = None
    pin: Pin | None = None  # to be written before anything is made from it
    selection: Selection | None = None  # of a spec that leaves its release to the operator

    def first_pin(self, seen: Snapshot) -> Pin | None:
        """For a model that is about to be told Ready and has none that is proven."""
        last = _last(seen)
        if (last and last.proven) or self.pin or self.rows is None:
            return None
        if not isinstance(self.plan, Plan):
            return None
        pin = _pin(self.plan, self.rows, live=seen.deployment, before=last)
        return replace(pin, revision=last.revision) if last and _rows(last) == self.rows else pin

    def noted(self, seen: Snapshot) -> Pin | None:
        """Before the first pods are made: they may become ready while no operator looks."""
        last = _last(seen)
        pin = self.first_pin(seen)
        if pin is None or (last and _rows(last) == self.rows):
            return None
        return replace(pin, proven=False)


def no_choice(case: Case) -> Selection:
    """Of a decision without a cluster."""
    name = case.spec.model.name if case.spec.model else ""
    message = f"spec.model: no release can be chosen for {name} here; name one in spec.release"
    return Selection(wish=name, fault=Invalid(reason=INVALID, message=message))


@dataclass(slots=True, kw_only=True)
class Supplier:
    """Texts of a catalogue's rows; they hold as long as the catalogue is the same object."""

    _of: Catalogue | None = None
    _chips: dict[str, Row] = field(default_factory=dict)
    _releases: dict[str, Row] = field(default_factory=dict)

    def supply(self, catalogue: Catalogue, spec: FlagOSModelSpec, name: str | None) -> Supply:
        if self._of is not catalogue:
            self._of, self._chips, self._releases = catalogue, {}, {}
        if name is None:
            return self._on_chip(catalogue, str(spec.chip))
        release = self._release(catalogue, name)
        if isinstance(release, Invalid):
            return Supply(chips=catalogue.chips, fault=release)
        chip = spec.chip or catalogue.releases[name].spec.chip
        weights = bytes_of(catalogue.releases[name].spec.published.size)
        return replace(self._on_chip(catalogue, chip), release=release, weights=weights)

    def _release(self, catalogue: Catalogue, name: str) -> Row | Invalid:
        if name in catalogue.faulty_releases:
            return catalogue.faulty_releases[name]
        found = catalogue.releases.get(name)
        if found is None:
            return unknown(name, known=catalogue.releases)
        if name not in self._releases:
            self._releases[name] = row(name, taken(found.sent))
        return self._releases[name]

    def _on_chip(self, catalogue: Catalogue, name: str) -> Supply:
        found = catalogue.chips.get(name)
        if found is None:
            return Supply(chips=catalogue.chips, fault=catalogue.faulty_chips.get(name))
        if name not in self._chips:
            self._chips[name] = chip_row(name, found)
        return Supply(chips=catalogue.chips, chip=self._chips[name])


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """All that a plan is made from, but for the operator's settings."""

    spec: object  # as it was sent
    meta: Meta
    supply: Supply


@dataclass(slots=True, kw_only=True)
class Decisions:
    catalogue: Callable[[], Catalogue]
    defaults: Defaults
    # Names the row for a spec that names a model.
    choose: Callable[[Case], Selection | None] = no_choice
    forgotten: Callable[[Key], None] = lambda _: None
    _supplier: Supplier = field(default_factory=Supplier)
    # The last plan of each model: most passes are about news of its pods, and decide the same.
    _made: dict[Key, tuple[Given, Plan | Invalid]] = field(default_factory=dict)

    def forget(self, key: Key) -> None:
        """Of a model that is gone."""
        self._made.pop(key, None)
        self.forgotten(key)

    def of(self, seen: Snapshot, model: ModelFacts) -> Decision:
        spec = parse(model.raw)
        if isinstance(spec, Invalid):
            return Decision(plan=spec)
        case = Case(seen=seen, model=model, spec=spec, catalogue=self.catalogue())
        made = self.choose(case) if spec.model else None
        if made and made.fault:
            return Decision(plan=made.fault, selection=made)
        name = made.chosen.release if made and made.chosen else spec.release
        decision = self._weigh(replace(case, release=name))
        found = case.catalogue.releases.get(name or "")
        return replace(decision, warning=failed(found) if found else None, selection=made)

    def _weigh(self, case: Case) -> Decision:
        newest = self._supplier.supply(case.catalogue, case.spec, case.release)
        new, pin = self._plan(case, newest), case.pin
        if pin is None:
            older = self._from_before_lists(case, newest) if not _runs(new, case.live) else None
            return older or Decision(plan=new, rows=newest.rows)
        kept = None if _rows(pin) == newest.rows else _kept(case, pin)
        if kept is None or _runs(new, case.live):
            return _adopted(new, newest.rows, pin=pin, live=case.live)
        old = self._plan(case, kept)
        rolls = _restarted(pin, case.live) or (_edited(case.model) and not _runs(old, case.live))
        if isinstance(new, Plan) and rolls:
            return _adopted(new, newest.rows, pin=pin, live=case.live)
        told = changed(_rows(pin), newest.rows, known=case.release in case.catalogue.releases)
        return replace(_adopted(old, kept.rows, pin=pin, live=case.live), behind=told)

    def _from_before_lists(self, case: Case, newest: Supply) -> Decision | None:
        supply, live = without_lists(newest), case.live
        if supply is None or supply.rows is None or live is None:
            return None
        plan = self._plan(case, supply)
        if not isinstance(plan, Plan) or not _runs(plan, live):
            return None
        told = changed(supply.rows, newest.rows, known=True)
        pin = _pin(plan, supply.rows, live=live, before=None)
        return Decision(plan=plan, rows=supply.rows, behind=told, pin=pin)

    def _plan(self, case: Case, supply: Supply) -> Plan | Invalid:
        """An upgrade of the operator renders anew what it renders, but rolls no pod for it.

        While what an older one has rendered is what it would render, it stays.
        """
        live = case.live
        plan = self._decided(case, supply)
        if isinstance(plan, Plan) and live and live.template != plan.template:
            found = self._of_older_operators(case, supply, live)
            before = next((each for each in found if each.template == live.template), None)
            plan = with_reclaim(before, plan.reclaim) if before else plan
        if isinstance(plan, Plan):
            return keeping(plan, ((job.name, job.image) for job in case.seen.jobs))
        return plan

    def _decided(self, case: Case, supply: Supply) -> Plan | Invalid:
        model = case.model
        key = Key(model.namespace, model.name)
        given = Given(spec=model.raw.get("spec"), meta=meta_of(model), supply=supply)
        made = self._made.get(key)
        if made is None or made[0] != given:
            made = self._made[key] = given, decided(case, supply, defaults=self.defaults)
        return made[1]

    def _of_older_operators(
        self, case: Case, supply: Supply, live: DeploymentFacts
    ) -> Iterator[Plan]:
        """What can be read from the Deployment is; what cannot is tried, newest first."""
        found = replace(
            self.defaults,
            fetch_image=live.fetch_image or self.defaults.fetch_image,
            live_budget=live.budget_seconds,
        )
        for given in (found, replace(found, plain_token=True)):
            plan = decided(case, supply, defaults=given)
            if isinstance(plan, Plan):
                yield plan


def decided(case: Case, supply: Supply, *, defaults: Defaults) -> Plan | Invalid:
    meta = meta_of(case.model)
    return planned(case.model.raw, case.spec, supply, meta=meta, defaults=defaults)


def meta_of(model: ModelFacts) -> Meta:
    return Meta(
        namespace=model.namespace,
        name=model.name,
        uid=model.uid,
        generation=model.generation,
        verify=model.verify,
        verified=last_verified(model.status),
    )


def planned(
    raw: Raw, spec: FlagOSModelSpec, supply: Supply, *, meta: Meta, defaults: Defaults
) -> Plan | Invalid:
    """`spec` is `raw` typed."""
    if supply.fault:
        return supply.fault
    complete = resolve(raw, spec, release=supply.release, chips=supply.chips)
    if isinstance(complete, Invalid):
        return complete
    plan = decide(complete, meta=meta, defaults=defaults, chips=supply.chips)
    if isinstance(plan, Invalid) or supply.release is None:
        return plan
    weights = None if spec.source else supply.weights
    return with_release(plan, supply.release.name, weights=weights)


def without_lists(supply: Supply) -> Supply | None:
    """As an operator had it that brought no lists of operators with its chips."""
    name = supply.chip.name if supply.chip else ""
    chip = before_lists(name, supply.chips[name]) if name else None
    if chip is None:
        return None
    return replace(supply, chips={**supply.chips, name: chip}, chip=chip_row(name, chip))


def users(
    models: Iterable[ModelFacts], *, chips: Collection[str] = (), releases: Collection[str] = ()
) -> Iterator[ModelFacts]:
    """Whom a change of these rows may concern."""
    for model in models:
        spec, told = _map(model.raw, "spec"), _map(model.status, "resolved")
        named = {str(spec.get("release")), str(told.get("release"))}
        runs_on = {str(spec.get("chip")), str(told.get("chip"))}
        if named & {*releases} or runs_on & {*chips} or "model" in spec:
            yield model


def _kept(case: Case, pin: PinFacts) -> Supply | None:
    """What the pin gives to this spec; None: the spec comes to other rows by now."""
    if (pin.release.name if pin.release else None) != case.release:
        return None
    wanted = case.spec.chip or (pin.release.fields.get("chip") if pin.release else None)
    if wanted != pin.chip.name:
        return None
    chip = chip_of(pin.chip.name, pin.chip.fields)
    if isinstance(chip, Invalid):
        return None
    chips = {**case.catalogue.chips, pin.chip.name: chip}
    return Supply(chips=chips, chip=pin.chip, release=pin.release)


def _last(seen: Snapshot) -> PinFacts | None:
    return seen.pins[-1] if seen.pins else None


def _rows(pin: PinFacts) -> Rows:
    return Rows(chip=pin.chip, release=pin.release)


def _adopted(
    plan: Plan | Invalid, rows: Rows | None, *, pin: PinFacts, live: DeploymentFacts | None
) -> Decision:
    """With a pin to be written where the one that there is holds something else."""
    if not isinstance(plan, Plan) or rows is None:
        return Decision(plan=plan, rows=rows)
    if _rows(pin) == rows and not _restarted(pin, live):
        return Decision(plan=plan, rows=rows)
    return Decision(plan=plan, rows=rows, pin=_pin(plan, rows, live=live, before=pin))


def _pin(plan: Plan, rows: Rows, *, live: DeploymentFacts | None, before: PinFacts | None) -> Pin:
    restarted = (live.restarted if live else "") or (before.restarted if before else "")
    revision = before.revision + 1 if before else 1
    return Pin(meta=plan.meta, rows=rows, revision=revision, restarted=restarted)


def _runs(plan: Plan | Invalid, live: DeploymentFacts | None) -> bool:
    return isinstance(plan, Plan) and live is not None and plan.template == live.template


def _restarted(pin: PinFacts, live: DeploymentFacts | None) -> bool:
    return live is not None and live.restarted not in ("", pin.restarted)


def _edited(model: ModelFacts) -> bool:
    """Since it was last looked at; what was done to the Deployment is no edit."""
    return model.status.get("observedGeneration") != model.generation


def _map(holder: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = holder.get(name)
    return found if isinstance(found, Mapping) else {}
