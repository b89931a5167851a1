"""Writes the tables of docs/status.md: `python -m tests.unit.status.document`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flagos_operator.status.causes import EXITS
from flagos_operator.status.explain import FROM_OUTSIDE
from flagos_operator.status.loglines import telling
from flagos_operator.status.progress import PHASES
from flagos_operator.status.reasons import Kind, Reason
from flagos_operator.status.remedies import REMEDIES
from tests.unit.status.lines import LINES, LOGS, OPERATORS
from tests.unit.status.unseen import LINES as UNSEEN

if TYPE_CHECKING:
    from collections.abc import Iterator

SINGLE = (*LINES, *UNSEEN)
WHOLE = (*(file.read_text() for file in sorted(LOGS.glob("*.txt"))), *OPERATORS.values())
DOCUMENT = Path(__file__).parents[3] / "docs" / "status.md"
MARK = "<!-- The tables below are written by `python -m tests.unit.status.document`. -->\n"

HEADINGS = {
    Kind.GOOD: "As wished",
    Kind.DOUBT: "Served all the same: `UpToDate` stays True, and an Event warns",
    Kind.REST: "At rest, because somebody wished it",
    Kind.MOVING: "Under way",
    Kind.WAITING: "Waits for something outside",
    Kind.FAILED: "Failed, and tried again",
    Kind.BLOCKED: "Does not mend itself: `Stalled` is True",
}
# What the table of a kind does not say by itself.
NOTES = {
    Kind.WAITING: """\
None of these is `Stalled`, but for NoReleaseFits where nothing that comes to the cluster can
help: the model is published for none of `spec.model.chips`, or each of its releases is refused for
what somebody has to change in the spec or the release.

""",
    Kind.FAILED: """\
Kubernetes goes on trying, with longer and longer pauses. `Stalled` is True as well where trying
alone cannot help:

- CannotPullImage: the registry answers that the image is not there, or not for this account.
- CannotStart: the program or a path is not in the image, or may not be used.
- FetchFailed: the line that is told has a known cause that does not pass.
- CannotStart, FetchFailed, InternalError, ChecksumMismatch, OutOfMemory, StartupBudgetExceeded,
  EngineDied, CrashLoop and all from DeviceBusy on: the container was restarted three times and
  ended soon again, within ten minutes (with StartupBudgetExceeded however late).
  Ten times where the cause is known to pass by itself: DeviceBusy, CacheLocked, PortInUse,
  Terminated.
- SourceUnreachable and RateLimited never are: the hub comes back.

""",
}
# Reasons that never stand against Ready show no phase either.
NO_PHASE = {Kind.GOOD, Kind.DOUBT, Kind.REST}


def tables() -> str:
    kinds = [f"### {HEADINGS[kind]}\n\n{NOTES.get(kind, '')}{table(kind)}" for kind in Kind]
    return "\n".join([*kinds, lines()])


LINES_HEAD = """\
### Lines that a failed start is read from

Examples of each; the rules are made for the kind, so that other chips and versions are told too.
Where several fit, the more particular one counts, wherever it stands in the log.

| Reason | Line |
|---|---|
"""
SHOWN, WIDTH = 3, 110


def lines() -> str:
    """From the fixtures, so that what is shown here is what the tests have tried."""
    told = [(reason, line) for line, reason in SINGLE if reason]
    told += [(str(found.reason), found.line) for found in map(telling, WHOLE) if found]
    rows = []
    for reason in Reason:
        examples = [line for name, line in told if name == reason][:SHOWN]
        rows += [f"| {reason} | `{cut(line)}` |\n" for line in examples]
    return LINES_HEAD + "".join(rows) + EXITS_HEAD + "".join(exit_rows())


EXITS_HEAD = """
Where no line is known, the exit code tells:

| Exit code | Reason | Cure |
|---|---|---|
"""


OF_ANOTHER_KIND = {
    0: ("EngineDied", REMEDIES[Reason.ENGINE_DIED].cure),
    137: ("CrashLoop; OutOfMemory where the kubelet says OOMKilled", FROM_OUTSIDE),
}


def exit_rows() -> Iterator[str]:
    """What 0 and 137 mean depends on more than the code, so they are decided elsewhere."""
    rows = {code: (str(found.reason), found.cure) for code, found in EXITS.items()}
    for code, (reason, cure) in sorted({**rows, **OF_ANOTHER_KIND}.items()):
        yield f"| {code} | {reason} | {cure} |\n"


def cut(line: str) -> str:
    shown = line if len(line) <= WIDTH else f"{line[:WIDTH]}..."
    return shown.strip().replace("|", "/").replace("`", "'")


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
