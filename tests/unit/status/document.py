"""Writes the tables of docs/status.md: `python -m tests.unit.status.document`."""

from __future__ import annotations

from pathlib import Path

from flagos_operator.status.progress import PHASES
from flagos_operator.status.reasons import Kind, Reason
from flagos_operator.status.remedies import REMEDIES

DOCUMENT = Path(__file__).parents[3] / "docs" / "status.md"
MARK = "<!-- The tables below are written by `python -m tests.unit.status.document`. -->\n"

HEADINGS = {
    Kind.GOOD: "As wished",
    Kind.REST: "At rest, because somebody wished it",
    Kind.MOVING: "Under way",
    Kind.WAITING: "Waits for something outside",
    Kind.FAILED: "Failed, and tried again",
    Kind.BLOCKED: "Does not mend itself: `Stalled` is True",
}
# What the table of a kind does not say by itself.
NOTES = {
    Kind.FAILED: """\
Kubernetes goes on trying, with longer and longer pauses. `Stalled` is True as well where trying
alone cannot help:

- CannotPullImage: the registry answers that the image is not there, or not for this account.
- CannotStart: the program or a path is not in the image, or may not be used.
- CrashLoop, EngineDied, FetchFailed: the line that is told has a known cause that does not pass,
  such as a wrong argument; or the container was restarted three times and ended soon again.

""",
}
# Reasons that never stand against Ready show no phase either.
NO_PHASE = {Kind.GOOD, Kind.REST}


def tables() -> str:
    return "\n".join(
        f"### {HEADINGS[kind]}\n\n{NOTES.get(kind, '')}{table(kind)}" for kind in Kind
    )


def table(kind: Kind) -> str:
    head = "| Reason | Phase | Cause | Cure |\n|---|---|---|---|\n"
    return head + "".join(row(reason) for reason in Reason if reason.kind is kind)


def row(reason: Reason) -> str:
    silent = reason.kind in NO_PHASE or reason is Reason.NO_POD_READY
    phase = PHASES.get(reason, "" if silent else "Failed")
    remedy = REMEDIES[reason]
    return f"| {reason} | {phase} | {remedy.cause} | {remedy.cure} |\n"


def main() -> None:
    written = DOCUMENT.read_text().partition(MARK)[0]
    DOCUMENT.write_text(f"{written}{MARK}\n{tables()}")


if __name__ == "__main__":
    main()
