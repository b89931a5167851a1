"""Whether a node takes a pod, devices apart: what the scheduler asks of labels and taints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flagos_operator.desired.stock import Node, Taint

Item = Mapping[str, Any]
HOSTNAME = "kubernetes.io/hostname"


@dataclass(slots=True, kw_only=True)
class Door:
    """Answers once for all nodes that are alike; the scheduler has the last word anyway."""

    selector: Mapping[str, str]
    tolerations: tuple[Item, ...] = ()
    affinity: Item = field(default_factory=dict)
    _told: dict[tuple[object, ...], str] = field(default_factory=dict)

    def objection(self, node: Node) -> str:
        """Empty: the node takes the pod."""
        if not node.ready:
            return "not ready"
        if node.cordoned:
            return "cordoned"
        alike = (id(node.labels), id(node.taints), node.hostname if self._asks_for_one else "")
        if alike not in self._told:
            self._told[alike] = self._judged(node)
        return self._told[alike]

    @property
    def _asks_for_one(self) -> bool:
        return HOSTNAME in self.selector or bool(self._terms)

    @property
    def _terms(self) -> tuple[Item, ...]:
        required = (self.affinity.get("nodeAffinity") or {}).get(
            "requiredDuringSchedulingIgnoredDuringExecution"
        )
        return tuple((required or {}).get("nodeSelectorTerms") or ())

    def _judged(self, node: Node) -> str:
        for name, value in self.selector.items():
            if _label(node, name) != value:
                return f"without the label {name}={value}"
        if self._terms and not any(_meets(node, term) for term in self._terms):
            return "not what pod.affinity asks for"
        kept_out = (t for t in node.taints if not tolerated(t, self.tolerations))
        return next((f"tainted {taint.key}:{taint.effect}" for taint in kept_out), "")


def tolerated(taint: Taint, tolerations: Iterable[Item]) -> bool:
    return any(_tolerates(each, taint) for each in tolerations)


def _tolerates(said: Item, taint: Taint) -> bool:
    if said.get("effect") not in (None, "", taint.effect):
        return False
    if said.get("key") not in (None, "", taint.key):
        return False
    if said.get("operator") == "Exists":
        return True
    return bool(said.get("key")) and str(said.get("value") or "") == taint.value


def _label(node: Node, name: str) -> str | None:
    return node.hostname if name == HOSTNAME else node.labels.get(name)


def _meets(node: Node, term: Item) -> bool:
    """Of matchFields only the name is allowed by Kubernetes."""
    asked = [(_label(node, str(each.get("key"))), each) for each in _all(term, "matchExpressions")]
    asked += [(node.name, each) for each in _all(term, "matchFields")]
    return bool(asked) and all(_holds(value, each) for value, each in asked)


def _all(term: Item, name: str) -> Iterable[Item]:
    return term.get(name) or ()


def _holds(value: str | None, asked: Item) -> bool:
    wanted = [str(each) for each in asked.get("values") or ()]
    given, operator = value is not None, asked.get("operator")
    answers = {
        "In": value in wanted,
        "NotIn": value not in wanted,
        "Exists": given,
        "DoesNotExist": not given,
        "Gt": _more(value, wanted),
        "Lt": _more(next(iter(wanted), None), [value or ""]),
    }
    return answers.get(str(operator), True)  # what is unknown here the scheduler knows


def _more(value: str | None, than: list[str]) -> bool:
    try:
        return int(value or "") > int(than[0])
    except (ValueError, IndexError):
        return False
