"""FlagOS really on: the condition, status.stack, what is remembered, strict mode, replicas."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from flagos_operator.api.outcome import Invalid
from flagos_operator.status.stack import unread
from flagos_operator.status.summary import summarize
from tests.unit.status.build import (
    a_condition,
    a_container,
    a_deployment,
    a_model,
    a_plan,
    a_pod,
    a_view,
    ago,
    crashed,
    ended,
    fetched,
    starting,
)
from tests.unit.status.read import condition, kinds, ready, written
from tests.unit.status.test_proof import FAILED, HEAD, LOGS, OPERATOR, PLUGIN, STARTED

if TYPE_CHECKING:
    from flagos_operator.status.summary import Summary
    from flagos_operator.status.view import View

SILENT = f"{HEAD}\n{STARTED}"
ON = f"{PLUGIN}\n{HEAD}\n{OPERATOR}\n{STARTED}"
OFF = f"{FAILED}\n{HEAD}\n{STARTED}"


def asked(mode: str | None = "FlagOS", **change: Any) -> Any:
    return a_plan(mode=mode, **({"engine": "VLLM", "strict": False} | change))


def a_server(name: str = "qwen-0", *, restarts: int = 0, since: float = 600, **change: Any) -> Any:
    """A pod that has been ready for a while."""
    told = (replace(a_condition("Ready", "True"), since=ago(since)),)
    server = a_container(restarts=restarts)
    well = {"name": name, "uid": name, "conditions": told}
    return a_pod(fetched(), server, **(well | change))


def seen(log: str | None, *, plan: Any = None, pod: Any = None, **change: Any) -> View:
    pod = pod or a_server()
    restarts = pod.containers[-1].restarts
    heard = {} if log is None else {(pod.uid, "server", restarts): log}
    return a_view(pod, plan=plan or asked(), heard=heard, **change)


def active(summary: Summary) -> tuple[str, str]:
    told = condition(summary, "FlagOSActive")
    return told["status"], told["reason"]


def message(summary: Summary) -> str:
    words: str = condition(summary, "FlagOSActive")["message"]
    return words


class TestWhatWasAskedForAgainstWhatWasSeen:
    @pytest.mark.parametrize(
        ("mode", "log", "stack", "told", "words"),
        [
            ("FlagOS", ON, "FlagOS", ("True", "PluginLoaded"), "Op 'mm' using 'default.flagos'"),
            (
                "FlagOS",
                f"{PLUGIN}\n{STARTED}",
                "PluginOnly",
                ("True", "PluginLoaded"),
                "no operator of FlagGems",
            ),
            (
                "PluginOnly",
                f"{PLUGIN}\n{STARTED}",
                "PluginOnly",
                ("True", "PluginLoaded"),
                "fl is",
            ),
            ("PluginOnly", ON, "FlagOS", ("True", "PluginLoaded"), "FlagGems is in use though"),
            ("FlagOS", OFF, "Native", ("False", "PluginNotLoaded"), "qwen-0: Failed to load"),
            ("FlagOS", SILENT, "Native", ("False", "PluginNotLoaded"), "no FlagOS plugin"),
            ("PluginOnly", SILENT, "Native", ("False", "PluginNotLoaded"), "no FlagOS plugin"),
            ("Native", SILENT, "Native", ("False", "NativeRequested"), "Native"),
            ("Native", None, "Unknown", ("False", "NativeRequested"), "Native"),
            ("Native", ON, "FlagOS", ("True", "PluginLoaded"), "on though spec.flagos.mode is Na"),
            (None, SILENT, "Native", ("Unknown", "NotChecked"), "asks for nothing"),
            (None, OFF, "Native", ("Unknown", "NotChecked"), "asks for nothing"),
            (None, ON, "FlagOS", ("True", "PluginLoaded"), "proves it"),
            ("FlagOS", None, "Unknown", ("Unknown", "NotChecked"), "could not be read"),
            ("FlagOS", "", "Unknown", ("Unknown", "NotChecked"), "could not be read"),
            ("FlagOS", "all is quiet", "Unknown", ("Unknown", "NotChecked"), "VLLM_LOGGING_LEVEL"),
        ],
    )
    def test_is_told(self, mode, log, stack, told, words):
        summary = summarize(seen(log, plan=asked(mode)))
        assert summary.status["stack"] == stack
        assert active(summary) == told
        assert words in message(summary)
        assert ready(summary)["status"] == "True"

    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("flagos", "True"),
            ("flagcx-missing", "True"),
            ("no-flaggems", "False"),
            ("bad-variable", "False"),
            ("plugin-left-out", "False"),
            ("no-plugin", "False"),
        ],
    )
    def test_from_whole_logs(self, name: str, told: str):
        summary = summarize(seen((LOGS / f"{name}.txt").read_text()))
        assert active(summary)[0] == told

    def test_of_a_model_that_nothing_was_made_for_no_image_is_judged(self):
        summary = summarize(a_view(plan=Invalid(reason="InvalidSpec", message="x")))
        assert active(summary) == ("Unknown", "NotChecked")
        assert message(summary) == (
            "the spec is not followed, so no server is judged by it; Ready says why"
        )

    @pytest.mark.parametrize("engine", ["SGLang", "Custom"])
    def test_of_another_engine_silence_says_nothing(self, engine: str):
        plan = asked(engine=engine)
        silent = summarize(seen(SILENT, plan=plan))
        assert (active(silent), silent.status["stack"]) == (("Unknown", "NotChecked"), "Unknown")
        assert "only the words of vLLM" in message(silent)
        assert active(summarize(seen(ON, plan=plan)))[0] == "True"
        assert active(summarize(seen(OFF, plan=plan)))[0] == "False"

    def test_a_silent_native_server_is_an_event_and_a_proof_is_none(self):
        assert ("Warning", "PluginNotLoaded") in kinds(summarize(seen(OFF)).events)
        assert "PluginLoaded" not in dict(map(reversed, kinds(summarize(seen(ON)).events)))
        told = summarize(seen(OFF))
        assert summarize(written(seen(OFF), told)).events == ()


class TestNothingIsClaimedWhileItStarts:
    def test_of_what_nobody_asked_for_nothing_is_awaited(self):
        pod = a_pod(fetched(), starting(), name="qwen-0", uid="qwen-0")
        summary = summarize(seen(HEAD, pod=pod, plan=asked(None)))
        assert active(summary) == ("Unknown", "NotChecked")

    def test_silence_is_no_proof(self):
        pod = a_pod(fetched(), starting(), name="qwen-0", uid="qwen-0")
        summary = summarize(seen(HEAD, pod=pod))
        assert (active(summary), summary.status["stack"]) == (("Unknown", "Starting"), "Unknown")

    def test_a_plugin_is_proof_and_how_much_of_it_is_told_later(self):
        pod = a_pod(fetched(), starting(), name="qwen-0", uid="qwen-0")
        summary = summarize(seen(f"{PLUGIN}\n{HEAD}", pod=pod))
        assert active(summary) == ("True", "PluginLoaded")
        assert summary.status["stack"] == "Unknown"
        assert summarize(seen(f"{PLUGIN}\n{OPERATOR}", pod=pod)).status["stack"] == "FlagOS"

    def test_a_failed_plugin_is_told_at_once(self):
        pod = a_pod(fetched(), starting(), name="qwen-0", uid="qwen-0")
        summary = summarize(seen(f"{FAILED}\n{HEAD}", pod=pod))
        assert active(summary) == ("False", "PluginNotLoaded")
        assert summary.status["stack"] == "Unknown"

    def test_a_server_that_just_became_ready_may_be_read_late(self):
        fresh = seen(HEAD, pod=a_server(since=30))
        assert active(summarize(fresh)) == ("Unknown", "Starting")
        assert summarize(fresh).requeue_after == 60
        assert active(summarize(seen(HEAD, pod=a_server(since=91)))) == (
            "False",
            "PluginNotLoaded",
        )

    def test_no_pod_proves_nothing(self):
        summary = summarize(a_view(plan=asked()))
        assert (active(summary), summary.status["stack"]) == (("Unknown", "NotRunning"), "Unknown")

    def test_a_server_that_crashed_does_not_run(self):
        pod = a_pod(fetched(), crashed(ended(1)), uid="qwen-0")
        assert active(summarize(seen(ON, pod=pod))) == ("Unknown", "NotRunning")


class TestItIsRemembered:
    @pytest.mark.parametrize("log", [ON, OFF, SILENT, f"{PLUGIN}\n{STARTED}"])
    def test_while_the_run_lasts(self, log: str):
        view = seen(log)
        first = summarize(view)
        again = summarize(replace(written(view, first), heard={}))
        assert again.status == first.status

    def test_operators_and_fallbacks_too(self):
        view = seen((LOGS / "flagcx-missing.txt").read_text())
        first = summarize(view)
        assert first.status["flagos"]["fallbacks"] == [
            "flagcx is not available: communication by gloo"
        ]
        assert first.status["flagos"]["operators"][0] == "attention_backend"
        again = summarize(replace(written(view, first), heard={}))
        assert again.status["flagos"] == first.status["flagos"]

    def test_that_a_log_does_not_tell_is_known_too_and_it_is_not_read_again(self):
        view = seen("all is quiet")
        assert [pod.name for pod in unread(view)] == ["qwen-0"]
        view = replace(view, heard_out=frozenset({("qwen-0", "server", 0)}))
        told = written(view, summarize(view))
        assert told.model.status["flagos"]["runs"] == {"qwen-0/0": "Unknown"}
        later = replace(told, heard={}, heard_out=frozenset())
        assert unread(later) == ()
        assert active(summarize(later)) == ("Unknown", "NotChecked")
        better = replace(later, heard={("qwen-0", "server", 0): ON})
        assert active(summarize(better)) == ("True", "PluginLoaded")

    @pytest.mark.parametrize("mode", [None, "Native"])
    def test_who_asked_for_nothing_is_not_read_for_it(self, mode):
        assert unread(seen(None, plan=asked(mode))) == ()

    def test_a_model_that_becomes_strict_later_has_words_too(self):
        view = seen(SILENT, plan=asked(None))
        told = written(view, summarize(view))
        assert told.model.status["flagos"]["runs"] == {"qwen-0/0": "Native"}
        strict = summarize(replace(told, plan=asked(None, strict=True), heard={}))
        assert ready(strict)["message"] == (
            "qwen-0: no FlagOS was seen in its log (spec.flagos.strict)"
        )

    def test_the_next_run_is_judged_anew(self):
        view = seen(ON)
        told = written(view, summarize(view))
        next_run = replace(told, pods=(a_server(restarts=1),), heard={})
        assert active(summarize(next_run)) == ("Unknown", "NotChecked")
        assert "flagos" not in summarize(next_run).status

    def test_a_new_template_is_judged_anew(self):
        view = seen(ON)
        told = written(view, summarize(view))
        assert (
            summarize(replace(told, plan=replace(asked(), template="t2"))).status["stack"]
            == "Unknown"
        )

    def test_what_was_proven_is_not_taken_back(self):
        view = seen(ON)
        told = written(view, summarize(view))
        for log in (HEAD, SILENT, OFF):
            later = replace(told, heard={("qwen-0", "server", 0): log})
            assert active(summarize(later)) == ("True", "PluginLoaded")

    def test_what_was_missed_is_corrected(self):
        view = seen(SILENT)
        told = written(view, summarize(view))
        later = replace(told, heard={("qwen-0", "server", 0): ON})
        assert active(summarize(later)) == ("True", "PluginLoaded")

    def test_a_plugin_that_one_process_failed_to_load_is_no_longer_trusted(self):
        view = seen(f"{PLUGIN}\n{STARTED}")
        told = written(view, summarize(view))
        later = replace(told, heard={("qwen-0", "server", 0): f"{PLUGIN}\n{FAILED}\n{STARTED}"})
        assert active(summarize(later)) == ("False", "PluginNotLoaded")

    def test_an_invalid_edit_changes_nothing_of_what_runs(self):
        view = seen(ON)
        told = written(view, summarize(view))
        wrong = replace(told, plan=Invalid(reason="InvalidSpec", message="x"), heard={})
        assert summarize(wrong).status["stack"] == "FlagOS"

    @pytest.mark.parametrize(
        "flagos",
        [
            None,
            "x",
            [],
            {"runs": []},
            {"runs": {"qwen-0/0": 7}},
            {"runs": {"qwen-0/0": "Moon: x"}, "operators": "x", "fallbacks": [1, None]},
        ],
    )
    def test_a_status_of_another_hand_is_harmless(self, flagos: Any):
        summary = summarize(seen(None, model=a_model(status={"flagos": flagos})))
        assert active(summary) == ("Unknown", "NotChecked")

    def test_it_stays_small(self):
        long = f"{FAILED}\n{HEAD}\n{STARTED}".replace("fl\n", "fl " + "x" * 5000 + "\n")
        pods = [a_server(f"qwen-{n:02}") for n in range(200)]
        heard = {(pod.uid, "server", 0): long for pod in pods}
        plan = asked(replicas=200)
        view = a_view(*pods, plan=plan, heard=heard)
        summary = summarize(view)
        status = summary.status
        assert len(status["flagos"]["runs"]) == 64
        assert len(str(status["flagos"])) < 6000
        assert condition(summary, "FlagOSActive")["message"].startswith("qwen-00: Failed to load")
        told = written(view, summary)
        assert active(summarize(replace(told, heard={}))) == ("False", "PluginNotLoaded")


class TestSeveralReplicas:
    def two(self, first: str | None, second: str | None, **change: Any) -> Summary:
        logs = {("a", "server", 0): first, ("b", "server", 0): second}
        pods = (a_server("a"), a_server("b", **change))
        heard = {key: log for key, log in logs.items() if log is not None}
        plan, deployment = asked(replicas=2), a_deployment(wanted=2, replicas=2)
        return summarize(a_view(*pods, plan=plan, heard=heard, deployment=deployment))

    def test_the_worst_counts_and_is_named(self):
        for summary in (self.two(ON, OFF), self.two(OFF, ON)):
            assert active(summary) == ("False", "PluginNotLoaded")
            assert summary.status["stack"] == "Native"
        assert message(self.two(ON, OFF)).startswith("b: ")
        assert message(self.two(OFF, ON)).startswith("a: ")

    def test_one_that_nobody_could_read_is_counted(self):
        summary = self.two(ON, None)
        assert (active(summary), summary.status["stack"]) == (("True", "PluginLoaded"), "FlagOS")
        assert "the log proves it, of 1 of 2 pods: " in message(summary)
        assert active(self.two(None, OFF)) == ("False", "PluginNotLoaded")

    def test_one_that_may_still_tell_says_nothing_against_the_others(self):
        assert active(self.two(ON, HEAD, since=10)) == ("True", "PluginLoaded")

    def test_one_that_starts_says_nothing_against_those_that_serve(self):
        summary = self.two(ON, OFF, ready=False)
        assert active(summary) == ("True", "PluginLoaded")
