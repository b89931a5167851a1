"""What the replayed servers write: recorded logs, with shorter times or with times of ours."""

from __future__ import annotations

from itertools import cycle, islice
from pathlib import Path

from flagos_operator.status.crashes import LOG_LINES

TESTS = Path(__file__).parents[1]
STARTS = TESTS / "data" / "timed"
FAILURES = TESTS / "unit" / "status" / "logs"
READY = "Application startup complete"

PACE = 0.1  # a second of the real start
LONGEST_PAUSE = 2.5
CRASHES_AFTER = 8.0  # longer than the target: a crash that only the next one tells is seen

Moment = tuple[float, str]


def starts() -> dict[str, str]:
    """By name; a script ends when the server is up."""
    found = {f"start-{file.stem}": file.read_text() for file in sorted(STARTS.glob("*.txt"))}
    return {name: script(hastened(until_ready(moments(text)))) for name, text in found.items()}


def failures() -> dict[str, str]:
    """The logs themselves, by name."""
    return {file.stem: file.read_text() for file in sorted(FAILURES.glob("*.txt"))}


def crash(text: str) -> str:
    """A log without times, spread over a while."""
    told = text.splitlines()
    return script([(CRASHES_AFTER * at / len(told), line) for at, line in enumerate(told, 1)])


def of_200_lines(text: str, *, before: str) -> str:
    """As the operator reads it: a failure at the end of a long log."""
    told = text.splitlines()[-LOG_LINES:]
    filler = list(islice(cycle(before.splitlines()), LOG_LINES - len(told)))
    return "\n".join([*filler, *told])


def moments(text: str) -> list[Moment]:
    pairs = (line.partition(" ") for line in text.splitlines())
    return [(float(seconds), said) for seconds, _, said in pairs]


def until_ready(told: list[Moment]) -> list[Moment]:
    end = next(at for at, (_, said) in enumerate(told) if READY in said)
    return told[: end + 1]


def hastened(told: list[Moment]) -> list[Moment]:
    """Steps keep their proportions, but none makes the bench wait for long."""
    now, before, found = 0.0, 0.0, []
    for seconds, said in told:
        now += min(PACE * (seconds - before), LONGEST_PAUSE)
        before = seconds
        found.append((now, said))
    return found


def script(told: list[Moment]) -> str:
    return "".join(f"{seconds:.3f} {said}\n" for seconds, said in told)
