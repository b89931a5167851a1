"""What is kept of a server's log while it grows, and whose logs are read for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flagos_operator.status.listening import distil, live_logs
from flagos_operator.status.proof import KEPT, seen
from flagos_operator.status.summary import summarize
from flagos_operator.status.tuning import is_summary, tuning
from tests.unit.status.build import a_container, a_pod, a_view, fetched, starting
from tests.unit.status.read import written
from tests.unit.status.test_proof import LOGS
from tests.unit.status.test_stack import HEAD, ON, STARTED, a_server, asked
from tests.unit.status.test_tuning import at, kernel, started


def dated(text: str) -> list[str]:
    return [at(number, line) for number, line in enumerate(text.rstrip().split("\n"))]


def grown(lines: list[str], *, piece: int, again: int = 0) -> str:
    """As it is read: piece by piece, of which the last lines come again."""
    kept = ""
    for begin in range(0, len(lines), piece):
        kept = distil(kept, "\n".join(lines[max(begin - again, 0) : begin + piece]))
    return kept


@pytest.mark.parametrize("name", [file.stem for file in sorted(LOGS.glob("*.txt"))])
@pytest.mark.parametrize("piece", [1, 4, 1000])
def test_what_is_kept_tells_the_same_stack(name: str, piece: int):
    text = (LOGS / f"{name}.txt").read_text()
    found, whole = seen(grown(dated(text), piece=piece, again=2)), seen(text)
    assert (found.stack, found.line, found.cure) == (whole.stack, whole.line, whole.cure)
    assert found.operators == whole.operators
    assert found.fallbacks == whole.fallbacks


@pytest.mark.parametrize(("piece", "again"), [(1, 0), (7, 3), (50, 50), (1000, 0)])
def test_tuning_is_counted_once_however_often_it_is_read(piece: int, again: int):
    lines = [
        *(kernel(2 * n, 1.5) for n in range(300)),
        started(700),
        *(kernel(n, 0.5) for n in range(800, 900)),
        at(950, "a last line"),
    ]
    kept = grown(lines, piece=piece, again=again)
    found = tuning(kept)
    assert (found.before, round(found.seconds)) == (300, 450)
    assert (found.after, round(found.later)) == (100, 50)
    assert len(kept) < 4000
    assert kept.split("\n")[-1].endswith("a last line")
    assert sum(map(is_summary, kept.split("\n"))) == 1


def test_thousands_of_operators_take_no_room():
    ops = (f"Op 'op{n}' using 'default.flagos' (kind=flagos, vendor=None)" for n in range(5000))
    kept = grown([at(n, line) for n, line in enumerate(ops)], piece=500)
    assert len(kept) < 2000
    assert any(pattern.search(kept) for pattern in KEPT)


class TestWhoIsListenedTo:
    def names(self, view) -> list[tuple[str, bool]]:
        return sorted((each.pod, each.last) for each in live_logs(view))

    def test_a_server_that_starts_is_followed(self):
        pod = a_pod(fetched(), starting(), name="qwen-0", uid="qwen-0")
        assert self.names(a_view(pod, plan=asked())) == [("qwen-0", False)]

    def test_replicas_that_nobody_followed_are_read_once_and_few_at_a_time(self):
        pods = [a_server(f"qwen-{n}") for n in range(9)]
        view = a_view(*pods, plan=asked(replicas=9))
        assert len(self.names(view)) <= 4
        assert all(last for _, last in self.names(view))
        out = frozenset((pod.uid, "server", 0) for pod in pods)
        told = written(view, summarize(view))
        assert self.names(replace(told, heard_out=out)) == []

    def test_what_is_known_is_not_read_again(self):
        pods = [a_server("a"), a_server("b")]
        heard = {(pod.uid, "server", 0): ON for pod in pods}
        view = a_view(*pods, plan=asked(replicas=2), heard=heard)
        known = replace(written(view, summarize(view)), heard={})
        out = replace(known, heard_out=frozenset({("a", "server", 0)}))
        assert self.names(out) == []

    def test_a_server_whose_log_names_kernels_is_listened_to_after_ready(self):
        lines = [*dated(ON), kernel(100, 9), started(200)]
        pod = a_pod(fetched(), a_container(), name="qwen-0", uid="qwen-0")
        heard = {("qwen-0", "server", 0): grown(lines, piece=100)}
        (found,) = live_logs(a_view(pod, plan=asked(), heard=heard))
        assert (found.last, found.pace) == (False, 15.0)

    def test_others_are_left_alone(self):
        pod = a_pod(fetched(), a_container(), name="qwen-0", uid="qwen-0")
        log = grown(dated(f"{ON}"), piece=100)
        view = a_view(pod, plan=asked(), heard={("qwen-0", "server", 0): log})
        assert live_logs(written(view, summarize(view))) == ()
        assert HEAD in log
        assert STARTED in log
