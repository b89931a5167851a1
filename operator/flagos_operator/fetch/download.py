"""The one flow: is it there, whose turn is it, is there room; then fetch and put in place."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from flagos_operator.fetch import directory, mirrors, staging, volume
from flagos_operator.fetch.directory import Complete, Damaged
from flagos_operator.fetch.lease import Heart
from flagos_operator.fetch.listing import Listing, check_paths, wanted
from flagos_operator.fetch.marker import Marker, StoredFile
from flagos_operator.fetch.progress import Phase, Reporter, Tally, size
from flagos_operator.fetch.reasons import FetchError, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flagos_operator.fetch.hub import Hub
    from flagos_operator.fetch.lease import Lock
    from flagos_operator.fetch.request import Request
    from flagos_operator.fetch.tools import Tools
    from flagos_operator.fetch.volume import Staging, Volume
    from flagos_operator.fetch.waiting import Turn

MOST_NAMES = 5
BEATS = 12  # in the time after which a silent holder is taken for dead
LOST = "another downloader has taken over this volume: it waited in vain for a sign of life"

How = Literal["present", "waited", "fetched", "repaired", "verified"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    marker: Marker
    how: How
    repaired: tuple[str, ...] = ()


def fetch(request: Request, *, on: Volume, tools: Tools) -> Outcome:
    directory.check_surroundings(request, on=on)
    if request.verify == "Always":
        tools.say(f"hashing what lies in {request.destination}")
    watch = partial(verifying, tools)
    found = directory.inspect(request, rehash=request.verify == "Always", watch=watch)
    if isinstance(found, Complete):
        _refresh_stamps(request, found)
        return Outcome(marker=found.marker, how="present")
    on.prepare()
    damaged = isinstance(found, Damaged)
    with volume.storage_errors(on.root):
        turn = tools.queue.wait(served=lambda: not damaged and _served(request))
    if turn is None:
        return Outcome(marker=_complete(request).marker, how="waited")
    return _holding(
        tools.queue.lock, tools, work=lambda: _in_turn(request, turn, on, tools, damaged=damaged)
    )


def _served(request: Request) -> bool:
    return isinstance(directory.inspect(request, rehash=False), Complete)


def _complete(request: Request) -> Complete:
    found = directory.inspect(request, rehash=False)
    if not isinstance(found, Complete):
        raise directory.conflict(request, "changed while it was read")
    return found


def _refresh_stamps(request: Request, found: Complete) -> None:
    """Saves the next start from hashing again; a read-only volume just stays slow."""
    if found.touched:
        marker = directory.restamped(request.destination, found.marker)
        try:
            directory.record(request.destination, marker)
        except OSError:
            return


def _holding(lock: Lock, tools: Tools, *, work: Callable[[], Outcome]) -> Outcome:
    heart = Heart(lock, on_loss=tools.on_lost_lock, every=tools.queue.stale_after / BEATS)
    heart.start()
    try:
        return work()
    except OSError as error:
        if lock.ours():
            raise
        # Whoever took over has moved the files from under our feet.
        raise FetchError(Reason.LOCK_HELD, LOST) from error
    finally:
        heart.stop()
        lock.release()


def _in_turn(request: Request, turn: Turn, on: Volume, tools: Tools, *, damaged: bool) -> Outcome:
    with volume.storage_errors(on.root):
        on.sweep(keep=request.key, now=tools.now())
        # Rot does not touch the stamps: only hashing tells whether another has repaired it.
        rehash, watch = damaged and request.verify == "Always", partial(verifying, tools)
        found = directory.inspect(request, rehash=rehash, watch=watch)
        if isinstance(found, Complete):
            return Outcome(marker=found.marker, how="waited")
        damage = found if isinstance(found, Damaged) else None
        room = staging.entered(on.staging(request.key), after_silence=turn.after_silence)

        def work(hub: Hub, tools: Tools) -> Outcome:
            job = Job(request=request, hub=hub, staging=room, on=on, tools=tools)
            return job.repair(damage) if damage else job.run()

        with _telling_of(damage):
            return mirrors.serve(request, tools=tools, work=work, damaged=damage)


@contextlib.contextmanager
def _telling_of(damage: Damaged | None) -> Iterator[None]:
    """That a hub is away must not hide what was found on the disk."""
    try:
        yield
    except FetchError as error:
        if damage is None or error.reason is Reason.CHECKSUM_MISMATCH:
            raise
        message = f"damaged: {_named(damage)}; cannot fetch again what is bad: {error.message}"
        raise FetchError(error.reason, message, retry_after=error.retry_after) from error


def _named(damage: Damaged) -> str:
    names = sorted(file.path for file in damage.bad)
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A download that has the volume to itself."""

    request: Request
    hub: Hub
    staging: Staging
    on: Volume
    tools: Tools

    def run(self) -> Outcome:
        listing = self.list_files()
        have = staging.prepare(self.staging, listing)
        staging.check_room(self.staging, listing, have=have, on=self.on)
        self._announce(listing, have)
        checksums = have | self._fetch_all(listing, have)
        return Outcome(marker=self._publish(listing, checksums), how="fetched")

    def repair(self, damaged: Damaged) -> Outcome:
        """Fetches the bad files alone, and only if the hub still has the same content."""
        bad = {file.path: file for file in damaged.bad}
        self.tools.say(f"damaged: {_named(damaged)}; fetching again what is bad")
        listing = self.list_files()
        again = Listing(
            files=tuple(file for file in listing.files if file.path in bad), commit=listing.commit
        )
        have = staging.prepare(self.staging, again)
        staging.check_room(self.staging, again, have=have, on=self.on)
        checksums = have | self._fetch_all(again, have)
        for path, file in bad.items():
            if checksums.get(path) != file.sha256:
                raise _cannot_repair(path, self.request, of=self.hub.request)
        marker = self._replace(damaged.marker, paths=tuple(bad))
        return Outcome(marker=marker, how="repaired", repaired=tuple(sorted(bad)))

    def list_files(self) -> Listing:
        self.tools.say(f"listing: {self.hub.request.title}")
        everything = self.tools.persistence.insist(self.hub.list_files, progress=lambda: 0)
        check_paths(everything.files)
        return wanted(everything, include=self.request.include, exclude=self.request.exclude)

    def _announce(self, listing: Listing, have: dict[str, str]) -> None:
        commit = f" (commit {listing.commit[:12]})" if listing.commit else ""
        kept = f", {len(have)} of them here already" if have else ""
        self.tools.say(
            f"fetching {self.hub.request.title}{commit}: {len(listing.files)} files, "
            f"{size(listing.total)}{kept}"
        )

    def _fetch_all(self, listing: Listing, have: dict[str, str]) -> dict[str, str]:
        """The sha256 of each file fetched."""
        missing = tuple(file for file in listing.files if file.path not in have)
        # Here and not above: a warm start asks no hub and must not pay for it.
        from flagos_operator.fetch.crew import Crew  # noqa: PLC0415

        crew = Crew(self.hub, commit=listing.commit, staging=self.staging, tools=self.tools)
        crew.gather(missing)
        before = listing.total - sum(file.size for file in missing)

        def measure() -> tuple[Phase, int]:
            arrived = crew.arrived()
            if missing and before + arrived == listing.total:
                return "verifying", before + crew.hashed()
            return "downloading", before + arrived

        with reporter(self.tools, measure=measure, total=listing.total).running():
            return crew.fetch()

    def _publish(self, listing: Listing, checksums: dict[str, str]) -> Marker:
        """From here on readers see all of it; until here, nothing."""
        if not self.tools.queue.lock.ours():
            raise FetchError(Reason.LOCK_HELD, LOST)
        volume.make_readable(self.staging.tree)
        marker = self._marker(listing, checksums)
        directory.record(self.staging.tree, marker)
        place = self.request.destination
        _make_parents(place.parent)
        self.staging.tree.rename(place)
        volume.sync_directory(place.parent)
        shutil.rmtree(self.staging.root, ignore_errors=True)
        return marker

    def _replace(self, marker: Marker, *, paths: tuple[str, ...]) -> Marker:
        volume.make_readable(self.staging.tree)
        for path in paths:
            target = self.request.destination / path
            directory.check_inside(self.request, target)
            _make_parents(target.parent)
            (self.staging.tree / path).replace(target)
        renewed = directory.restamped(self.request.destination, marker)
        directory.record(self.request.destination, renewed)
        shutil.rmtree(self.staging.root, ignore_errors=True)
        return renewed

    def _marker(self, listing: Listing, checksums: dict[str, str]) -> Marker:
        tree = self.staging.tree
        files = tuple(
            StoredFile(
                path=file.path,
                size=file.size,
                sha256=checksums[file.path],
                mtime=(tree / file.path).stat().st_mtime_ns,
            )
            for file in listing.files
        )
        return Marker(
            source=self.request.source,
            repo=self.request.repo,
            revision=self.request.revision,
            commit=listing.commit,
            endpoint=self.request.hub,
            include=self.request.include,
            exclude=self.request.exclude,
            files=files,
            mirror=mirrors.origin(self.hub),
        )


@contextlib.contextmanager
def verifying(tools: Tools, total: int) -> Iterator[Callable[[int], None]]:
    """Tells of a hashing that takes longer than the time between two lines."""
    tally = Tally()

    def measure() -> tuple[Phase, int]:
        return "verifying", tally.total

    every = tools.show_every
    with reporter(tools, measure=measure, total=total, first=every).running():
        yield tally.add


def reporter(
    tools: Tools, *, measure: Callable[[], tuple[Phase, int]], total: int, first: float = 0.0
) -> Reporter:
    return Reporter(
        measure=measure,
        total=total,
        every=tools.show_every,
        clock=tools.clock,
        show=tools.show,
        first=first,
    )


def _make_parents(folder: Path) -> None:
    """As `mkdir -p`, but readable for the server's user whatever our umask says."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        path.chmod(path.stat().st_mode | 0o555)


def _cannot_repair(path: str, request: Request, *, of: Request) -> FetchError:
    return FetchError(
        Reason.CHECKSUM_MISMATCH,
        f"{path} in {request.destination} is damaged and {of.title} no longer has the same "
        "content: fetch the present one into another spec.weights.directory",
    )
