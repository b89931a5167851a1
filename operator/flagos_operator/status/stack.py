"""Which stack the pods of a model were seen to run, against the one that was asked for.

Each run of a server is judged once its log tells, and remembered in the status for as long as it
lasts: logs are read while a server starts, and neither the log nor the operator lives as long.
Silence proves nothing before the start is over. Of several pods the worst counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flagos_operator.desired.plan import Plan
from flagos_operator.status import patience, proof
from flagos_operator.status.memory import RUN_WORDS, runs
from flagos_operator.status.pods import SERVER, alive, container, serving
from flagos_operator.status.reasons import Reason
from flagos_operator.status.text import bounded, pods
from flagos_operator.status.view import Culprit, Objection

if TYPE_CHECKING:
    from datetime import datetime

    from flagos_operator.observed.facts import ContainerFacts, PodFacts
    from flagos_operator.status.logs import LogKey
    from flagos_operator.status.view import View

TRUE, FALSE, UNKNOWN = "True", "False", "Unknown"
# Worst first. What is not known is worse than what is, and better than a native server.
ORDER = (proof.NATIVE, proof.UNKNOWN, proof.PLUGIN_ONLY, proof.FLAGOS)
MOST_RUNS, MOST_WORDS = 64, 8
HOW_TO_READ = "restart the pod to have its log read from the start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A server that runs, and what is known of it. `read`: its log was read from its head."""

    pod: PodFacts
    key: str
    log: LogKey
    seen: proof.Seen
    read: bool
    waits: bool  # what it has not said yet it may still say


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    status: str
    reason: str
    message: str = ""


def judge(view: View) -> Verdict:
    """The condition FlagOSActive."""
    run = worst(view)
    if run is None:
        return _idle(view)
    if _proven(run):
        words = _told_before(run, view=view) or _proof(run, view=view)
        return Verdict(status=TRUE, reason=Reason.PLUGIN_LOADED, message=words)
    if not _wants_it(view):
        return _idle(view)
    if _absent(run):
        return Verdict(status=FALSE, reason=Reason.PLUGIN_NOT_LOADED, message=_lack(run))
    if run.waits:
        words = f"{run.pod.name}: nothing in its log proves FlagOS so far"
        return Verdict(status=UNKNOWN, reason=Reason.STARTING, message=words)
    return Verdict(status=UNKNOWN, reason=Reason.NOT_CHECKED, message=_unknown(run, view=view))


def seen(view: View) -> str:
    """For status.stack."""
    run = worst(view)
    return run.seen.stack if run else proof.UNKNOWN


def fields(view: View) -> dict[str, Any]:
    """For status.flagos: what logs prove, and of which runs it is known."""
    known = _runs(view)
    told = {
        "operators": sorted({each for run in known for each in run.seen.operators}),
        "fallbacks": sorted({each for run in known for each in run.seen.fallbacks}),
    }
    old = view.model.status.get("flagos") or {}
    same = any(run.key in runs(view.model.status) for run in known)
    kept = {key: value or (old.get(key, []) if same else []) for key, value in told.items()}
    if not (learnt := _learnt(known, view=view)):
        return {}
    shown = {key: value[: proof.MOST_OPERATORS] for key, value in kept.items() if value}
    return {**shown, "runs": learnt}


def _learnt(known: list[Run], *, view: View) -> dict[str, str]:
    """The worst first, and words for those only: a status has little room."""
    learnt = (run for run in known if _settled(run) or _given_up(run, view=view))
    kept = sorted(learnt, key=lambda run: (_rank(run), run.key))[:MOST_RUNS]
    told = {run.key: run.seen.stack for run in kept}
    if _wants_it(view):
        told |= {run.key: _remembered(run) for run in kept[:MOST_WORDS]}
    return dict(sorted(told.items()))


def _given_up(run: Run, *, view: View) -> bool:
    """That a log was read and does not tell is remembered too: it is not asked again."""
    known = runs(view.model.status)
    return run.key in known or (_wants_it(view) and run.log in view.heard_out)


