"""What broke between here and a hub, out of the layers that the clients wrap around it."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST = 200


def cause(error: BaseException) -> str:
    """In words of ours where it is known; else what the innermost error says of itself."""
    found = list(chain(error))
    by_proxy = any(type(each).__name__ == "ProxyError" for each in found)
    told = (say(each) for kind, say in _KNOWN for each in found if isinstance(each, kind))
    words = next(filter(None, told), "") or _own_words(found)
    return f"the proxy: {words}" if by_proxy else words


def host(error: BaseException) -> str | None:
    """Who was asked last: a redirect may have led away from the endpoint."""
    for each in chain(error):
        # httpx2 raises where no request is known.
        with contextlib.suppress(RuntimeError):
            url = getattr(getattr(each, "request", None), "url", None)
            if url and (place := urlsplit(str(url)).netloc.rpartition("@")[2]):
                return place
    return None


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, whichever way a client keeps it."""
    found: BaseException | None = error
    seen: list[BaseException] = []  # an error that is raised again can lead back to itself
    while found is not None and found not in seen:
        yield found
        seen.append(found)
        found = _inner(found)


def _inner(error: BaseException) -> BaseException | None:
    kept = (each for each in error.args if isinstance(each, BaseException))
    context = None if error.__suppress_context__ else error.__context__
    return error.__cause__ or next(kept, context)


def _untrusted(error: BaseException) -> str:
    why = getattr(error, "verify_message", "") or "no reason given"
    return (
        f"its certificate is not trusted, {why}; "
        "an authority of your own belongs into spec.source.caBundleConfigMapRef"
    )


def _tls(error: BaseException) -> str:
    return f"TLS fails, {getattr(error, 'reason', None) or 'without a reason'}"


def _of_the_system(error: BaseException) -> str:
    """The errors of requests are OSErrors too, and have no number."""
    return error.strerror or "" if isinstance(error, OSError) and error.errno else ""


def _own_words(found: list[BaseException]) -> str:
    innermost = str(found[-1]).strip().splitlines()
    return innermost[0][:LONGEST] if innermost else type(found[-1]).__name__


# The particular stands above the general: each is an OSError but for the last.
_KNOWN: tuple[tuple[type[BaseException], Callable[[BaseException], str]], ...] = (
    (socket.gaierror, lambda _: "its name cannot be resolved"),
    (ssl.SSLCertVerificationError, _untrusted),
    (ssl.SSLError, _tls),
    (ConnectionRefusedError, lambda _: "it refuses the connection"),
    (TimeoutError, lambda _: "it does not answer in time"),
    (ConnectionResetError, lambda _: "it closed the connection"),
    (BrokenPipeError, lambda _: "it closed the connection"),
    (OSError, _of_the_system),
    (http.client.IncompleteRead, lambda _: "the answer ended early"),
)
