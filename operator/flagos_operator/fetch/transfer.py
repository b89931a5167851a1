"""One stream: asks a hub for a piece of a file, follows where it leads, and judges the answer."""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING

import requests
import urllib3

from flagos_operator.fetch import hub as hubs
from flagos_operator.fetch.hashing import MISMATCH_ATTEMPTS, wrong_size
from flagos_operator.fetch.pace import Floor, Gate, Pace, Stopped
from flagos_operator.fetch.patience import Trouble
from flagos_operator.fetch.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flagos_operator.fetch.hub import Hub
    from flagos_operator.fetch.listing import RemoteFile
    from flagos_operator.fetch.part import Part
    from flagos_operator.fetch.pieces import Piece
    from flagos_operator.fetch.request import Request

BLOCK = 1 << 20
TIMEOUTS = (10.0, 30.0)  # to connect, and between two bytes
HOPS = 10
OK, PARTIAL, RANGE_REFUSED = 200, 206, 416
MOVED = (301, 302, 303, 307, 308)
EXPIRED = (400, 401, 403, 404, 410)  # what stores answer to a link whose time is over
CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
STRONG_ETAG = re.compile(r'"[!#-~]{1,126}"')


class NoRanges(Exception):
    """The hub answers a range with the whole file: only one stream can fetch it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """[at, stop) of a file; `etag`: only if it is still that content."""

    file: RemoteFile
    at: int
    stop: int
    whole: bool  # an answer with all of the file is as good
    etag: str = ""

    def headers(self) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity", "Accept": "*/*"}
        if self.at == 0 and self.whole:
            return headers
        headers["Range"] = f"bytes={self.at}-{self.stop - 1}"
        return headers | ({"If-Range": self.etag} if self.etag else {})


def starts_at(wanted: Wanted, *, status: int, headers: Mapping[str, str], host: str) -> int:
    """Which byte of the file the body begins with; raises for a body that cannot be of it."""
    file = wanted.file
    if headers.get("Content-Encoding", "identity") != "identity":
        raise _changed(f"{host} sends {file.path} in an encoding that was not asked for")
    if status == OK:
        if not wanted.whole:
            raise NoRanges
        length = headers.get("Content-Length", "")
        if length.isdigit() and int(length) != file.size:
            raise wrong_size(file, found=int(length))
        return 0
    match = CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    if match is None or int(match[1]) != wanted.at:
        raise _changed(f"{host} sends other bytes of {file.path} than it was asked for")
    if match[3] != "*" and int(match[3]) != file.size:
        raise wrong_size(file, found=int(match[3]))
    return wanted.at


class Line:
    """A stream's connection to a hub and the stores it leads to; not for two threads."""

    def __init__(
        self, hub: Hub, *, commit: str | None, gate: Gate, floor: Floor, clock: Callable[[], float]
    ) -> None:
        self._hub = hub
        self._request: Request = hub.request
        self._commit = commit
        self._gate = gate
        self._floor = floor
        self._clock = clock
        self.host = ""  # who was asked last
        self._session = requests.Session()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers["User-Agent"] = hubs.USER_AGENT
        self._answer: requests.Response | None = None

    def carry(self, part: Part, piece: Piece) -> None:
        """Brings what is missing of a piece, or raises on the way; what came is kept."""
        while (at := part.reached(piece)) < piece.stop:
            whole = (piece.start, piece.stop) == (0, part.file.size)
            wanted = Wanted(
                file=part.file,
                # A hub without ranges sends all again: what is here already is passed over.
                at=0 if piece.index < 0 else at,
                stop=piece.stop,
                whole=whole,
                etag=part.etag,
            )
            answer = self._answer = self._ask_hub(part, wanted)
            with answer:
                self._receive(answer, part, wanted)
            self._answer = None

    def abort(self) -> None:
        """From another thread: ends a read that may take long."""
        answer = self._answer
        if answer is not None and answer.raw is not None:
            try:
                answer.raw.shutdown()
            except (OSError, ValueError, RuntimeError, AttributeError):
                return

    def close(self) -> None:
        self._session.close()

    def _ask_hub(self, part: Part, wanted: Wanted) -> requests.Response:
        link = part.link
        if link is not None:
            answer = self._ask(link, wanted)
            if answer.status_code not in EXPIRED:
                return self._accepted(answer, wanted)
            answer.close()
            part.link = None
        url = self._hub.address(wanted.file, commit=self._commit)
        answer = self._accepted(self._ask(url, wanted), wanted)
        if not hubs.may_see_token(answer.url, request=self._request):
            part.link = answer.url  # the next piece need not trouble the hub
        return answer

    def _ask(self, url: str, wanted: Wanted) -> requests.Response:
        """Each hop anew: the token goes to its own endpoint and nowhere else."""
        for _ in range(HOPS):
            try:
                hubs.check_redirect(url, request=self._request)
                self.host = urllib.parse.urlsplit(url).netloc.rpartition("@")[2]
                self._gate.enter(self.host)
                headers = wanted.headers()
                if hubs.may_see_token(url, request=self._request):
                    headers |= self._hub.credentials()
                answer = self._session.get(
                    url, headers=headers, stream=True, allow_redirects=False, timeout=TIMEOUTS
                )
                if answer.status_code not in MOVED or "Location" not in answer.headers:
                    return answer
                with answer:
                    answer.raw.drain_conn()
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                raise self._unreachable(error) from error
            except ValueError as error:
                words = f"{self.host} redirects to what is no address: {error}"
                raise Trouble(Reason.SOURCE_UNREACHABLE, words, limit=3) from error
            url = urllib.parse.urljoin(url, answer.headers["Location"])
        raise Trouble(Reason.SOURCE_UNREACHABLE, f"{self.host} redirects in a circle", limit=3)

    def _accepted(self, answer: requests.Response, wanted: Wanted) -> requests.Response:
        if answer.status_code in (OK, PARTIAL):
            return answer
        answer.close()
        raise self._refused(wanted.file, answer)

    def _refused(self, file: RemoteFile, answer: requests.Response) -> Exception:
        status = answer.status_code
        if status == hubs.TOO_MANY or status >= 500:  # noqa: PLR2004
            after = hubs.retry_after(answer.headers)
            return hubs.busy(status, retry_after=after, host=self.host)
        if status == RANGE_REFUSED:
            return _changed(f"{self.host} has fewer bytes of {file.path} than it lists")
        return self._hub.refused(file, status=status, headers=answer.headers)

    def _receive(self, answer: requests.Response, part: Part, wanted: Wanted) -> None:
        at = starts_at(wanted, status=answer.status_code, headers=answer.headers, host=self.host)
        etag = answer.headers.get("ETag", "")
        if part.file.algorithm == "none" and at == 0:
            part.start_over(etag=etag if STRONG_ETAG.fullmatch(etag) else "")
        pace = Pace(self._floor, since=self._clock(), host=self.host)
        began = at
        while at < wanted.stop:
            block = self._read(answer, min(BLOCK, wanted.stop - at))
            if not block:
                break
            part.write(block, at=at)
            at += len(block)
            pace.note(len(block), now=self._clock())
        if at < wanted.stop and (at == began or answer.status_code == OK):
            raise Trouble(Reason.SOURCE_UNREACHABLE, f"{self.host} ended its answer early")
        if at == wanted.file.size and self._read(answer, 1):
            raise wrong_size(part.file, found=at + 1)

    def _read(self, answer: requests.Response, most: int) -> bytes:
        try:
            return answer.raw.read1(most, decode_content=False) or b""
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> Exception:
        if self._gate.stopped.is_set():
            return Stopped()
        return hubs.unreachable(error, host=self.host)


def _changed(message: str) -> Trouble:
    return Trouble(Reason.CHECKSUM_MISMATCH, message, limit=MISMATCH_ATTEMPTS)
