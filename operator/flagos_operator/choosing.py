"""A release for each model that names only what it wants served: asked for once, then kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flagos_operator.cluster.kinds import Key
from flagos_operator.desired.candidates import candidates, wish
from flagos_operator.desired.refusal import Refusal, refused
from flagos_operator.desired.selection import choose, hopeless, kept, possible
from flagos_operator.desired.wish import Chosen, Market, Previous, Selection

if TYPE_CHECKING:
    from typing import Any

    from flagos_operator.catalog.catalogue import Catalogue
    from flagos_operator.cluster.inventory import Inventory
    from flagos_operator.decisions import Case
    from flagos_operator.desired.wish import Candidate, Wish

CHOOSING = refused(Refusal.CHOOSING, "reading which chips the cluster has free")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    wish: Wish
    catalogue: Catalogue
    selection: Selection


@dataclass(slots=True, kw_only=True)
class Chooser:
    inventory: Inventory
    _waits: dict[Key, Waits] = field(default_factory=dict)
    _of: Catalogue | None = None
    _candidates: tuple[Candidate, ...] = field(default=())

    def choose(self, case: Case) -> Selection | None:
        """None where the spec leaves no choice."""
        wanted = wish(case.spec)
        if wanted is None:
            return None
        key = Key(case.model.namespace, case.model.name)
        before = remembered(case.model.status)
        if not kept(wanted, previous=before):
            before = self._pinned(case, wanted) if before is None else None
        if before:
            return Selection(wish=wanted.words, chosen=again(before))
        return (
            self.inventory.promised(key, wanted.words)
            or self._still(wanted, key, case)
            or self._anew(wanted, key, case)
        )

    def forget(self, key: Key) -> None:
        self._waits.pop(key, None)
        self.inventory.forget(key)

    def _still(self, wanted: Wish, key: Key, case: Case) -> Selection | None:
        """Nothing fitted, and nothing has changed since."""
        waits = self._waits.get(key)
        if waits is None or not self.inventory.waits(key):
            return None
        same = waits.wish == wanted and waits.catalogue is case.catalogue
        return waits.selection if same else None

    def _anew(self, wanted: Wish, key: Key, case: Case) -> Selection:
        known = self._known(case.catalogue)
        if fault := hopeless(wanted, known, chips=case.catalogue.chips):
            return Selection(wish=wanted.words, fault=fault)
        found = self.inventory.ask(key)
        if found is None:
            return Selection(wish=wanted.words, fault=CHOOSING)
        stock, own = found
        market = Market(candidates=known, chips=case.catalogue.chips, stock=stock, own=own)
        selection = choose(wanted, market=market)
        if selection.chosen:
            self._waits.pop(key, None)
            self.inventory.promise(key, selection)
        else:
            waits = Waits(wish=wanted, catalogue=case.catalogue, selection=selection)
            self._waits[key] = waits
            self.inventory.wait(key)
        return selection

    def _pinned(self, case: Case, wanted: Wish) -> Previous | None:
        """A status can be lost, with a backup for one; the rows that a model runs on are not."""
        row = case.pin.release if case.pin else None
        if row is None:
            return None
        published = {each.release: each for each in self._known(case.catalogue)}
        found = published.get(row.name)
        if found and found not in possible(wanted, tuple(published.values())):
            return None
        chip = str(row.fields.get("chip", ""))
        return Previous(wish=wanted.words, release=row.name, chip=chip)

    def _known(self, catalogue: Catalogue) -> tuple[Candidate, ...]:
        if self._of is not catalogue:
            self._of, self._candidates = catalogue, candidates(catalogue)
        return self._candidates


def remembered(status: Mapping[str, Any]) -> Previous | None:
    told = status.get("selection")
    if not isinstance(told, Mapping) or not told.get("release"):
        return None
    return Previous(
        wish=str(told.get("wish", "")),
        release=str(told["release"]),
        chip=str(told.get("chip", "")),
    )


def again(before: Previous) -> Chosen:
    """The words of the choice are in the status already."""
    return Chosen(
        release=before.release, chip=before.chip, message="as it was chosen earlier", kept=True
    )
