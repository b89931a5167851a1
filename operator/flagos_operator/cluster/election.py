"""Which of several operators may write: the one that holds a Lease.

    standby   the lease is free, or has stood still for its whole term    -> leader
    leader    renews it every few seconds                                 -> leader
    leader    cannot renew it for a while   -> writes nothing until it can, or another has it
    leader    finds that another has it                                   -> Deposed, it ends
    leader    ends cleanly                                                -> the lease is free

Clocks of machines are never compared: how long a lease has stood still is measured by whoever
looks at it. (The official client has an election too. It compares no clocks either, but it does
not give a lease back, nor does it say until when it is safe to write.)
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from flagos_operator.cluster.apply import MUST_NOT_EXIST
from flagos_operator.cluster.kinds import LEASE, Key
from flagos_operator.errors import Deposed, NotFound, OperatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from flagos_operator.cluster.client import Client

log = logging.getLogger(__name__)

# Seconds. A standby leads at most TERM + LOOK after the leader's last sign of life. What the
# leader sent in its last SAFE seconds has the rest of the term to reach the API server.
TERM = 10
SAFE = 6.0
RENEW = 2.0
LOOK = 1.0
_ATTEMPT = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """What a lease says."""

    version: str = ""
    holder: str = ""
    term: float = TERM
    since: str = ""
    transitions: int = 0


@dataclass(slots=True, kw_only=True)
class Election:
    client: Client
    lease: Key
    identity: str  # of this process, not of its pod: a container that restarts is another
    clock: Callable[[], float]
    now: Callable[[], datetime]
    dice: Callable[[], float]
    won: asyncio.Event = field(default_factory=asyncio.Event)
    _safe_until: float = float("-inf")
    _seen: Tenure = field(default_factory=Tenure)
    _seen_at: float = float("-inf")
    _looked_at: float = float("-inf")
    _failing: bool = False

    def may_write(self) -> bool:
        return self.clock() < self._safe_until

    async def run(self) -> None:
        """Wait for the lease, then keep it; raises Deposed when another has it."""
        while True:
            ours = await self._ours()
            if ours and not self.won.is_set():
                log.info("leading", extra={"lease": str(self.lease)})
                self.won.set()
            if self.won.is_set() and ours is False:
                raise Deposed(f"lease {self.lease} is held by {self._seen.holder}")
            await asyncio.sleep(RENEW if self.won.is_set() else LOOK * (0.8 + 0.4 * self.dice()))

    async def release(self) -> None:
        """Give the lease back, so that nobody has to wait for its end; nothing may write now."""
        if not self.may_write():
            return
        self._safe_until = float("-inf")
        try:
            async with asyncio.timeout(_ATTEMPT):
                tenure = _tenure(await self.client.get(LEASE, self.lease))
                if tenure.holder == self.identity:
                    await self._sign(tenure, holder="")
        except NotFound:
            pass  # uninstalled together with the operator
        except (OperatorError, TimeoutError) as error:
            log.warning("the lease is not given back: %s", error or "no answer in time")

    async def _ours(self) -> bool | None:
        """Ask once; None: the API server did not say."""
        try:
            async with asyncio.timeout(_ATTEMPT):
                ours = await self._ask()
        except (OperatorError, TimeoutError) as error:
            if not self._failing:
                log.warning("cannot ask for the lease: %s", error or "no answer in time")
            self._failing = True
            return None
        self._failing = False
        return ours

    async def _ask(self) -> bool:
        tenure = await self._look()
        if tenure.holder not in ("", self.identity) and not self._has_ended(tenure):
            return False
        before = self.clock()  # nobody can have seen our name there any earlier
        await self._sign(tenure, holder=self.identity)
        self._safe_until = before + SAFE
        return True

    async def _look(self) -> Tenure:
        now = self.clock()
        try:
            tenure = _tenure(await self.client.get(LEASE, self.lease))
        except NotFound:
            return self._without(now)
        if tenure.holder not in (self._seen.holder, self.identity):
            log.info("standing by", extra={"leader": tenure.holder})
        # An outage for all must not look as if the leader alone had failed.
        if tenure.version != self._seen.version or now - self._looked_at > SAFE:
            self._seen_at = now
        self._seen, self._looked_at = tenure, now
        return tenure

    def _without(self, now: float) -> Tenure:
        """Somebody has deleted the lease: who held it then does not know that yet.

        Also where none was ever read: while the API server was away for us, another may have made
        one, held it and lost it.
        """
        missed = self._looked_at + SAFE < now and self._looked_at > float("-inf")
        self._looked_at = now
        if self._seen.version or missed:
            holder = self.identity if self.may_write() else "somebody"
            self._seen, self._seen_at = replace(self._seen, version="", holder=holder), now
        return self._seen

    def _has_ended(self, tenure: Tenure) -> bool:
        return self.clock() - self._seen_at > tenure.term

    async def _sign(self, tenure: Tenure, *, holder: str) -> None:
        """Raises Conflict where the lease has moved since `tenure` was read."""
        now = self.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        renewed = tenure.holder == self.identity
        spec: dict[str, Any] = {
            "leaseDurationSeconds": TERM,
            "acquireTime": tenure.since if renewed else now,
            "renewTime": now,
            "leaseTransitions": tenure.transitions + (not renewed),
        }
        manifest = {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.name,
            "metadata": {
                "name": self.lease.name,
                "namespace": self.lease.namespace,
                "resourceVersion": tenure.version or MUST_NOT_EXIST,
            },
            "spec": spec | ({"holderIdentity": holder} if holder else {}),
        }
        await self.client.apply(LEASE, manifest, force=True)


def _tenure(body: Mapping[str, Any]) -> Tenure:
    spec = body.get("spec") or {}
    return Tenure(
        version=str(body["metadata"]["resourceVersion"]),
        holder=str(spec.get("holderIdentity") or ""),
        term=float(spec.get("leaseDurationSeconds") or TERM),
        since=str(spec.get("acquireTime") or spec.get("renewTime") or ""),
        transitions=int(spec.get("leaseTransitions") or 0),
    )
