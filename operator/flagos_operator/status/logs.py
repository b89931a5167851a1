"""Logs that would tell more: what the pure half asks for, and whoever reads them is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LogKey = tuple[str, str, int]  # uid of the pod, container, number of the run
Texts = Mapping[LogKey, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedLog:
    """The tail of a run that ended. `previous` as in `kubectl logs --previous`.

    `spoke`: the kubelet has kept its last words, so it cannot be empty.
    """

    namespace: str
    pod: str
    container: str
    previous: bool
    lines: int
    key: LogKey
    spoke: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLog:
    """The log of a container that runs, wanted again and again while it does.

    Of one that is followed only what is new is read, and what tells is kept; else its last lines
    are read anew each time. After the last read there is no other one.
    """

    namespace: str
    pod: str
    node: str
    container: str
    key: LogKey
    lines: int = 0  # of its end; one that is followed knows by itself
    pace: float = 5.0  # seconds between two reads
    follows: bool = False
    last: bool = False
