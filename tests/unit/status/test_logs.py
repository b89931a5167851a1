"""Which tails of logs are asked for, and that they reach the message."""

from __future__ import annotations

from pathlib import Path

import pytest

from flagos_operator.status.crashes import LOG_LINES, MOST_LOGS, wanted_logs
from flagos_operator.status.summary import summarize
from tests.unit.status.build import (
    a_container,
    a_pod,
    a_view,
    ago,
    crashed,
    ended,
    fetched,
    starting,
)
from tests.unit.status.read import ready

LOG = (Path(__file__).parent / "logs" / "kv-cache-too-small.txt").read_text()


@pytest.mark.parametrize(
    ("server", "run", "previous"),
    [
        (starting(state="terminated", ended=ended(1), restarts=2), 2, False),
        (crashed(ended(1), restarts=2), 2, True),
        (starting(last=ended(1), restarts=2), 1, True),
        (starting(last=ended(1), restarts=0), 0, True),
    ],
    ids=["just ended", "in back-off", "tries again", "count lost"],
)
def test_the_tail_of_the_run_that_ended_is_wanted(server, run: int, previous: bool):  # noqa: FBT001
    (wanted,) = wanted_logs(a_view(a_pod(fetched(), server)))
    assert wanted.key == ("p0", "server", run)
    assert (wanted.namespace, wanted.pod, wanted.container) == ("prod", "qwen-0", "server")
    assert (wanted.previous, wanted.lines) == (previous, LOG_LINES)


def test_a_tail_that_is_known_is_not_asked_for_again():
    pod = a_pod(fetched(), crashed(ended(1), restarts=2))
    assert wanted_logs(a_view(pod, logs={("p0", "server", 2): ""})) == ()


@pytest.mark.parametrize(
    "containers",
    [
        (fetched(), a_container()),
        (crashed(ended(10), name="fetch", init=True),),
        (crashed(ended(137, reason="OOMKilled")),),
        (crashed(ended(128, reason="StartError")),),
    ],
    ids=["well", "the download reports itself", "killed by the kernel", "never ran"],
)
def test_no_log_is_read_that_would_tell_nothing(containers):
    assert wanted_logs(a_view(a_pod(*containers))) == ()


def test_many_crashing_replicas_do_not_flood_the_api_server():
    pods = [a_pod(crashed(ended(1)), name=f"p{i}", uid=f"u{i}") for i in range(20)]
    assert len(wanted_logs(a_view(*pods))) == MOST_LOGS


def test_the_telling_line_reaches_the_message_from_the_middle_of_the_log():
    pod = a_pod(fetched(), crashed(ended(1, message="Failed core proc(s): {}"), restarts=1))
    view = a_view(pod, logs={("p0", "server", 1): LOG})
    message = ready(summarize(view))["message"]
    assert "the estimated maximum model length" not in message.split("(set")[0][:60]
    assert message.startswith("container server ended with exit code 1: ValueError: To serve at")
    assert message.endswith("(set spec.server.maxModelLen to at most 37872)")


def test_a_log_that_could_not_be_read_leaves_the_kubelets_last_lines():
    pod = a_pod(fetched(), crashed(ended(1, message="OSError: odd"), restarts=1))
    view = a_view(pod, logs={("p0", "server", 1): ""})
    assert "OSError: odd" in ready(summarize(view))["message"]


def test_a_later_run_has_a_log_of_its_own():
    again = starting(last=ended(1, at=3), restarts=3, since=ago(2))
    view = a_view(a_pod(fetched(), again), logs={("p0", "server", 1): LOG})
    assert [each.key for each in wanted_logs(view)] == [("p0", "server", 2)]


def test_a_kill_from_outside_is_told_as_such_unless_the_log_knows_better():
    pod = a_pod(fetched(), crashed(ended(137), restarts=1))
    for log, words in (("half done\n", "killed from outside: by its probe"), (LOG, "maxModelLen")):
        view = a_view(pod, logs={("p0", "server", 1): log})
        message = ready(summarize(view))["message"]
        assert words in message
        assert ("killed from outside" in message) == (log != LOG)
