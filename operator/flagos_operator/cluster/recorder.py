"""Kubernetes Events: news for people, told once. Losing one never fails a pass."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flagos_operator.cluster.kinds import MODEL
from flagos_operator.errors import Conflict, OperatorError
from flagos_operator.status.text import bounded, stamp

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from flagos_operator.cluster.client import Client
    from flagos_operator.observed.facts import ModelFacts
    from flagos_operator.status.summary import Event

log = logging.getLogger(__name__)

COMPONENT = "flagos-operator"
_LONGEST_NAME = 200
_DIGITS = 20  # of a 64-bit number, as versions of etcd are


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    client: Client
    instance: str
    now: Callable[[], datetime]

    async def record(self, event: Event, *, model: ModelFacts, place: int = 0) -> None:
        """`model` is as after the status write that this event, the `place`th, tells of."""
        try:
            await self.client.create_event(self._body(event, model, place))
        except Conflict:
            pass  # another operator saw the same transition and was faster
        except OperatorError as error:
            log.info("event lost", extra={"model": model.name, "error": str(error)})

    def _body(self, event: Event, model: ModelFacts, place: int) -> dict[str, Any]:
        """In the older of the two formats: kubectl sorts and ages events by lastTimestamp."""
        now = stamp(self.now())
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": _name(event, model, place), "namespace": model.namespace},
            "involvedObject": {
                "apiVersion": MODEL.api_version,
                "kind": MODEL.name,
                "namespace": model.namespace,
                "name": model.name,
                "uid": model.uid,
                "resourceVersion": model.resource_version,
            },
            "type": event.type,
            "reason": event.reason,
            "message": bounded(event.message),
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "reportingInstance": self.instance,
        }


def _name(event: Event, model: ModelFacts, place: int) -> str:
    """One transition has one name, whoever tells it: the version of the written status.

    Times are whole seconds, and kubectl leaves what is of the same one in the order of its names.
    """
    told = f"{model.uid} {model.resource_version} {event.reason} {event.message}"
    digest = hashlib.sha256(told.encode()).hexdigest()[:8]
    order = f"{model.resource_version.zfill(_DIGITS)}{place}"
    return f"{model.name[:_LONGEST_NAME]}.{order}.{digest}"
