"""Where a model says what the API server found wrong with what was made from it.

Of a Deployment it names paths: `.spec.template.spec.volumes[name="x"].hostpath`. Pod Security
names volumes: `hostPath volumes (volume "x")`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flagos_operator.desired import fetch, weights
from flagos_operator.desired.pod import volumes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flagos_operator.desired.plan import Plan
    from flagos_operator.status.view import View

    Volume = Mapping[str, Any]

_PATH = re.compile(r'\.?\bspec\.template\.((?:spec|metadata)(?:\.[\w-]+|\["?[^\]\s]*\])*)')
_VOLUMES = re.compile(r'\bvolumes? ("[^"]*"(?:, "[^"]*")*)')
_QUOTED = re.compile(r'"([^"]*)"')
_COUNTED = re.compile(r"^spec\.(containers|initContainers|volumes)\[(\d+)\]")

# The first that fits the beginning of a path, without `spec.template.`, counts.
PLACES: tuple[tuple[str, str], ...] = (
    (r"spec\.containers\[server\]\.image\b", "spec.image"),
    (r"spec\.containers\[server\]\.imagePullPolicy", "spec.imagePullPolicy"),
    (r"spec\.containers\[server\]\.ports(?:\[\w*\])?(?:\.\w+)?", "spec.server.port"),
    (r"spec\.containers\[server\]\.\w+Probe", "spec.startup"),
    (r"spec\.containers\[server\]", "spec.server"),
    (r"spec\.initContainers\[fetch\]", "spec.fetch"),
    (r"spec\.volumes\[weights\]", "spec.weights"),
    (r"spec\.volumes\[shm\](?:\.emptyDir\.sizeLimit)?", "spec.server.sharedMemory"),
    (r"spec\.imagePullSecrets", "spec.imagePullSecrets"),
    (r"spec\.", "spec.pod."),
    (r"metadata\.", "spec.pod."),
)
# What stands around it: whose object it was, and words for programmers.
WORDS: tuple[tuple[str, str], ...] = (
    (r"failed to (?:create typed patch object|convert new object) \([^)]*\): (?:errors:\s+)?", ""),
    (r'Deployment\.apps "[^"]*" is invalid: ', ""),
    (r"field not declared in schema", "there is no such field"),
)
_PLACES = tuple((re.compile(pattern), field) for pattern, field in PLACES)
_WORDS = tuple((re.compile(pattern), words) for pattern, words in WORDS)


def named(message: str, plan: Plan) -> str:
    """The message with fields of the model; one that has no such path stays as it is."""
    told = _PATH.sub(lambda found: _field(found[1], plan), message)
    if told == message:
        return message
    for pattern, words in _WORDS:
        told = pattern.sub(words, told)
    return told


def of_volumes(message: str, plan: Plan, view: View) -> str:
    """The message with the fields that ask for the volumes it names."""
    fields = {each["name"]: of_volume(each, plan, view) for each in volumes(plan.pod)}

    def told(found: re.Match[str]) -> str:
        names = _QUOTED.findall(found[1])
        return ", ".join(dict.fromkeys(fields.get(name, f'"{name}"') for name in names))

    return _VOLUMES.sub(told, message)


def of_volume(volume: Volume, plan: Plan, view: View) -> str:
    """The field that asks for it; `volume` as it stands in the pod."""
    if volume["name"] == weights.VOLUME:
        return _of_weights(volume, plan)
    if volume["name"] == fetch.CA_VOLUME:
        return "spec.source.caBundleConfigMapRef"
    said = ((view.model.raw.get("spec") or {}).get("pod") or {}).get("volumes") or ()
    if any(each.get("name") == volume["name"] for each in said):
        return f"spec.pod.volumes[{volume['name']}]"
    return f"the volumes of spec.chip {plan.chip}"


def _of_weights(volume: Volume, plan: Plan) -> str:
    kind = next(each for each in volume if each != "name")
    if plan.source.startswith(f"{kind}:"):
        return f"spec.source.{kind}"
    made = plan.claim is not None and kind == "persistentVolumeClaim"
    return f"spec.weights.{'volumeClaimTemplate' if made else kind}"


def _field(path: str, plan: Plan) -> str:
    path = re.sub(r'\[\w+="([^"]*)"\]', r"[\1]", path)
    path = _COUNTED.sub(lambda found: _by_name(found[1], int(found[2]), plan), path)
    path = re.sub(r"(env|envFrom|volumeMounts)\[\d+\]", r"\1[]", path)  # the operator adds some
    fits = (pattern.sub(field, path, count=1) for pattern, field in _PLACES if pattern.match(path))
    return next(fits, path)


def _by_name(items: str, number: int, plan: Plan) -> str:
    """The operator's own ones stand among them, so the user would count otherwise."""
    pod = plan.pod
    names = {
        "containers": ("server", *(each["name"] for each in pod.containers)),
        "initContainers": (*(each["name"] for each in pod.init_containers), "fetch"),
        "volumes": tuple(each["name"] for each in volumes(pod)),
    }[items]
    return f"spec.{items}[{names[number] if number < len(names) else number}]"
