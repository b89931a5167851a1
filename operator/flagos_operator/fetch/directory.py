"""What the destination is: complete, empty, damaged or somebody else's."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from flagos_operator.fetch import marker as markers
from flagos_operator.fetch import volume
from flagos_operator.fetch.hashing import sha256_of
from flagos_operator.fetch.reasons import FetchError, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flagos_operator.fetch.marker import Marker, StoredFile
    from flagos_operator.fetch.request import Request
    from flagos_operator.fetch.volume import Volume

HASHERS = 4

# Told how many bytes will be hashed, it gives what is to be called for each block of them.
Watch: TypeAlias = "Callable[[int], contextlib.AbstractContextManager[Callable[[int], None]]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """`touched`: the stamps have changed and the bytes have not, as after a copy by hand."""

    marker: Marker
    touched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """The record is ours and valid, but these files no longer are what it says."""

    marker: Marker
    bad: tuple[StoredFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    pass


@contextlib.contextmanager
def unwatched(total: int) -> Iterator[Callable[[int], None]]:
    del total
    yield lambda _: None


def inspect(
    request: Request, *, rehash: bool, watch: Watch = unwatched
) -> Complete | Damaged | Empty:
    """Raises DirectoryConflict for what must be left alone."""
    place = request.destination
    if place.is_symlink():
        raise conflict(request, "is a symbolic link")
    marker = markers.read(place)
    if marker is None:
        return _without_record(request)
    if not marker.fits(request):
        raise conflict(request, f"holds {marker.title}")
    return compare(place, marker, rehash=rehash, watch=watch)


def compare(
    place: Path, marker: Marker, *, rehash: bool, watch: Watch = unwatched
) -> Complete | Damaged:
    doubtful = marker.files if rehash else _restamped(place, marker)
    if not doubtful:
        return Complete(marker=marker)
    with watch(sum(file.size for file in doubtful)) as passed:
        bad = _wrong(place, doubtful, passed=passed)
    if bad:
        return Damaged(marker=marker, bad=bad)
    return Complete(marker=marker, touched=bool(_restamped(place, marker)))


def check_surroundings(request: Request, *, on: Volume) -> None:
    """Refuses a destination inside another model's directory or inside our own state."""
    place = request.destination
    if place.is_mount() and not place.is_symlink():
        raise FetchError(
            Reason.INVALID_SOURCE,
            f"{place} is the root of a volume: name a directory on it in spec.weights.directory, "
            "so that it can be put in place in one step",
        )
    if on.root not in place.parents:
        raise FetchError(Reason.INVALID_SOURCE, f"{place} does not lie on the volume {on.root}")
    if on.state in (place, *place.parents):
        raise FetchError(Reason.INVALID_SOURCE, f"{on.state} is the fetcher's own: choose another")
    for folder in place.parents:
        if folder == on.root:
            return
        if markers.read(folder) is not None:
            raise conflict(request, f"lies inside {folder}, which holds a model")


def check_inside(request: Request, target: Path) -> None:
    """Refuses to repair through a link that leads out of the directory."""
    if not target.parent.resolve().is_relative_to(request.destination.resolve()):
        raise conflict(request, f"holds a link at {target.parent}")


def conflict(request: Request, what: str) -> FetchError:
    return FetchError(
        Reason.DIRECTORY_CONFLICT,
        f"{request.destination} {what}, and {request.title}{request.choice} is wanted there: "
        "nothing was changed; "
        "choose another spec.weights.directory or remove that one",
    )


def restamped(place: Path, marker: Marker) -> Marker:
    """The marker with the stamps that the files have now."""
    files = tuple(
        replace(file, mtime=(place / file.path).stat().st_mtime_ns) for file in marker.files
    )
    return replace(marker, files=files)


def record(place: Path, marker: Marker) -> None:
    volume.write_whole(place / markers.NAME, markers.dumps(marker))


def _without_record(request: Request) -> Empty:
    place = request.destination
    try:
        names = sorted(path.name for path in place.iterdir())
    except FileNotFoundError:
        return Empty()
    except NotADirectoryError:
        raise conflict(request, "is a file") from None
    if not names:
        return Empty()
    if markers.NAME in names:
        raise conflict(request, f"holds a {markers.NAME} that is not whole")
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")  # noqa: PLR2004
    raise conflict(request, f"holds files of unknown origin ({shown})")


def _restamped(place: Path, marker: Marker) -> tuple[StoredFile, ...]:
    return tuple(file for file in marker.files if not _as_stamped(place, file))


def _as_stamped(place: Path, file: StoredFile) -> bool:
    try:
        stat = (place / file.path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return (stat.st_size, stat.st_mtime_ns) == (file.size, file.mtime)


def _wrong(
    place: Path, files: tuple[StoredFile, ...], *, passed: Callable[[int], None]
) -> tuple[StoredFile, ...]:
    with ThreadPoolExecutor(max_workers=HASHERS) as pool:
        fine = list(pool.map(lambda file: _as_recorded(place, file, passed=passed), files))
    return tuple(file for file, good in zip(files, fine, strict=True) if not good)


def _as_recorded(place: Path, file: StoredFile, *, passed: Callable[[int], None]) -> bool:
    path = place / file.path
    try:
        return (
            not path.is_symlink()
            and path.stat().st_size == file.size
            and sha256_of(path, passed=passed) == file.sha256
        )
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
