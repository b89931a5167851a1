"""The cache of what is built here: each thing is made once per digest of its inputs.

An input is a text, a file or a whole directory. What is made from something made takes the
latter's `name`, which is its digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from testbed.images import oci
from testbed.settings import Settings
from testbed.terminal import Progress
from testbed.turns import turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Input = Path | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    root: Path
    progress: Progress

    @classmethod
    def of_this_machine(cls) -> Store:
        settings = Settings.from_environment(os.environ, home=Path.home())
        return cls(root=settings.cache, progress=Progress())

    def image(
        self,
        name: str,
        *,
        inputs: Iterable[Input],
        make: Callable[[Path], oci.Image],
        usually: str = "a second",
    ) -> Path:
        """The archive of an image. `make` gets a directory for what is of no use afterwards."""
        path = self.root / "images" / f"{short(name)}.tar"
        key = inputs_digest([name, Path(oci.__file__), *inputs])
        with self.turn(name):
            if stamp_of(path).get("inputs") != key:
                step = self.progress.step(f"writing image {name}", usually=usually)
                with step, self.scratch() as scratch:
                    digest = oci.write_image(make(scratch), path)
                write_stamp(path, {"inputs": key, "digest": digest, "name": name})
        return path

    def layer(
        self, name: str, *, inputs: Iterable[Input], make: Callable[[], Iterable[oci.Entry]]
    ) -> oci.Layer:
        """A layer that several images, or several versions of one, have in common."""
        path = self.root / "layers" / f"{name}.tar"
        key = inputs_digest([name, Path(oci.__file__), *inputs])
        with self.turn(name):
            if stamp_of(path).get("inputs") != key:
                layer = oci.write_layer(path, make())
                write_stamp(path, {"inputs": key, "digest": layer.digest})
        digest = stamp_of(path)["digest"]
        return oci.Layer(path=path, digest=digest, size=path.stat().st_size)

    def directory(
        self,
        name: str,
        *,
        inputs: Iterable[Input],
        make: Callable[[Path], None],
        usually: str,
    ) -> Path:
        """A directory named by its inputs; it is there whole or not at all, the last one alone."""
        kept = self.root / name / inputs_digest([name, *inputs])[:16]
        with self.turn(name):
            if not kept.exists():
                step = self.progress.step(f"making {name}", usually=usually)
                with step, self.scratch() as scratch:
                    made = scratch / "made"
                    made.mkdir()
                    make(made)
                    shutil.rmtree(kept.parent, ignore_errors=True)
                    kept.parent.mkdir(parents=True)
                    made.rename(kept)
        return kept

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """Whoever comes second waits for the first and finds the thing made."""
        with turn(self.root / "locks" / name.replace("/", "-")):
            yield

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """On the disk of the cache, so that what is made in it can be renamed into place."""
        place = self.root / "scratch"
        place.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=place) as scratch:
            yield Path(scratch)


def inputs_digest(inputs: Iterable[Input]) -> str:
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


def stamp_of(path: Path) -> dict[str, str]:
    """What is written beside a file; nothing if the file itself is gone."""
    stamp = path.with_suffix(".json")
    if not (path.exists() and stamp.exists()):
        return {}
    return dict(json.loads(stamp.read_text()))


def write_stamp(path: Path, stamp: dict[str, str]) -> None:
    path.with_suffix(".json").write_text(json.dumps(stamp))


def short(name: str) -> str:
    """`localhost/pause:1` is kept in pause.tar."""
    return name.rpartition("/")[2].partition(":")[0]
