"""Hugging Face through its own client, huggingface_hub.

`hf download` throws a part file away when its process ends. The client's `http_get` can continue
one if it is told how much there is, so parts are kept here, under a name made of their content.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import HfApi, constants, hf_hub_url, set_client_factory
from huggingface_hub import errors as hf
from huggingface_hub.file_download import http_get
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from flagos_operator.fetch import hub
from flagos_operator.fetch.hashing import HashedFile
from flagos_operator.fetch.hub import Arrived
from flagos_operator.fetch.listing import Listing, RemoteFile
from flagos_operator.fetch.patience import Trouble
from flagos_operator.fetch.reasons import FetchError, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flagos_operator.fetch.request import Request

TIMEOUT = 30.0
CHUNK = 256 << 10
RANGE_REFUSED = 416


class HuggingFace:
    def __init__(self, request: Request) -> None:
        self._request = request
        self._host = urlsplit(request.hub).netloc
        # False, not None: with None the client looks for somebody's login on disk.
        self._token: str | bool = request.token or False
        self._api = HfApi(endpoint=request.hub, token=self._token)
        set_client_factory(self._client)
        # The client writes 10 MiB at a time, which is what each broken line would cost.
        constants.DOWNLOAD_CHUNK_SIZE = CHUNK

    def list_files(self) -> Listing:
        repo, revision = self._request.repo, self._request.revision
        with self._explained():
            commit = self._api.model_info(repo, revision=revision, timeout=TIMEOUT).sha
            found = list(self._api.list_repo_tree(repo, revision=commit, recursive=True))
        files = tuple(_remote(file) for file in found if isinstance(file, RepoFile))
        return Listing(files=files, commit=commit)

    def download(self, file: RemoteFile, *, commit: str | None, into: Path) -> Arrived:
        part = into / "part"
        part.touch()
        with part.open("r+b", buffering=0) as raw:
            target = HashedFile(raw, file=file)
            try:
                self._stream(file, target, commit=commit)
                sha256 = target.check()
            except Trouble as trouble:
                if trouble.reason is Reason.CHECKSUM_MISMATCH:
                    part.unlink()  # wrong bytes are not a beginning
                raise
        return Arrived(path=part, sha256=sha256)

    def _stream(self, file: RemoteFile, target: HashedFile, *, commit: str | None) -> None:
        revision = commit or self._request.revision
        url = hf_hub_url(
            self._request.repo, file.path, revision=revision, endpoint=self._request.hub
        )
        headers = build_hf_headers(token=self._token) | {"Accept-Encoding": "identity"}
        have = target.reread()
        if have > file.size:
            raise Trouble(Reason.CHECKSUM_MISMATCH, f"the part of {file.path} is too long")
        if have == file.size and have > 0:
            return
        with self._explained(), _lengths():
            http_get(url, target, resume_size=have, headers=headers)  # type: ignore[arg-type]

    def _client(self) -> httpx2.Client:
        return httpx2.Client(
            event_hooks={"request": [self._guard], "response": [self._judge]},
            follow_redirects=True,
            timeout=TIMEOUT,
        )

    def _guard(self, request: httpx2.Request) -> None:
        """Sees each hop of a redirect: the token goes to its own endpoint and nowhere else."""
        url = str(request.url)
        if not hub.may_see_token(url, request=self._request):
            request.headers.pop("authorization", None)
            request.headers.pop("cookie", None)
        hub.check_redirect(url, request=self._request)

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

    def _refused(self, error: hf.HfHubHTTPError) -> Exception:
        status = error.response.status_code
        if status in (401, 403):
            return FetchError(Reason.UNAUTHORIZED, self._unauthorized(error))
        if status == RANGE_REFUSED:
            return Trouble(
                Reason.CHECKSUM_MISMATCH, f"{self._host} has fewer bytes than it lists", limit=3
            )
        hint = "or the token may not see it" if self._request.token else "or it needs a token"
        return FetchError(
            Reason.SOURCE_NOT_FOUND,
            f"{self._request.repo} is not on {self._host} ({status}): "
            f"check owner and name, {hint}",
        )

    def _no_revision(self) -> str:
        return (
            f"{self._request.repo} on {self._host} has no branch, tag or commit "
            f"{self._request.revision!r}: check source.huggingface.revision"
        )

    def _unauthorized(self, error: hf.HfHubHTTPError) -> str:
        if isinstance(error, hf.GatedRepoError):
            return (
                f"{self._request.repo} on {self._host} is gated: its owner has to grant access "
                "to the account behind source.huggingface.tokenSecretRef"
            )
        did = "refuses the token" if self._request.token else "wants a token"
        return (
            f"{self._host} {did} for {self._request.repo} ({error.response.status_code}): "
            "check source.huggingface.tokenSecretRef and the access of its owner"
        )


@contextlib.contextmanager
def _lengths() -> Iterator[None]:
    """The client reports a body of another length than announced as an OSError without number."""
    try:
        yield
    except hf.HfHubHTTPError:
        raise
    except OSError as error:
        if error.errno is not None:
            raise
        raise Trouble(Reason.SOURCE_UNREACHABLE, "the answer ended early") from error


def _remote(file: RepoFile) -> RemoteFile:
    if file.lfs is not None:
        return RemoteFile(
            path=file.path, size=file.size, algorithm="sha256", checksum=file.lfs.sha256
        )
    return RemoteFile(path=file.path, size=file.size, algorithm="git-sha1", checksum=file.blob_id)
