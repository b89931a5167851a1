"""The verb `verify`: compares a directory with the record beside it, and contacts nobody.

For weights that were brought by hand: an init container runs it before they are served.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from flagos_operator.fetch import cli, directory, options, report
from flagos_operator.fetch import marker as markers
from flagos_operator.fetch.cli import Voice
from flagos_operator.fetch.directory import Damaged
from flagos_operator.fetch.download import Outcome
from flagos_operator.fetch.progress import Phase, Reporter, Tally
from flagos_operator.fetch.reasons import EXIT_TERMINATED, FetchError, Reason
from flagos_operator.fetch.request import Verify

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from flagos_operator.fetch.marker import Marker

EPILOG = f"""\
The record is {markers.NAME}, which `flagos-operator fetch` leaves beside the files: copy it along.
Nothing is written, and no hub is asked.

environment:
  {options.VERIFY}   Always, or OnChange to hash only files whose size or time differs from
                        the record; `cp -a` and `rsync -a` keep times (default: Always)

exit codes:
  0 all is as the record says   1 InternalError   2 wrong usage   16 ChecksumMismatch: the
  message names the files   21 RecordMissing   143 ended by SIGTERM
"""
SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = options.formatter()
    parser.epilog = EPILOG
    add = parser.add_argument
    add("directory", type=Path, metavar="DIR", help="what `fetch` has made, or a copy of it")
    add("--verify", choices=get_args(Verify), help=f"as {options.VERIFY}")
    add("--json", action="store_true", help="print the result as one line of JSON on stdout")
    add("--progress-every", type=float, default=2.0, metavar="S", help="between two lines (2)")


def run(args: argparse.Namespace) -> int:
    voice = Voice()
    # As process 1 of a container nothing else would make SIGTERM end us; nothing is half done.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(EXIT_TERMINATED))
    how = args.verify or os.environ.get(options.VERIFY) or "Always"

    def work() -> dict[str, Any]:
        rehash = options.verify(how) == "Always"
        return _verified(args.directory.absolute(), rehash=rehash, voice=voice, args=args)

    return cli.concluded(work, voice=voice, as_json=args.json)


def _verified(
    place: Path, *, rehash: bool, voice: Voice, args: argparse.Namespace
) -> dict[str, Any]:
    watch = partial(_watched, voice=voice, every=args.progress_every)
    marker = check(place, rehash=rehash, watch=watch, say=voice.say)
    outcome = Outcome(marker=marker, how="verified")
    voice.end_of_bar()
    voice.say(report.sentence(outcome, place=place))
    return report.success(outcome, revision=marker.revision, place=place)


def check(
    place: Path,
    *,
    rehash: bool,
    watch: directory.Watch = directory.unwatched,
    say: Callable[[str], None],
) -> Marker:
    marker = _recorded(place)
    try:
        found = directory.compare(place, marker, rehash=rehash, watch=watch)
    except OSError as error:  # no right to read it, or a disk that cannot
        name = error.filename or place
        raise FetchError(
            Reason.CHECKSUM_MISMATCH, f"cannot read {name}: {error.strerror}"
        ) from error
    if isinstance(found, Damaged):
        raise FetchError(Reason.CHECKSUM_MISMATCH, _damage(place, found))
    if extra := sorted(_unrecorded(place, marker)):
        say(f"also here, and in no record: {_few(extra)}")
    return marker


def _recorded(place: Path) -> Marker:
    record = place / markers.NAME
    cure = "copy it with the files, or run `flagos-operator fetch` where there is a network"
    try:
        marker, there = markers.read(place), record.exists()
    except OSError as error:
        raise FetchError(
            Reason.RECORD_MISSING, f"cannot read {record}: {error.strerror}"
        ) from error
    if marker is not None:
        return marker
    if not place.is_dir():
        raise FetchError(Reason.RECORD_MISSING, f"{place} is no directory: nothing lies there")
    what = "is not whole" if there else "is missing"
    raise FetchError(
        Reason.RECORD_MISSING, f"{record} {what}, so nothing tells what should be here: {cure}"
    )


def _damage(place: Path, found: Damaged) -> str:
    gone = sorted(file.path for file in found.bad if not (place / file.path).exists())
    changed = sorted({file.path for file in found.bad} - set(gone))
    told = [
        f"{len(names)} of {len(found.marker.files)} files {what}: {_few(names)}"
        for names, what in ((gone, "are missing"), (changed, "are not as recorded"))
        if names
    ]
    return f"in {place} {'; '.join(told)}; copy them once more"


def _few(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" * (len(names) > SHOWN))


def _unrecorded(place: Path, marker: Marker) -> Iterator[str]:
    """A server may load a shard of an older copy along with the rest."""
    known = {file.path for file in marker.files}
    for path in place.rglob("*"):
        name = path.relative_to(place).as_posix()
        if name not in known and not name.startswith(".flagos") and not path.is_dir():
            yield name


@contextlib.contextmanager
def _watched(total: int, *, voice: Voice, every: float) -> Iterator[Callable[[int], None]]:
    tally = Tally()

    def measure() -> tuple[Phase, int]:
        return "verifying", tally.total

    reporter = Reporter(
        measure=measure,
        total=total,
        every=every,
        clock=time.monotonic,
        show=voice.show,
        first=every,
    )
    with reporter.running():
        yield tally.add
