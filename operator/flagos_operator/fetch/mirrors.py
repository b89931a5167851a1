"""Several hubs for one copy: they take turns, and all are held to one content.

The first hub that answers says what is to be fetched, for as long as this process lives; another
one may only bring files of the same size and checksum. What is verified stays, whoever brought it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from flagos_operator.fetch.listing import Listing, RemoteFile, check_paths
from flagos_operator.fetch.marker import Origin
from flagos_operator.fetch.reasons import FetchError, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flagos_operator.fetch.directory import Damaged
    from flagos_operator.fetch.hub import Hub
    from flagos_operator.fetch.patience import Patience
    from flagos_operator.fetch.request import Request
    from flagos_operator.fetch.tools import Tools

T = TypeVar("T")

# What another hub can be better at. A hub that lists files outside their directory is not here:
# somebody has to look at it.
CURABLE = frozenset(
    {
        Reason.SOURCE_NOT_FOUND,
        Reason.UNAUTHORIZED,
        Reason.REVISION_NOT_FOUND,
        Reason.SOURCE_UNREACHABLE,
        Reason.RATE_LIMITED,
        Reason.CHECKSUM_MISMATCH,
    }
)
PASSING = frozenset({Reason.SOURCE_UNREACHABLE, Reason.RATE_LIMITED})
ATTEMPTS = 2  # in a row, while another hub is left to ask
LONGEST_ASKED = 10.0  # a Retry-After above it is waited for at the other hubs
LONGEST_WHY = 120  # bytes of a line that a status shows
TURNS = 4  # of each hub whose trouble may pass
WORDS = 900  # of all hubs' failures together: a message of a status holds 1 KiB


def serve(
    request: Request,
    *,
    tools: Tools,
    work: Callable[[Hub, Tools], T],
    damaged: Damaged | None = None,
) -> T:
    """The outcome of `work` with the first hub that can do it."""
    if not request.mirrors:
        return work(tools.open_hub(_repairing(request, damaged)), tools)
    pin = Pin(main=request, listing=_recorded(damaged))
    quick = _quick(tools.persistence.patience)
    hasty = replace(tools, persistence=replace(tools.persistence, patience=quick))

    def attempt(asked: Request) -> T:
        if asked.fault:
            raise FetchError(
                Reason.UNAUTHORIZED, f"{asked.fault} (check {asked.place}.tokenSecretRef)"
            )
        hub = tools.open_hub(_repairing(asked, damaged))
        return work(Held(hub, pin=pin), hasty)

    return Turns(request=request, tools=tools).take(attempt)


def origin(hub: Hub) -> Origin | None:
    """What the record tells of the mirror that has served; None for the main hub."""
    return hub.origin if isinstance(hub, Held) else None


@dataclass(slots=True, kw_only=True)
class Standing:
    """How one hub has fared."""

    request: Request
    failures: int = 0
    due: float = 0.0  # on our clock; before it the hub is not asked again
    error: FetchError | None = None

    @property
    def why(self) -> str:
        """What has failed last, without what to do about it."""
        if self.error is None:
            return ""
        host, words = urlsplit(self.request.hub).netloc[:60], self.error.message.partition(": ")[0]
        return (words if host in words else f"{host}: {words}")[:LONGEST_WHY]

    @property
    def hopeless(self) -> bool:
        passing = self.error is None or self.error.reason in PASSING
        return not passing or self.failures >= TURNS


@dataclass(slots=True, kw_only=True)
class Turns:
    request: Request
    tools: Tools
    standings: list[Standing] = field(default_factory=list)

    def take(self, attempt: Callable[[Request], T]) -> T:
        self.standings = [Standing(request=each) for each in self.request.hubs]
        while left := [each for each in self.standings if not each.hopeless]:
            self._wait_for(min(each.due for each in left))
            for standing in left:
                if standing.due > self.tools.clock():
                    continue
                try:
                    return attempt(standing.request)
                except FetchError as error:
                    if error.reason not in CURABLE:
                        raise
                    self._note(standing, error)
        raise together(self.standings)

    def _wait_for(self, due: float) -> None:
        if (pause := due - self.tools.clock()) > 0:
            told = ", ".join(filter(None, (each.why for each in self.standings)))
            self.tools.say(f"no hub can serve for now: {told}; trying again in {pause:.1f} s")
            self.tools.persistence.sleep(pause)

    def _note(self, standing: Standing, error: FetchError) -> None:
        patience = self.tools.persistence.patience
        standing.error, standing.failures = error, standing.failures + 1
        asked = error.retry_after or 0.0
        if asked > patience.longest_asked:
            standing.failures = TURNS
        # Each turn is of several attempts, so its pause grows faster than that of one.
        ceiling = min(patience.longest, patience.first * 4.0 ** (standing.failures - 1))
        chance = self.tools.persistence.random()
        standing.due = self.tools.clock() + max(asked, ceiling * (0.5 + chance / 2))
        if len(self.standings) > 1:
            host = urlsplit(standing.request.hub).netloc
            self.tools.say(f"{host} cannot serve: {error.reason}: {error.message}")


def together(standings: list[Standing]) -> FetchError:
    """The reason is that of the main hub, which is the one that the user asked for."""
    main = standings[0].error
    room = max(60, WORDS // len(standings) - 80)
    told = "; ".join(_failure(each, room=room) for each in standings if each.error)
    reason = main.reason if main else Reason.SOURCE_UNREACHABLE
    return FetchError(reason, f"none of {len(standings)} hubs can serve: {told}")


def _failure(standing: Standing, *, room: int) -> str:
    host, error = urlsplit(standing.request.hub).netloc, standing.error
    words = error.message if error else ""
    shown = words if len(words) <= room else f"{words[: room - 3]}..."
    return f"{host[:60]}: {error.reason if error else ''} ({shown})"


@dataclass(slots=True, kw_only=True)
class Pin:
    """What all hubs of one download are held to."""

    main: Request
    listing: Listing | None = None
    by: str = "its record"

    def hold(self, found: Listing, *, of: Request) -> Listing:
        if self.listing is None:
            commit = found.commit if same_repo(of, self.main) else None
            self.listing = replace(found, commit=commit)
            self.by = urlsplit(of.hub).netloc
        return self.listing


class Held:
    """A hub that may bring only what the first one has listed."""

    def __init__(self, hub: Hub, *, pin: Pin) -> None:
        self.request = hub.request
        self._hub = hub
        self._pin = pin
        self._offered: dict[str, RemoteFile] = {}
        self._commit: str | None = None

    @property
    def origin(self) -> Origin | None:
        asked, main = self.request, self._pin.main
        if (asked.source, asked.hub, asked.repo) == (main.source, main.hub, main.repo):
            return None
        return Origin(
            source=asked.source,
            repo=asked.repo,
            revision=asked.revision,
            commit=self._commit,
            endpoint=asked.hub,
        )

    def list_files(self) -> Listing:
        found = self._hub.list_files()
        check_paths(found.files)
        self._offered = {file.path: file for file in found.files}
        self._commit = found.commit
        return self._pin.hold(found, of=self.request)

    def address(self, file: RemoteFile, *, commit: str | None) -> str:
        """Of its own commit: the one that is given may be that of another hub."""
        del commit
        self._check(file)
        return self._hub.address(file, commit=self._commit)

    def credentials(self) -> Mapping[str, str]:
        return self._hub.credentials()

    def refused(self, file: RemoteFile, *, status: int, headers: Mapping[str, str]) -> FetchError:
        return self._hub.refused(file, status=status, headers=headers)

    def _check(self, file: RemoteFile) -> None:
        """Before its first byte. Where hubs tell different checksums, its bytes are the judge."""
        offered = self._offered.get(file.path)
        if offered is None:
            raise self._other(f"no {file.path}")
        if offered.size != file.size:
            raise self._other(f"{file.path} with {offered.size} bytes instead of {file.size}")
        alike = offered.algorithm == file.algorithm
        if alike and offered.checksum != file.checksum:
            raise self._other(f"another {file.path}")

    def _other(self, what: str) -> FetchError:
        return FetchError(
            Reason.CHECKSUM_MISMATCH,
            f"{urlsplit(self.request.hub).netloc} has {what}: not the content that "
            f"{self._pin.by} lists; leave the file out with spec.source.exclude if it is not "
            "needed",
        )


def same_repo(one: Request, other: Request) -> bool:
    return (one.source, one.repo) == (other.source, other.repo)


def _quick(patience: Patience) -> Patience:
    return replace(
        patience,
        attempts=min(ATTEMPTS, patience.attempts),
        longest_asked=min(LONGEST_ASKED, patience.longest_asked),
    )


def _repairing(request: Request, damaged: Damaged | None) -> Request:
    """Asks for the state that the copy was made of, where its hub has a name for that."""
    if damaged is None:
        return request
    marker, served = damaged.marker, damaged.marker.mirror
    if served and (served.source, served.repo) == (request.source, request.repo):
        commit = served.commit
    else:
        same = (marker.source, marker.repo) == (request.source, request.repo)
        commit = marker.commit if same else None
    return replace(request, revision=commit or request.revision)


def _recorded(damaged: Damaged | None) -> Listing | None:
    if damaged is None:
        return None
    return Listing(
        files=tuple(
            RemoteFile(path=file.path, size=file.size, algorithm="sha256", checksum=file.sha256)
            for file in damaged.bad
        )
    )
