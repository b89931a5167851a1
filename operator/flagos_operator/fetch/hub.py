"""What the rest of `fetch` knows of a hub."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from flagos_operator.fetch import guard, network
from flagos_operator.fetch.patience import Trouble
from flagos_operator.fetch.reasons import FetchError, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flagos_operator.fetch.listing import Listing, RemoteFile
    from flagos_operator.fetch.request import Request

TOO_MANY = 429
DENIED = (401, 403)
USER_AGENT = "flagos-operator"
PUBLIC_HOSTS = frozenset(
    {"huggingface.co", "hub-ci.huggingface.co"}
    | {"modelscope.cn", "www.modelscope.cn", "modelscope.ai", "www.modelscope.ai"}
)


class Hub(Protocol):
    """A hub's client tells what there is and where; the bytes are fetched by streams of our own.

    `list_files` raises `Trouble` for what may pass and `FetchError` for what will not.
    """

    @property
    def request(self) -> Request: ...

    def list_files(self) -> Listing: ...

    def address(self, file: RemoteFile, *, commit: str | None) -> str:
        """Where the hub itself offers this file; it may lead elsewhere from there."""
        ...

    def credentials(self) -> Mapping[str, str]:
        """The headers that only the endpoint itself may see."""
        ...

    def refused(self, file: RemoteFile, *, status: int, headers: Mapping[str, str]) -> FetchError:
        """What a 4xx to a file means."""
        ...


def busy(status: int, *, retry_after: float | None, host: str) -> Trouble:
    """429 and 5xx, in the same words for both hubs."""
    if status == TOO_MANY:
        message = f"{host} answers 429: it asks to come back later"
        return Trouble(Reason.RATE_LIMITED, message, retry_after=retry_after)
    message = f"{host} answers {status}: it is not well"
    return Trouble(Reason.SOURCE_UNREACHABLE, message, retry_after=retry_after)


def gone(file: RemoteFile, *, status: int, request: Request) -> FetchError:
    host = urlsplit(request.hub).netloc
    return FetchError(
        Reason.SOURCE_NOT_FOUND,
        f"{file.path} of {request.repo} is listed on {host} and cannot be had ({status}): "
        f"it may have been removed meanwhile: check {request.place}.revision, or leave it out "
        "with spec.source.exclude",
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait; a date is read against the answer's own, so our clock does not matter."""
    wanted = headers.get("Retry-After", "").strip()
    if wanted.isdigit():
        return float(wanted)
    try:
        until = parsedate_to_datetime(wanted)
        return max(0.0, (until - parsedate_to_datetime(headers["Date"])).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None


def origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, parts.port or default


def may_see_token(url: str, *, request: Request) -> bool:
    """The endpoint itself, also where it moves its callers from http to https."""
    scheme, host, port = origin(request.hub)
    upgraded = ("https", host, 443) if (scheme, port) == ("http", 80) else None
    return origin(url) in ((scheme, host, port), upgraded)


def check_redirect(url: str, *, request: Request) -> None:
    """No hop leads to a metadata service, or to the public hub where an endpoint was named."""
    host = urlsplit(url).hostname
    guard.check_host(host, allowed=request.allowed)
    if request.endpoint and host in PUBLIC_HOSTS and origin(url) != origin(request.hub):
        raise FetchError(
            Reason.SOURCE_UNREACHABLE,
            f"the endpoint redirects to {host}, which is not to be contacted: "
            "the mirror does not hold this file",
        )


def unreachable(error: BaseException, *, host: str) -> Trouble:
    asked = network.host(error) or host
    return Trouble(
        Reason.SOURCE_UNREACHABLE,
        f"cannot reach {asked} ({network.cause(error)}): "
        "check the endpoint, DNS, proxy and network policies",
    )


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, outermost first: the clients wrap what we raise."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__
