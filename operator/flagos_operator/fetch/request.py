"""What is asked for."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from flagos_operator.fetch.reasons import FetchError, Reason

if TYPE_CHECKING:
    from pathlib import Path

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

    @property
    def hub(self) -> str:
        return self.endpoint or PUBLIC_HUB[self.source]

    @property
    def title(self) -> str:
        return f"{self.repo} at {self.revision} from {urlsplit(self.hub).netloc}"

    @property
    def key(self) -> str:
        """Names the place where parts wait: the same request finds them again."""
        asked = [self.source, self.hub, self.repo, self.revision]
        words = json.dumps([asked, sorted(self.include), sorted(self.exclude)])
        return hashlib.sha256(words.encode()).hexdigest()[:32]


def check(request: Request) -> None:
    """Refuses what could be taken for something else by a shell, a path or a hub."""
    if not REPO.fullmatch(request.repo) or ".." in request.repo:
        raise _invalid(f"the repo is {request.repo!r}: write <owner>/<name>")
    if not REVISION.fullmatch(request.revision) or ".." in request.revision:
        raise _invalid(f"the revision is {request.revision!r}: write a branch, tag or commit")
    if request.endpoint is not None:
        check_endpoint(request.endpoint)


def check_endpoint(endpoint: str) -> None:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _invalid(f"the endpoint is {endpoint!r}: write http(s)://host[:port]")
    if parts.username or parts.password:
        raise _invalid("the endpoint holds a user or password: give a token from a Secret instead")
    if _is_link_local(parts.hostname):
        raise _invalid(f"the endpoint {endpoint} is link-local: no hub lives there")


def _is_link_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_link_local
    except ValueError:
        return False


def _invalid(message: str) -> FetchError:
    return FetchError(Reason.INVALID_SOURCE, message)
