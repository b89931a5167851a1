"""Where a user can act on a failed download: its field, in the words of this model's spec.

`fetch` names the field that only it can know: of the hub or the mirror that has failed. All else
is said here, also for a pod whose `fetch` is of an older operator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flagos_operator.status.reasons import Reason
from flagos_operator.status.text import LONGEST_MESSAGE, bounded

if TYPE_CHECKING:
    from collections.abc import Callable

    from flagos_operator.desired.plan import Plan

HUBS = ("modelscope", "huggingface")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cure:
    """Said where the message does not name `field` already."""

    field: str
    words: str


def with_field(message: str, *, reason: str, plan: Plan) -> str:
    find = _CURES.get(reason)
    cure = find(plan) if find else None
    if cure is None or any(name in message for name in (cure.field, _older(cure.field))):
        return message
    told = bounded(message, limit=LONGEST_MESSAGE - len(cure.words.encode()) - 2)
    return f"{told}; {cure.words}" if told else cure.words


def _older(field: str) -> str:
    """As an older `fetch` writes it."""
    return field.replace("spec.source.", "source.")


def _hub(plan: Plan) -> str:
    kind = plan.source.partition(":")[0]
    return f"spec.source.{kind}" if kind in HUBS else "spec.source"


def _of_the_hub(field: str, words: str) -> Callable[[Plan], Cure]:
    """`words` may hold {field} and {hub}."""

    def cure(plan: Plan) -> Cure:
        hub = _hub(plan)
        whole = f"{hub}.{field}"
        return Cure(field=whole, words=words.format(field=whole, hub=hub))

    return cure


def _of(field: str, words: str) -> Callable[[Plan], Cure]:
    return lambda _: Cure(field=field, words=words.format(field=field))


def _storage(plan: Plan) -> Cure:
    field, words = _room(plan)
    return Cure(field=field, words=f"{words}; spec.source.exclude leaves files out")


def _room(plan: Plan) -> tuple[str, str]:
    """The field that says how large the volume is, and what to do about it."""
    volume: dict[str, Any] = dict(plan.pod.weights)
    if plan.claim:
        field = "spec.weights.volumeClaimTemplate.size"
        return field, f"raise {field}, which is {plan.claim.size}"
    if claim := volume.get("persistentVolumeClaim"):
        field = "spec.weights.persistentVolumeClaim"
        return field, f"enlarge claim {claim['claimName']}, or name another one in {field}"
    if host := volume.get("hostPath"):
        field = "spec.weights.hostPath"
        return field, f"free space below {host['path']} of the node, or change {field}"
    if limit := (volume.get("emptyDir") or {}).get("sizeLimit"):
        field = "spec.weights.emptyDir.sizeLimit"
        return field, f"raise {field}, which is {limit}"
    field = "spec.weights.volumeClaimTemplate"
    words = f"the disk of the node is full: free space there, or ask for a volume in {field}"
    return field, words


def _mismatch(plan: Plan) -> Cure:
    if _hub(plan) == "spec.source":
        return Cure(field="copy", words="copy these files once more")
    field = "spec.source.mirrors"
    words = f"it is tried again; if it repeats, name another hub in {field}"
    return Cure(field=field, words=words)


_CURES: dict[str, Callable[[Plan], Cure]] = {
    Reason.SOURCE_NOT_FOUND: _of_the_hub(
        "repo", "check {field}, or give a token in {hub}.tokenSecretRef"
    ),
    Reason.REVISION_NOT_FOUND: _of_the_hub("revision", "correct {field}"),
    Reason.UNAUTHORIZED: _of_the_hub("tokenSecretRef", "check {field}"),
    Reason.SOURCE_UNREACHABLE: _of_the_hub(
        "endpoint",
        "set {field}, a proxy in spec.fetch.env, or another hub in spec.source.mirrors",
    ),
    Reason.RATE_LIMITED: _of_the_hub(
        "tokenSecretRef",
        "it is tried again; a token in {field} or a hub in spec.source.mirrors helps",
    ),
    Reason.CHECKSUM_MISMATCH: _mismatch,
    Reason.INSUFFICIENT_STORAGE: _storage,
    Reason.VOLUME_NOT_WRITABLE: _of(
        "spec.fetch.securityContext", "change the owner of the directory, or the user in {field}"
    ),
    Reason.LOCK_HELD: _of("spec.weights", "{field} names the volume"),
    Reason.DIRECTORY_CONFLICT: _of("spec.weights.directory", "choose another {field}"),
    Reason.INVALID_SOURCE: _of("spec.", "correct spec.source"),
    Reason.RECORD_MISSING: _of("spec.weights.verify", "without {field} they are served unchecked"),
    Reason.INTERNAL_ERROR: _of(
        "kubectl logs", "a defect: report it with {field} POD -c fetch --previous"
    ),
}
