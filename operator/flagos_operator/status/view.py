"""All that a status is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flagos_operator.desired.fleet import UNKNOWN, Fleet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from flagos_operator.api.outcome import Invalid
    from flagos_operator.desired.plan import Plan
    from flagos_operator.desired.wish import Selection
    from flagos_operator.observed.facts import (
        ChildFacts,
        DeploymentFacts,
        EventFacts,
        ModelFacts,
        PodFacts,
    )
    from flagos_operator.status.logs import LogKey, Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Culprit:
    """Where something went wrong, and when it did if that is known."""

    pod: str
    node: str = ""
    container: str = ""
    exit_code: int | None = None
    time: datetime | None = None
    operator: str = ""  # of FlagGems, where the log blames one


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """Why something does not hold: a stable reason and what the user can do.

    `needs_user` overrules what the reason says in general: a pull that failed with "not found"
    waits for the user, one that timed out does not.
    """

    reason: str
    message: str
    culprit: Culprit | None = None
    needs_user: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a look at the weights on demand has told.

    `said` is the termination message of the last pod, or why the Job has ended.
    """

    text: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One model, what was decided for it and what was seen of it."""

    model: ModelFacts
    plan: Plan | Invalid
    deployment: DeploymentFacts | None
    pods: tuple[PodFacts, ...]
    children: tuple[ChildFacts, ...]
    now: datetime
    refused: Objection | None = None  # what the API server said to an apply
    # Likewise of the claim that is there; all else was applied.
    claim_refused: Objection | None = None
    applied: str = ""  # fingerprint of the children; empty: not all could be applied
    behind: Objection | None = None  # rows that have changed since the model was made from them
    warning: Objection | None = None  # of rows that are used as they are
    selection: Selection | None = None  # of a model that leaves its release to the operator
    fleet: Fleet = UNKNOWN  # the nodes that have the devices, of a model that names its chip
    verified: Verified | None = None  # a look at the weights that has just ended
    # Tails of crashed containers' logs.
    logs: Texts = field(default_factory=dict)
    # Ends of the logs of downloads that run, and what tells of those of servers that start,
    # likewise; empty: it could not be read of late.
    heard: Texts = field(default_factory=dict)
    heard_out: frozenset[LogKey] = frozenset()  # nothing more is read of them
    silent: frozenset[LogKey] = frozenset()  # read to their end of late: nothing was ever written
    # Events that warn of pods that wait for their volumes, by uid; empty: none, or not read.
    complaints: Mapping[str, tuple[EventFacts, ...]] = field(default_factory=dict)
