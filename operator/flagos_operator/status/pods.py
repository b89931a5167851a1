"""Which pods count: those of the newest spec decide Ready, any that answers makes it Available."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flagos_operator.desired.plan import Plan
from flagos_operator.status import patience

if TYPE_CHECKING:
    from flagos_operator.observed.facts import Condition, ContainerFacts, PodFacts
    from flagos_operator.status.view import View

SERVER = "server"
FETCH = "fetch"


def newest(view: View) -> tuple[PodFacts, ...]:
    """Pods of the newest spec that are meant to stay, oldest first."""
    mine = (pod for pod in view.pods if not pod.deleting and pod.template == _template(view))
    return tuple(sorted(mine, key=lambda pod: (pod.created, pod.name)))


def alive(view: View) -> tuple[PodFacts, ...]:
    return tuple(pod for pod in newest(view) if not finished(pod))


def older(view: View) -> tuple[PodFacts, ...]:
    """Pods of an older spec that may still answer or hold devices.

    One that is being deleted counts until its grace period is over: on a lost node it would
    otherwise hold the model back for ever.
    """
    return tuple(
        pod
        for pod in view.pods
        if pod.template != _template(view)
        and not finished(pod)
        and not patience.over(patience.leaving(pod), now=view.now)
    )


def ready(view: View) -> tuple[PodFacts, ...]:
    return tuple(pod for pod in alive(view) if pod.ready)


def serving(view: View) -> tuple[PodFacts, ...]:
    return tuple(pod for pod in view.pods if pod.ready and not pod.deleting)


def finished(pod: PodFacts) -> bool:
    return pod.phase in {"Failed", "Succeeded"}


def container(pod: PodFacts, name: str) -> ContainerFacts | None:
    return next((each for each in pod.containers if each.name == name), None)


def own_first(pod: PodFacts, view: View) -> ContainerFacts | None:
    """The init container of spec.pod that runs; sidecars run on beside the server."""
    plan = view.plan
    of_user = plan.pod.init_containers if isinstance(plan, Plan) else ()
    first = {each["name"] for each in of_user if each.get("restartPolicy") != "Always"}
    running = (each for each in pod.containers if each.state == "running")
    return next((each for each in running if each.init and each.name in first), None)


def condition(pod: PodFacts, kind: str) -> Condition | None:
    return next((each for each in pod.conditions if each.type == kind), None)


def _template(view: View) -> str | None:
    return view.plan.template if isinstance(view.plan, Plan) else None
