"""What is asked for."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal
from urllib.parse import SplitResult, urlsplit

from flagos_operator.fetch import guard
from flagos_operator.fetch.listing import chosen
from flagos_operator.fetch.reasons import FetchError, Reason

if TYPE_CHECKING:
    from pathlib import Path

    from flagos_operator.api.addresses import Network

Source = Literal["modelscope", "huggingface"]
Verify = Literal["OnChange", "Always"]

DEFAULT_REVISION: dict[Source, str] = {"modelscope": "master", "huggingface": "main"}
PUBLIC_HUB: dict[Source, str] = {
    "modelscope": "https://modelscope.cn",
    "huggingface": "https://huggingface.co",
}
REPO = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
REVISION = re.compile(r"[\w.-][\w./+-]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """Another hub; what it leaves out is as on the main one. `fault`: why its token is none."""

    source: Source
    repo: str | None = None
    revision: str | None = None
    endpoint: str | None = None
    token: str | None = field(default=None, repr=False)
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    source: Source
    repo: str
    revision: str
    destination: Path
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    endpoint: str | None = None
    verify: Verify = "OnChange"
    token: str | None = field(default=None, repr=False)
    mirrors: tuple[Mirror, ...] = ()
    allowed: tuple[Network, ...] = ()
    at: str = "spec.source"
    fault: str = ""

    @property
    def hubs(self) -> tuple[Request, ...]:
        """The main hub and its mirrors, each as if nothing but it had been named."""
        alone = replace(self, mirrors=())
        return (alone, *(self._of(place) for place in range(len(self.mirrors))))

    def _of(self, place: int) -> Request:
        mirror = self.mirrors[place]
        return replace(
            self,
            source=mirror.source,
            repo=mirror.repo or self.repo,
            revision=mirror.revision or self._revision_on(mirror.source),
            endpoint=mirror.endpoint,
            token=mirror.token,
            mirrors=(),
            at=f"spec.source.mirrors[{place}]",
            fault=mirror.fault,
        )

    def _revision_on(self, source: Source) -> str:
        """Each kind of hub has another name for its main branch; any other name is kept."""
        main = self.revision == DEFAULT_REVISION[self.source]
        return DEFAULT_REVISION[source] if main else self.revision

    @property
    def place(self) -> str:
        """Where a user has written of this hub."""
        return f"{self.at}.{self.source}"

    @property
    def not_seen(self) -> str:
        """What to do where a hub does not have the repository, or hides it from us."""
        given = f"the token of {self.place}.tokenSecretRef may not see it"
        wanted = f"give a token in {self.place}.tokenSecretRef"
        return f"check {self.place}.repo, or {given if self.token else wanted}"

    @property
    def hub(self) -> str:
        return self.endpoint or PUBLIC_HUB[self.source]

    @property
    def title(self) -> str:
        return f"{self.repo} at {self.revision} from {urlsplit(self.hub).netloc}"

    @property
    def choice(self) -> str:
        return chosen(self.include, self.exclude)

    @property
    def key(self) -> str:
        """Names the place where parts wait.

        Another endpoint or choice of files finds them again: each has the checksum in its name.
        """
        words = json.dumps([self.source, self.repo, self.revision, str(self.destination)])
        return hashlib.sha256(words.encode()).hexdigest()[:32]


def check(request: Request) -> None:
    for each in request.hubs:
        check_hub(each)


def check_hub(request: Request) -> None:
    """Refuses what could be taken for something else by a shell, a path or a hub."""
    if not REPO.fullmatch(request.repo) or ".." in request.repo:
        raise _invalid(f"{request.place}.repo is {request.repo!r}: write <owner>/<name>")
    if not REVISION.fullmatch(request.revision) or ".." in request.revision:
        raise _invalid(
            f"{request.place}.revision is {request.revision!r}: write a branch, tag or commit"
        )
    if request.endpoint is not None:
        check_endpoint(request.endpoint, allowed=request.allowed)


def _check_authority(parts: SplitResult, *, endpoint: str) -> None:
    """What a client would only fail to parse, again and again, as if the network were at fault."""
    try:
        known = parts.port != 0
    except ValueError:
        known = False
    if not known or not parts.netloc.isascii():
        raise _invalid(f"the endpoint is {endpoint!r}: write http(s)://host[:port]")


def check_endpoint(endpoint: str, *, allowed: tuple[Network, ...]) -> None:
    try:
        parts = urlsplit(endpoint)
    except ValueError as error:
        raise _invalid(f"the endpoint is {endpoint!r}: {error}") from error
    _check_authority(parts, endpoint=endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _invalid(f"the endpoint is {endpoint!r}: write http(s)://host[:port]")
    if parts.username or parts.password:
        raise _invalid("the endpoint holds a user or password: give a token from a Secret instead")
    guard.check_host(parts.hostname, allowed=allowed)


def _invalid(message: str) -> FetchError:
    return FetchError(Reason.INVALID_SOURCE, message)
