"""Volumes that a node cannot mount, and a pod's network: what the kubelet says, and what to do.

It says so in Events alone, and knows nothing of the fields of a model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flagos_operator.desired.plan import Plan
from flagos_operator.desired.pod import volumes
from flagos_operator.status import patience, places
from flagos_operator.status.pods import alive, condition
from flagos_operator.status.text import bounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flagos_operator.observed.facts import EventFacts, PodFacts
    from flagos_operator.status.view import View

    Volume = Mapping[str, Any]

MOST_ASKED = 3  # pods of one model; others of it wait for the same
SANDBOX = "FailedCreatePodSandBox"
TOLD = frozenset({"FailedMount", "FailedAttachVolume", SANDBOX})
# Of several volumes each is tried again by itself, so none of them is told at the same second.
TOGETHER = timedelta(seconds=30)
CLOCKS = timedelta(seconds=10)  # of an API server and a node, apart
LONGEST_COLUMN = 120  # bytes, of a column of a table

_VOLUME = re.compile(r'\bfor volume "([^"]+)"|\bunmounted volumes=\[([^\s,\]]+)')
# What stands around the cause: the step of the kubelet, its plugin, the command that it ran.
_AROUND = (
    r'^.{1,60}? for volume "[^"]*" ?:? ?',
    r"^Failed to create pod sandbox: ",
    r"rpc error: code = \w+ desc = ",
    r"^hostPath type check failed: ",
    r"^kubernetes\.io/[\w-]+: (?:[\w.]+ failed to [^:]{1,40}: )?",
    r"^mount failed: .*?\bOutput: ",
    r"(?:\bmount(?:\.\w+)?: )?/\S*kubelet/pods/[^\s:]+: ",
    r"\s+dmesg\(1\) may have .*$",
)
_CONTAINER_ID = re.compile(r"\b[0-9a-f]{64}\b")  # another one at each try


@dataclass(frozen=True, slots=True, kw_only=True)
class Cure:
    """`hopeless`: it stays so until somebody acts."""

    pattern: re.Pattern[str]
    step: str
    hopeless: bool = False


def cure(pattern: str, step: str, *, hopeless: bool = False) -> Cure:
    return Cure(pattern=re.compile(pattern), step=step, hopeless=hopeless)


# The first that fits counts.
OF_A_VOLUME = (
    cure(r"references non-existent .*key", "add the key, or correct {field}", hopeless=True),
    cure(r'" not found', "create it, or correct its name in {field}", hopeless=True),
    cure(
        r"hostPath type check failed|^MountVolume.NewMounter .* does not exist",
        "make it on {node}, or correct {field}",
        hopeless=True,
    ),
    cure(
        r"Multi-Attach|already (?:used|attached)",
        "a pod on another node holds it: see {field}",
    ),
    cure(
        r"registered CSI drivers",
        "install that driver on {node}, or change {field}",
    ),
    cure(r"", "check {field}, and that {node} reaches it"),
)
OF_A_SANDBOX = (
    cure(
        r"no runtime for",
        "give {node} that runtime, or correct spec.pod.runtimeClassName",
        hopeless=True,
    ),
    cure(r"", "look at the network plugin and the container runtime of {node}"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    what: str
    words: str
    step: str
    hopeless: bool


def asked(view: View) -> tuple[PodFacts, ...]:
    """Pods about which the cluster may have something to say by now."""
    late = (pod for pod in alive(view) if patience.over(patience.asking(pod), now=view.now))
    return tuple(late)[:MOST_ASKED]


def mounted(pod: PodFacts) -> bool:
    """Volumes come before the network, and both before any container."""
    told = condition(pod, "PodReadyToStartContainers")
    prepared = told is not None and told.status == "True"
    return prepared or any(each.state != "waiting" or each.last for each in pod.containers)


def failure(pod: PodFacts, view: View) -> Failure | None:
    event = _telling(list(_news(pod, view)), view)
    if event is None or not isinstance(view.plan, Plan):
        return None
    if event.reason == SANDBOX:
        return _failure(event, "its network", OF_A_SANDBOX, node=pod.node, field="")
    name = _named(event.message)
    field = " or ".join(_fields(name, view.plan, view))
    what = f"volume {name}" if name else "its volumes"
    return _failure(event, what, OF_A_VOLUME, node=pod.node, field=field)


def message(pod: PodFacts, found: Failure) -> str:
    return f"node {pod.node} cannot prepare {found.what}: {found.words}; {found.step}"


def progress(view: View) -> str:
    found = next(filter(None, (failure(pod, view) for pod in alive(view))), None)
    if found is None:
        return "volumes or network are not prepared"
    return bounded(f"{found.what}: {found.words}", limit=LONGEST_COLUMN)


def _failure(
    event: EventFacts, what: str, cures: Iterable[Cure], *, node: str, field: str
) -> Failure:
    fits = next(each for each in cures if each.pattern.search(event.message))
    return Failure(
        what=what,
        words=_words(event.message),
        step=fits.step.format(field=field, node=node),
        hopeless=fits.hopeless,
    )


def _news(pod: PodFacts, view: View) -> Iterator[EventFacts]:
    """Less what was said before it waited: an Event is kept for an hour."""
    since = patience.preparing(pod)
    for each in view.complaints.get(pod.uid, ()) if since else ():
        if each.reason in TOLD and (each.at is None or since is None or each.at >= since - CLOCKS):
            yield each


def _telling(events: Sequence[EventFacts], view: View) -> EventFacts | None:
    """Of the newest the one whose volume comes first: it stays the same from look to look."""
    newest = max((each.at for each in events if each.at), default=None)
    told = [each for each in events if not (newest and each.at) or each.at >= newest - TOGETHER]
    order = [each["name"] for each in _volumes(view)]

    def rank(each: EventFacts) -> tuple[int, str]:
        name = _named(each.message)
        known = order.index(name) if name in order else len(order)
        return known if name else len(order) + 1, each.message

    return min(told, key=rank, default=None)


def _named(message: str) -> str:
    found = _VOLUME.search(message)
    return found[1] or found[2] if found else ""


def _volumes(view: View) -> list[Volume]:
    return list(volumes(view.plan.pod)) if isinstance(view.plan, Plan) else []


def _fields(name: str, plan: Plan, view: View) -> Iterator[str]:
    """What is on a claim goes by the name of its PersistentVolume, which is not followed."""
    found = _volumes(view)
    mine = [each for each in found if each["name"] == name]
    claims = [each for each in found if "persistentVolumeClaim" in each or "ephemeral" in each]
    for each in mine or claims or found[:1]:
        yield places.of_volume(each, plan, view)


def _words(message: str) -> str:
    told = message.strip()
    for around in _AROUND:
        told = re.sub(around, "", told, count=1, flags=re.DOTALL)
    return _CONTAINER_ID.sub("...", " ".join(told.split())).rstrip(" .")