def against_ready(view: View) -> Objection | None:
    """spec.flagos.strict: a pod that answers without FlagOS does not make the model Ready."""
    run = worst(view)
    if not _strict(view) or run is None or _proven(run) or not run.pod.ready:
        return None
    if _mode(view) == "Native":
        words = "spec.flagos.strict asks for FlagOS and the chip's mode is Native"
        return _against(run, Reason.PLUGIN_NOT_LOADED, f"{words}: set spec.flagos.mode")
    if _absent(run):
        return _against(run, Reason.PLUGIN_NOT_LOADED, f"{_lack(run)} (spec.flagos.strict)")
    return None


def unproven(view: View) -> Objection | None:
    """Strict too: proof is outstanding though the pod answers."""
    run = worst(view)
    if not _strict(view) or run is None or _proven(run) or not run.pod.ready:
        return None
    if run.waits:
        words = f"waiting for proof in the log of {run.pod.name} that FlagOS is on"
        return _against(run, Reason.STARTING, f"{words} (spec.flagos.strict)")
    words = f"{_unknown(run, view=view)} (spec.flagos.strict)"
    return _against(run, Reason.FLAGOS_UNPROVEN, words)


def worst(view: View) -> Run | None:
    """Of those that are known; one of which nothing is says nothing against the others."""
    candidates = _candidates(view)
    judged = [run for run in candidates if _known(run)]
    return min(judged or candidates, key=_rank, default=None)


def unread(view: View) -> tuple[PodFacts, ...]:
    """Pods that answer and whose logs might still tell what they run, were they read."""
    known = [run for run in _runs(view) if run.pod.ready]
    lacking = [run for run in known if not _settled(run)]
    if not _wants_it(view) or len(known) - len(lacking) >= MOST_RUNS:
        return ()
    return tuple(run.pod for run in lacking if not _given_up(run, view=view))


def _settled(run: Run) -> bool:
    return run.seen.stack != proof.UNKNOWN


def _candidates(view: View) -> list[Run]:
    """Pods that answer; while none does, those that start."""
    known = _runs(view)
    return [run for run in known if run.pod.ready] or known


def _known(run: Run) -> bool:
    return _settled(run) or run.seen.plugin or run.seen.failed


def _rank(run: Run) -> tuple[int, bool]:
    return ORDER.index(run.seen.stack), not run.seen.failed


def _runs(view: View) -> list[Run]:
    """A spec that is invalid rolls nothing: what it had made before still runs."""
    found = alive(view) if isinstance(view.plan, Plan) else serving(view)
    servers = ((pod, container(pod, SERVER)) for pod in found)
    return [_run(pod, each, view=view) for pod, each in servers if each and _runs_now(each)]


def _runs_now(server: ContainerFacts) -> bool:
    return server.state == "running"


def _run(pod: PodFacts, server: ContainerFacts, *, view: View) -> Run:
    key, log = f"{pod.name}/{server.restarts}", (pod.uid, SERVER, server.restarts)
    text = view.heard.get(log, "")
    late = log in view.heard_out or patience.over(patience.proof(pod), now=view.now)
    over = pod.ready and late
    now = proof.seen(text, over=over and _is_vllm(view)) if text else proof.Seen()
    if now.stack == proof.NATIVE and not _is_vllm(view) and not now.failed:
        now = proof.Seen(started=now.started)  # another engine has other words, or none
    old = _remember(runs(view.model.status).get(key, ""))
    best = old if old and old.stack != proof.UNKNOWN and _stands(old, now) else now
    lost = pod.ready and not text and not _strict(view)
    settled = best.stack != proof.UNKNOWN or over or lost
    return Run(pod=pod, key=key, log=log, seen=best, read=bool(text), waits=not settled)


def _stands(old: proof.Seen, now: proof.Seen) -> bool:
    """What was proven stays so; else what the log says now counts, where it says anything."""
    return now.stack == proof.UNKNOWN or (old.stack == proof.FLAGOS and now.stack != old.stack)


def _remembered(run: Run) -> str:
    """`Native: Failed to load plugin fl: ...`: the stack, and for what is amiss its line."""
    if _proven(run) or not _settled(run):
        return run.seen.stack
    return bounded(f"{run.seen.stack}: {_lack(run)}", limit=RUN_WORDS)


