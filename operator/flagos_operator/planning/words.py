"""Outlooks in words for people, and as one object for programs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flagos_operator.desired.wish import Selection
    from flagos_operator.planning.changes import Change
    from flagos_operator.planning.outlook import Outlook

DONE = {
    "create": "to create",
    "change": "to change",
    "delete": "to delete",
    "keep": "unchanged",
    "refused": "refused",
    "rendered": "to apply",
}
WIDTH = 100


def as_words(outlook: Outlook, *, asked: str) -> str:
    parts = (
        [f"{outlook.title} in namespace {outlook.namespace} ({asked})\n"],
        choice(outlook),
        fault(outlook),
        table("fields", [(each.path, each.layer, cut(each.value)) for each in outlook.fields]),
        memory(outlook),
        table("objects", [row(each) for each in outlook.changes]),
        (f"  note: {each}\n" for each in outlook.notes),
        (f"\n{each.diff}" for each in outlook.changes if each.diff),
        [f"\n{summary(outlook)}\n"],
    )
    return "".join(line for part in parts for line in part)


def choice(outlook: Outlook) -> Iterator[str]:
    if outlook.selection:
        yield from selection(outlook.selection)
    elif outlook.release:
        yield f"  release   {outlook.release}: named in spec.release\n"


def selection(found: Selection) -> Iterator[str]:
    if found.chosen:
        yield f"  release   {found.chosen.release}: {found.chosen.message}\n"
    if found.unchecked:
        yield f"  unchecked {found.unchecked}\n"
    rejected = [(each.release, each.reason, each.message) for each in found.rejected]
    yield from table("rejected", rejected)


def fault(outlook: Outlook) -> Iterator[str]:
    if outlook.fault:
        yield f"  refused   {outlook.fault.reason}: {outlook.fault.message}\n"


def memory(outlook: Outlook) -> Iterator[str]:
    if outlook.memory:
        yield f"  memory    {outlook.memory.verdict}: {outlook.memory.message}\n"


def row(change: Change) -> tuple[str, str, str]:
    return change.title, DONE[change.action], change.message or rolling(change)


def rolling(change: Change) -> str:
    if not change.rolls:
        return ""
    pods = f"rolls {counted(change.pods, 'pod')}" if change.pods else "no pod runs that would roll"
    return f"{pods}: {', '.join(change.rolls)}"


def counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def table(title: str, rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    if not rows:
        return
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    yield f"  {title}\n"
    for first, second, rest in rows:
        line = f"    {first:{widths[0]}}  {second:{widths[1]}}  {' '.join(rest.split())}"
        yield f"{line.rstrip()}\n"


def cut(text: str) -> str:
    """Of much text the beginning is enough, up to a word; --json has all of it."""
    flat = " ".join(text.split())
    if len(flat) <= WIDTH:
        return flat
    end = flat.rfind(" ", 0, WIDTH - 3)
    # One long word is an image, a path or an address: its end is what matters.
    return f"{flat[:end]} ..." if end > 0 else flat


def summary(outlook: Outlook) -> str:
    if outlook.fault:
        return f"{outlook.name or 'this model'}: refused, nothing would change"
    counts = Counter(DONE[each.action] for each in outlook.changes)
    told = ", ".join(f"{counts[word]} {word}" for word in DONE.values() if counts[word])
    gap = "".join(f"; {interruption(each)}" for each in outlook.changes if each.pods)
    return f"{outlook.name}: {told}{gap}"


def interruption(change: Change) -> str:
    """What whoever asks the model meets meanwhile."""
    rolls = f"rolls {counted(change.pods, 'pod')}"
    if not change.ends_first:
        return rolls
    if change.pods == 1:
        return f"{rolls}: nothing answers until the new one is ready"
    return f"{rolls}, one at a time: each ends before its successor starts"


def as_json(outlooks: Iterable[Outlook], *, asked: str, code: int) -> dict[str, Any]:
    return {"asked": asked, "exitCode": code, "models": [described(each) for each in outlooks]}


def described(outlook: Outlook) -> dict[str, Any]:
    problem = outlook.fault
    return {
        "title": outlook.title,
        "namespace": outlook.namespace,
        "name": outlook.name,
        "fault": {"reason": problem.reason, "message": problem.message} if problem else None,
        "release": outlook.release,
        "selection": chosen(outlook.selection) if outlook.selection else None,
        "fields": [
            {"path": each.path, "value": each.value, "layer": each.layer}
            for each in outlook.fields
        ],
        "memory": arithmetic(outlook),
        "objects": [changed(each) for each in outlook.changes],
        "notes": list(outlook.notes),
    }


def chosen(found: Selection) -> dict[str, Any]:
    return {
        "wish": found.wish,
        "release": found.chosen.release if found.chosen else None,
        "chip": found.chosen.chip if found.chosen else None,
        "message": found.chosen.message if found.chosen else None,
        "unchecked": found.unchecked or None,
        "rejected": [
            {
                "release": each.release,
                "chip": each.chip,
                "reason": str(each.reason),
                "message": each.message,
            }
            for each in found.rejected
        ],
    }


def arithmetic(outlook: Outlook) -> dict[str, Any] | None:
    found = outlook.memory
    if found is None:
        return None
    return {
        "verdict": str(found.verdict),
        "message": found.message,
        "sure": found.sure,
        "weightsBytes": found.weights,
        "cacheBytes": found.cache,
        "overheadBytes": found.overhead,
        "usableBytes": found.usable,
        "longestTokens": found.longest,
        "fewestDevices": found.fewest,
    }


def changed(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "name": change.name,
        "action": str(change.action),
        "message": change.message or None,
        "rolls": list(change.rolls),
        "pods": change.pods,
        "endsFirst": change.ends_first,
        "diff": change.diff or None,
        "manifest": change.manifest,
    }
