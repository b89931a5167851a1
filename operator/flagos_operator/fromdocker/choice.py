"""Which of a card's lines is the server: one, or the one with FlagOS, or it has to be said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flagos_operator.api.managed import ENV
from flagos_operator.fromdocker.environment import OFF
from flagos_operator.fromdocker.report import UnclearError, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flagos_operator.fromdocker.card import Card, Serve
    from flagos_operator.fromdocker.report import Report
    from flagos_operator.fromdocker.shell import Arg
    from flagos_operator.fromdocker.wishes import Wishes

STACK = {*ENV, "USE_FLAGOS"}


def server(card: Card, *, wishes: Wishes, report: Report) -> Serve:
    found = candidates(card, line=wishes.line)
    if not found:
        raise UnclearError(nothing(card))
    chosen = preferred(distinct(found), report)
    for run in card.runs:
        if run is not chosen.run:
            why = "left out: nothing that is typed in it starts the server that was taken"
            report.say(f"docker run of {run.image.text if run.image else '?'}", why, line=run.line)
    return chosen


def candidates(card: Card, *, line: int | None) -> list[Serve]:
    """Servers, else scripts; a line that somebody chooses may be any program."""
    if line is not None:
        return at_line(
            [placed(s, card) for s in (*card.serves, *card.scripts, *card.programs)], line
        )
    found = [placed(serve, card) for serve in card.serves or card.scripts]
    filled = [serve for serve in found if not any(map(is_blank, serve.argv))]
    return filled or found


def is_blank(arg: Arg) -> bool:
    """`<MODEL_NAME>`, for the reader to fill in: a line that shows how others are written."""
    return any(unknown.startswith("<") for unknown in arg.unknown)


def nothing(card: Card) -> str:
    if card.programs:
        first = card.programs[0]
        return (
            f"line {first.line}: {shortened(first.source)} is a script of Python's, not known to "
            f"answer requests, and no other line starts a server; --line {first.line} takes it "
            "all the same"
        )
    if card.foreign and not card.runs:
        return card.foreign
    what = "a container, but no" if card.runs else "no container, and no"
    return (
        f"{what} line that starts a server in it was found: `vllm serve`, "
        "`python -m sglang.launch_server`, `flagscale serve` or a script `*.sh`; commands are "
        "read from shell blocks, or from lines that begin with them"
    )


def placed(serve: Serve, card: Card) -> Serve:
    """A line without a container of its own belongs to the only one there is."""
    if serve.run is not None or len(card.runs) != 1:
        return serve
    return replace(serve, run=card.runs[0])


def at_line(found: Sequence[Serve], line: int) -> list[Serve]:
    exact = [serve for serve in found if serve.line == line]
    if not exact:
        told = ", ".join(str(serve.line) for serve in found) or "none"
        raise UnclearError(f"--line {line}: no server starts there; they start at: {told}")
    return exact


def texts(args: Sequence[Arg]) -> tuple[str, ...]:
    return tuple(arg.text for arg in args)


def same_but_stack(serve: Serve) -> object:
    env = {item.name: item.value.text for item in serve.env if item.name not in STACK}
    return (texts(serve.argv), tuple(sorted(env.items())), serve.before, image_of(serve))


def image_of(serve: Serve) -> str:
    return serve.run.image.text if serve.run and serve.run.image else ""


def stack(serve: Serve) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((v.name, v.value.text) for v in serve.env if v.name in STACK))


def distinct(found: Sequence[Serve]) -> list[Serve]:
    seen: dict[object, Serve] = {}
    for serve in found:
        seen.setdefault((same_but_stack(serve), stack(serve)), serve)
    return list(seen.values())


def turned_on(serve: Serve) -> int:
    return sum(value.lower() not in OFF for _, value in stack(serve))


def of_several_nodes(serve: Serve) -> bool:
    return any(arg.text.startswith("--nnodes") for arg in serve.argv)


def preferred(found: Sequence[Serve], report: Report) -> Serve:
    """Lines that differ in FlagOS alone are one server, with it and without."""
    if len(found) == 1 or all(map(of_several_nodes, found)):
        return found[0]  # several nodes are refused, whichever of them is looked at
    ranked = sorted(found, key=turned_on, reverse=True)
    alike = len({same_but_stack(serve) for serve in found}) == 1
    if not alike or turned_on(ranked[0]) == turned_on(ranked[1]):
        told = "; ".join(f"line {serve.line}: {shortened(serve.source)}" for serve in found)
        raise UnclearError(f"several lines start a server: {told}; choose one with --line")
    for other in ranked[1:]:
        why = (
            f"left out: the same server with less of FlagOS; line {ranked[0].line} was taken, "
            "flagos.mode PluginOnly is without FlagGems"
        )
        report.say(other.source, why, line=other.line)
    return ranked[0]
