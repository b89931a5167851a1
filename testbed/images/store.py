"""The cache of what is built here: each thing is made once per digest of its inputs."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from testbed.images import oci

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def root() -> Path:
    return Path(os.environ.get("FLAGOS_CACHE") or Path.home() / ".cache" / "flagos-operator")


def inputs_digest(inputs: Iterable[Path | str]) -> str:
    """One digest over texts, files and whole directories, by content and mode."""
    total = hashlib.sha256()
    for item in inputs:
        for text in (item,) if isinstance(item, str) else described(item):
            total.update(hashlib.sha256(text.encode()).digest())
    return total.hexdigest()


def described(path: Path) -> Iterable[str]:
    """A line per file; what Python cached beside its sources is no input."""
    if path.is_dir():
        for found in sorted(path.rglob("*")):
            if found.is_file() and "__pycache__" not in found.parts:
                yield f"{found.relative_to(path)} {file_digest(found)}"
    else:
        yield f"{path.name} {file_digest(path)}"


def file_digest(path: Path) -> str:
    with path.open("rb") as data:
        return f"{hashlib.file_digest(data, 'sha256').hexdigest()} {path.stat().st_mode:o}"


def image(name: str, *, inputs: Iterable[Path | str], make: Callable[[Path], oci.Image]) -> Path:
    """The archive of an image, written anew only if its inputs changed.

    `make` gets a directory for what is of no use afterwards.
    """
    path = root() / "images" / f"{short(name)}.tar"
    key = inputs_digest([name, Path(oci.__file__), *inputs])
    if stamp_of(path).get("inputs") != key:
        with TemporaryDirectory(dir=make_directory(root() / "scratch")) as scratch:
            digest = oci.write_image(make(Path(scratch)), path)
        write_stamp(path, {"inputs": key, "digest": digest, "name": name})
    return path


def layer(
    name: str, *, inputs: Iterable[Path | str], make: Callable[[], Iterable[oci.Entry]]
) -> oci.Layer:
    """A layer that several images, or several versions of one, have in common."""
    path = root() / "layers" / f"{name}.tar"
    key = inputs_digest([name, Path(oci.__file__), *inputs])
    stamp = stamp_of(path)
    if stamp.get("inputs") != key:
        made = oci.write_layer(path, make())
        stamp = {"inputs": key, "digest": made.digest}
        write_stamp(path, stamp)
    return oci.Layer(path=path, digest=stamp["digest"], size=path.stat().st_size)


def stamp_of(path: Path) -> dict[str, str]:
    """What is written beside a file; nothing if the file itself is gone."""
    stamp = path.with_suffix(".json")
    if not (path.exists() and stamp.exists()):
        return {}
    return dict(json.loads(stamp.read_text()))


def write_stamp(path: Path, stamp: dict[str, str]) -> None:
    path.with_suffix(".json").write_text(json.dumps(stamp))


def make_directory(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def short(name: str) -> str:
    """`localhost/pause:1` is kept in pause.tar."""
    return name.rpartition("/")[2].partition(":")[0]
