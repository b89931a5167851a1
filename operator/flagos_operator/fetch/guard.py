"""No connection leads to a link-local or metadata address, whatever name or redirect led there.

The interpreter tells of each connection before it is made, with the address that was found for
the name. So there is no moment between a look and a use, in which a name could change its meaning
(DNS rebinding), and it holds for all clients alike. Behind a proxy it is the proxy's address that
is seen: what lies behind, only the proxy can refuse.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from flagos_operator.api import addresses
from flagos_operator.fetch.reasons import FetchError, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flagos_operator.api.addresses import Network

ALLOW = "the administrator can allow it: chart value operand.fetch.allowedAddresses"


def install(allowed: Iterable[Network]) -> None:
    """For the rest of this process; it cannot be undone."""
    sys.addaudithook(watching(tuple(allowed)))


def watching(allowed: tuple[Network, ...]) -> Callable[[str, tuple[Any, ...]], None]:
    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            check_peer(arguments[1], allowed=allowed)

    return hook


def check_peer(peer: object, *, allowed: Iterable[Network]) -> None:
    """`peer` as a socket takes it: of a Unix socket it is a path."""
    if not isinstance(peer, tuple) or not peer or not isinstance(peer[0], str):
        return
    address = addresses.written(peer[0].lower())
    what = addresses.against(address, allowed=allowed) if address is not None else None
    if what is not None:
        raise FetchError(
            Reason.INVALID_SOURCE,
            f"a name or a redirect leads to {what}: nothing is asked there; {ALLOW}",
        )


def check_host(host: str | None, *, allowed: Iterable[Network]) -> None:
    """What a URL itself tells: also where a proxy would look the name up for us."""
    if host and (what := addresses.objection(host, allowed=allowed)):
        raise FetchError(Reason.INVALID_SOURCE, f"{host} is {what}: no hub lives there; {ALLOW}")
