"""Hugging Face through its own client, huggingface_hub.

It tells what there is. The bytes are fetched by our own streams: `hf download` throws a part file
away when its process ends.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import HfApi, hf_hub_url, set_client_factory
from huggingface_hub import errors as hf
from huggingface_hub.hf_api import RepoFile

from flagos_operator.fetch import hub
from flagos_operator.fetch.listing import Listing, RemoteFile
from flagos_operator.fetch.reasons import FetchError, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flagos_operator.fetch.request import Request

TIMEOUT = 30.0


class HuggingFace:
    def __init__(self, request: Request) -> None:
        self.request = request
        self._host = urlsplit(request.hub).netloc
        # False, not None: with None the client looks for somebody's login on disk.
        self._api = HfApi(endpoint=request.hub, token=request.token or False)
        set_client_factory(self._client)

    def list_files(self) -> Listing:
        repo, revision = self.request.repo, self.request.revision
        with self._explained():
            commit = self._api.model_info(repo, revision=revision, timeout=TIMEOUT).sha
            found = list(self._api.list_repo_tree(repo, revision=commit, recursive=True))
        files = tuple(_remote(file) for file in found if isinstance(file, RepoFile))
        return Listing(files=files, commit=commit)

    def address(self, file: RemoteFile, *, commit: str | None) -> str:
        revision = commit or self.request.revision
        return hf_hub_url(
            self.request.repo, file.path, revision=revision, endpoint=self.request.hub
        )

    def credentials(self) -> Mapping[str, str]:
        token = self.request.token
        return {"Authorization": f"Bearer {token}"} if token else {}

    def refused(self, file: RemoteFile, *, status: int, headers: Mapping[str, str]) -> FetchError:
        if status in hub.DENIED:
            gated = headers.get("X-Error-Code") == "GatedRepo"
            return FetchError(Reason.UNAUTHORIZED, self._unauthorized(status, gated=gated))
        return hub.gone(file, status=status, request=self.request)

    def _client(self) -> httpx2.Client:
        return httpx2.Client(
            event_hooks={"request": [self._guard], "response": [self._judge]},
            follow_redirects=True,
            timeout=TIMEOUT,
        )

    def _guard(self, request: httpx2.Request) -> None:
        """Sees each hop of a redirect: the token goes to its own endpoint and nowhere else."""
        url = str(request.url)
        if not hub.may_see_token(url, request=self.request):
            request.headers.pop("authorization", None)
            request.headers.pop("cookie", None)
        hub.check_redirect(url, request=self.request)

    def _judge(self, response: httpx2.Response) -> None:
        """429 and 5xx come to our own patience instead of the client's, which has no bound."""
        if response.status_code == hub.TOO_MANY or response.status_code >= 500:  # noqa: PLR2004
            after = hub.retry_after(response.headers)
            raise hub.busy(response.status_code, retry_after=after, host=self._host)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except hf.RevisionNotFoundError as error:
            raise FetchError(Reason.REVISION_NOT_FOUND, self._no_revision()) from error
        except hf.HfHubHTTPError as error:
            raise self._refused(error) from error
        except httpx2.HTTPError as error:
            raise hub.unreachable(error, host=self._host) from error

    def _refused(self, error: hf.HfHubHTTPError) -> FetchError:
        status = error.response.status_code
        if status in hub.DENIED:
            gated = isinstance(error, hf.GatedRepoError)
            return FetchError(Reason.UNAUTHORIZED, self._unauthorized(status, gated=gated))
        return FetchError(
            Reason.SOURCE_NOT_FOUND,
            f"{self.request.repo} is not on {self._host} ({status}): {self.request.not_seen}",
        )

    def _no_revision(self) -> str:
        return (
            f"{self.request.repo} on {self._host} has no branch, tag or commit "
            f"{self.request.revision!r}: check {self.request.place}.revision"
        )

    def _unauthorized(self, status: int, *, gated: bool) -> str:
        if gated:
            return (
                f"{self.request.repo} on {self._host} is gated: its owner has to grant access "
                f"to the account behind {self.request.place}.tokenSecretRef"
            )
        did = "refuses the token" if self.request.token else "wants a token"
        return (
            f"{self._host} {did} for {self.request.repo} ({status}): "
            f"check {self.request.place}.tokenSecretRef and the access of its owner"
        )


def _remote(file: RepoFile) -> RemoteFile:
    if file.lfs is not None:
        return RemoteFile(
            path=file.path, size=file.size, algorithm="sha256", checksum=file.lfs.sha256
        )
    return RemoteFile(path=file.path, size=file.size, algorithm="git-sha1", checksum=file.blob_id)
