"""ModelScope through its own client, modelscope-hub.

It tells what there is; the bytes are fetched by our own streams. It has no name for the state of a
whole repo: a branch or tag is all that can be asked for, so checksums are what pins a copy.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from modelscope_hub import HubApi, HubConfig
from modelscope_hub import errors as ms

from flagos_operator.fetch import hub
from flagos_operator.fetch.listing import Listing, RemoteFile
from flagos_operator.fetch.reasons import FetchError, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from flagos_operator.fetch.request import Request

SHA256 = re.compile(r"[0-9a-f]{64}")
KIND = "model"


class ModelScope:
    def __init__(self, request: Request, *, home: Path) -> None:
        self.request = request
        self._host = urlsplit(request.hub).netloc
        # An empty token, not None: with None the client looks for somebody's login on disk.
        config = HubConfig(
            endpoint=request.hub, token=request.token or "", config_dir=home, cache_dir=home
        )
        self._api = HubApi(config)
        self._guard_redirects()

    def list_files(self) -> Listing:
        with self._explained():
            try:
                found = self._api.list_repo_files(
                    self.request.repo, KIND, revision=self.request.revision
                )
            except (ms.NotExistError, ms.InvalidParameter) as error:
                raise self._absent(error) from error
        return Listing(files=tuple(_remote(file) for file in found if not file.is_dir))

    def address(self, file: RemoteFile, *, commit: str | None) -> str:
        del commit
        url: str = self._api.legacy.get_download_url(
            self.request.repo, KIND, file.path, revision=self.request.revision
        )
        return url

    def credentials(self) -> Mapping[str, str]:
        """As its client sends them: older endpoints read the cookie, newer ones the header."""
        if not (token := self.request.token):
            return {}
        return {"Authorization": f"Bearer {token}", "Cookie": f"m_session_id={token}"}

    def refused(self, file: RemoteFile, *, status: int, headers: Mapping[str, str]) -> FetchError:
        del headers
        if status in hub.DENIED:
            return FetchError(Reason.UNAUTHORIZED, self._unauthorized(status))
        return hub.gone(file, status=status, request=self.request)

    def _absent(self, error: ms.APIError) -> FetchError:
        """Either the repo is not there or its revision; the list of revisions tells which."""
        repo, revision = self.request.repo, self.request.revision
        try:
            found = self._api.list_repo_revisions(repo, KIND)
        except ms.NotExistError:
            return FetchError(Reason.SOURCE_NOT_FOUND, self._not_found())
        names = [str(row.get("Revision") or row.get("name")) for row in found]
        if revision in names:
            return FetchError(
                Reason.SOURCE_NOT_FOUND, f"{self._host} cannot list {repo} at {revision}: {error}"
            )
        listed = ", ".join(sorted(names)[:10]) or "none"
        return FetchError(
            Reason.REVISION_NOT_FOUND,
            f"{repo} on {self._host} has no branch or tag {revision!r}: "
            f"check {self.request.place}.revision; it has: {listed}",
        )

    def _not_found(self) -> str:
        return f"{self.request.repo} is not on {self._host}: {self.request.not_seen}"

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (ms.AuthenticationError, ms.PermissionDeniedError) as error:
            raise FetchError(Reason.UNAUTHORIZED, self._unauthorized(error.status_code)) from error
        except ms.NotExistError as error:
            raise FetchError(Reason.SOURCE_NOT_FOUND, str(error.message)) from error
        except (ms.RateLimitError, ms.ServerError) as error:
            after = getattr(error, "retry_after", None)
            status = error.status_code or 500
            raise hub.busy(status, retry_after=after, host=self._host) from error
        except (ms.NetworkError, requests.RequestException) as error:
            for cause in hub.causes(error):
                if isinstance(cause, FetchError):
                    raise cause from error
            raise hub.unreachable(error, host=self._host) from error

    def _unauthorized(self, status: int | None) -> str:
        did = "refuses the token" if self.request.token else "wants a token"
        return (
            f"{self._host} {did} for {self.request.repo} ({status}): "
            f"check {self.request.place}.tokenSecretRef and the access of its owner"
        )

    def _guard_redirects(self) -> None:
        """The client has no public way to its sessions; a test watches that this one works."""
        legacy = self._api.legacy
        for session in (legacy._session, legacy._read_session):  # noqa: SLF001
            guard = Guard(request=self.request)
            session.rebuild_auth = guard.rebuild_auth  # type: ignore[method-assign]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Sees each hop of a redirect: the token goes to its own endpoint and nowhere else.

    requests itself drops Authorization for another host, but a cookie knows no port.
    """

    request: Request

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        del response
        url = prepared_request.url or ""
        if not hub.may_see_token(url, request=self.request):
            prepared_request.headers.pop("Authorization", None)
            prepared_request.headers.pop("Cookie", None)
        hub.check_redirect(url, request=self.request)


def _remote(file: Any) -> RemoteFile:  # noqa: ANN401
    checksum = (file.sha256 or "").lower()
    known = bool(SHA256.fullmatch(checksum))
    return RemoteFile(
        path=file.path,
        size=file.size,
        algorithm="sha256" if known else "none",
        checksum=checksum if known else "",
    )