def _remember(words: str) -> proof.Seen | None:
    stack, _, lack = words.partition(": ")
    if stack not in ORDER:
        return None
    plugin = stack in {proof.FLAGOS, proof.PLUGIN_ONLY}
    return proof.Seen(stack=stack, line=lack, plugin=plugin and not lack, failed=bool(lack))


def _proven(run: Run) -> bool:
    """With FlagGems or without: that is told beside it."""
    return run.seen.plugin and not run.seen.cure


def _absent(run: Run) -> bool:
    return run.seen.stack == proof.NATIVE or run.seen.failed or bool(run.seen.cure)


def _mode(view: View) -> str | None:
    return view.plan.mode if isinstance(view.plan, Plan) else None


def _strict(view: View) -> bool:
    return isinstance(view.plan, Plan) and view.plan.strict


def _asked_for(view: View) -> bool:
    return _mode(view) is not None or _strict(view)


def _wants_it(view: View) -> bool:
    return _asked_for(view) and _mode(view) != "Native"


def _is_vllm(view: View) -> bool:
    return isinstance(view.plan, Plan) and view.plan.engine == "VLLM"


def _idle(view: View) -> Verdict:
    if _mode(view) == "Native":
        return Verdict(status=FALSE, reason=Reason.NATIVE_REQUESTED)
    if _asked_for(view):
        return Verdict(status=UNKNOWN, reason=Reason.NOT_RUNNING)
    if not isinstance(view.plan, Plan):
        words = "the spec is not followed, so no server is judged by it; Ready says why"
        return Verdict(status=UNKNOWN, reason=Reason.NOT_CHECKED, message=words)
    words = "spec.flagos asks for nothing and the image does not say that FlagOS is inside"
    return Verdict(status=UNKNOWN, reason=Reason.NOT_CHECKED, message=words)


def _proof(run: Run, *, view: View) -> str:
    wanted = _mode(view)
    said = f"{_share(view)}: {run.seen.line}" if run.seen.line else _share(view)
    if wanted == "Native":
        return f"FlagOS is on though spec.flagos.mode is Native{said}"
    if run.seen.stack == proof.PLUGIN_ONLY and wanted == "FlagOS":
        return f"the plugin is loaded, and the log shows no operator of FlagGems{said}"
    if run.seen.stack == proof.FLAGOS and wanted == "PluginOnly":
        return f"FlagGems is in use though spec.flagos.mode is PluginOnly{said}"
    return f"the log proves it{said}"


def _share(view: View) -> str:
    candidates = _candidates(view)
    told = sum(map(_known, candidates))
    return "" if told == len(candidates) else f", of {told} of {pods(len(candidates))}"


def _told_before(run: Run, *, view: View) -> str:
    """What is only remembered is told in the words of the log that was read."""
    if run.read:
        return ""
    conditions = view.model.status.get("conditions") or ()
    loaded = (each for each in conditions if each.get("reason") == Reason.PLUGIN_LOADED)
    return next((str(each.get("message", "")) for each in loaded), "")


def _lack(run: Run) -> str:
    """Remembered words are whole already."""
    if not run.seen.cure:
        return run.seen.line or f"{run.pod.name}: no FlagOS was seen in its log"
    said = run.seen.line or "its log has no word of FlagOS"
    return f"{run.pod.name}: {said} ({run.seen.cure})"


def _unknown(run: Run, *, view: View) -> str:
    if not run.read:
        return f"the log of {run.pod.name} could not be read from its start: {HOW_TO_READ}"
    if not _is_vllm(view):
        return "only the words of vLLM and its plugin are known; the log has none of them"
    return f"the log of {run.pod.name} does not tell: is VLLM_LOGGING_LEVEL above INFO?"


def _against(run: Run, reason: Reason, message: str) -> Objection:
    culprit = Culprit(pod=run.pod.name, node=run.pod.node, container=SERVER)
    return Objection(reason=reason, message=message, culprit=culprit)


def next_look(view: View) -> datetime | None:
    """When the silence of a log that was read becomes proof."""
    waiting = (run.pod for run in _runs(view) if run.waits and run.pod.ready)
    return min(filter(None, map(patience.proof, waiting)), default=None)
