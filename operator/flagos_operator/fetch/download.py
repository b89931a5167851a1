"""The one flow: is it there, whose turn is it, is there room; then fetch and put in place."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from flagos_operator.fetch import directory, staging, volume
from flagos_operator.fetch.directory import Complete, Damaged
from flagos_operator.fetch.lease import Heart
from flagos_operator.fetch.listing import Listing, check_paths, wanted
from flagos_operator.fetch.marker import Marker, StoredFile
from flagos_operator.fetch.progress import Reporter, bytes_below, size
from flagos_operator.fetch.reasons import FetchError, Reason
from flagos_operator.fetch.staging import Checked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flagos_operator.fetch.hub import Hub
    from flagos_operator.fetch.lease import Lock
    from flagos_operator.fetch.listing import RemoteFile
    from flagos_operator.fetch.patience import Persistence
    from flagos_operator.fetch.progress import Progress
    from flagos_operator.fetch.request import Request
    from flagos_operator.fetch.volume import Staging, Volume
    from flagos_operator.fetch.waiting import Queue, Turn

BEATS = 12  # in the time after which a silent holder is taken for dead
LOST = "another downloader has taken over this volume: it waited in vain for a sign of life"

How = Literal["present", "waited", "fetched", "repaired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    marker: Marker
    how: How
    repaired: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a fetch needs of the world, so that a test can hand it another one."""

    open_hub: Callable[[Request], Hub]
    persistence: Persistence
    queue: Queue
    workers: int
    clock: Callable[[], float]
    now: Callable[[], float]
    say: Callable[[str], None]
    show: Callable[[Progress], None]
    show_every: float
    on_lost_lock: Callable[[], None]


def fetch(request: Request, *, on: Volume, tools: Tools) -> Outcome:
    directory.check_surroundings(request, on=on)
    if request.verify == "Always":
        tools.say(f"hashing what lies in {request.destination}")
    found = directory.inspect(request, rehash=request.verify == "Always")
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
        found = directory.inspect(request, rehash=damaged and request.verify == "Always")
        if isinstance(found, Complete):
            return Outcome(marker=found.marker, how="waited")
        commit = found.marker.commit if isinstance(found, Damaged) else None
        hub = tools.open_hub(replace(request, revision=commit or request.revision))
        job = Job(request=request, hub=hub, staging=on.staging(request.key), on=on, tools=tools)
        if isinstance(found, Damaged):
            return job.repair(found)
        return job.run(turn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A download that has the volume to itself."""

    request: Request
    hub: Hub
    staging: Staging
    on: Volume
    tools: Tools

    def run(self, turn: Turn) -> Outcome:
        listing = self.list_files()
        have = staging.prepare(self.staging, listing)
        if turn.after_silence:
            staging.adopt_copies(self.staging)
        staging.check_room(self.staging, listing, have=have, on=self.on)
        self._announce(listing, have)
        checksums = have | self._fetch_all(listing, have)
        return Outcome(marker=self._publish(listing, checksums), how="fetched")

    def repair(self, damaged: Damaged) -> Outcome:
        """Fetches the bad files alone, and only if the hub still has the same content."""
        bad = {file.path: file for file in damaged.bad}
        self.tools.say(f"damaged: {', '.join(sorted(bad)[:5])}; fetching again what is bad")
        listing = self.list_files()
        again = Listing(
            files=tuple(file for file in listing.files if file.path in bad), commit=listing.commit
        )
        have = staging.prepare(self.staging, again)
        staging.check_room(self.staging, again, have=have, on=self.on)
        checksums = have | self._fetch_all(again, have)
        for path, file in bad.items():
            if checksums.get(path) != file.sha256:
                raise _cannot_repair(path, self.request)
        marker = self._replace(damaged.marker, paths=tuple(bad))
        return Outcome(marker=marker, how="repaired", repaired=tuple(sorted(bad)))

    def list_files(self) -> Listing:
        everything = self.tools.persistence.insist(self.hub.list_files, progress=lambda: 0)
        check_paths(everything.files)
        return wanted(everything, include=self.request.include, exclude=self.request.exclude)

    def _announce(self, listing: Listing, have: dict[str, str]) -> None:
        commit = f" (commit {listing.commit[:12]})" if listing.commit else ""
        kept = f", {len(have)} of them here already" if have else ""
        self.tools.say(
            f"fetching {self.request.title}{commit}: {len(listing.files)} files, "
            f"{size(listing.total)}{kept}"
        )

    def _fetch_all(self, listing: Listing, have: dict[str, str]) -> dict[str, str]:
        """The sha256 of each file fetched; the first failure stops the others."""
        missing = [file for file in listing.files if file.path not in have]
        # The largest first: a last big file would have the line to itself.
        missing.sort(key=lambda file: -file.size)
        reporter = Reporter(
            staging=self.staging,
            total=listing.total,
            every=self.tools.show_every,
            clock=self.tools.clock,
            show=self.tools.show,
        )
        stop = threading.Event()
        pool = ThreadPoolExecutor(max_workers=self.tools.workers, thread_name_prefix="fetch")
        with reporter.running():
            futures = [
                pool.submit(self._fetch_one, file, commit=listing.commit, stop=stop)
                for file in missing
            ]
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            stop.set()
            for future in done:
                if (error := future.exception()) is not None:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise error
        pool.shutdown()
        return dict(future.result() for future in futures)

    def _fetch_one(
        self, file: RemoteFile, *, commit: str | None, stop: threading.Event
    ) -> tuple[str, str]:
        if stop.is_set():
            raise FetchError(Reason.INTERNAL_ERROR, "another file has failed")
        into = self.staging.parts / file.key
        into.mkdir(exist_ok=True)
        arrived = self.tools.persistence.insist(
            lambda: self.hub.download(file, commit=commit, into=into),
            progress=lambda: bytes_below(into),
        )
        checked = Checked(file=file, sha256=arrived.sha256)
        staging.keep(self.staging, checked, arrived=arrived.path)
        return file.path, arrived.sha256

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
        )


def _make_parents(folder: Path) -> None:
    """As `mkdir -p`, but readable for the server's user whatever our umask says."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        path.chmod(path.stat().st_mode | 0o555)


def _cannot_repair(path: str, request: Request) -> FetchError:
    return FetchError(
        Reason.CHECKSUM_MISMATCH,
        f"{path} in {request.destination} is damaged and {request.title} no longer has the same "
        "content: fetch the present one into another weights.directory",
    )
